# podknock. `make` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

export CGO_ENABLED ?= 0
# Go has to be told less often what it must not look for.
export GOFLAGS := -buildvcs=false $(GOFLAGS)

LAB     ?= lab
ENGINE  ?= kube-network-policies
NODES   ?= 2
FAMILY  ?= dual
IMAGE   ?= podknock.dev/agent:dev
RUNNER_IMAGE  ?= podknock.dev/podknock:dev
ARCHITECTURES ?= amd64,arm64

GO_BUILD := go build -trimpath -ldflags='-s -w'
TESTS    := .ci/tests
# The race detector needs cgo, in tests alone.
RACE     := CGO_ENABLED=1 $(TESTS)

##@ Build

.PHONY: help build lab-build image agent-image runner-image
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z][a-z-]*:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build the programs into bin
	$(GO_BUILD) -o bin/ ./cmd/...

lab-build: ## Build the lab's program, bin/lab
	cd e2e/lab && go build -trimpath -o ../../bin/lab .

image: agent-image runner-image ## Archive the images of both programs in dist, without Docker: ARCHITECTURES=amd64,arm64

# The agent is small, podknock itself links client-go: whoever needs it for this
# machine alone says so with ARCHITECTURES.
agent-image:
	go run ./images/build -program podknock-agent -name $(IMAGE) -o dist
runner-image:
	go run ./images/build -program podknock -name $(RUNNER_IMAGE) -architectures $(ARCHITECTURES) -o dist

##@ The lab: a real cluster on this machine (root)

.PHONY: lab-up lab-down lab-status
lab-up: lab-build ## Bring the lab up: LAB=name NODES=2 FAMILY=dual|ipv4|ipv6 ENGINE=kube-network-policies|none
	bin/lab up --name $(LAB) --nodes $(NODES) --ip-family $(FAMILY) --engine $(ENGINE)

lab-down: lab-build ## Take the lab down and remove all that it made
	bin/lab down --name $(LAB)

lab-status: lab-build ## Say how the lab is doing
	bin/lab status --name $(LAB)

##@ See it work

# The hosts outside the lab's cluster that scenarios may ask for.
WORLD := --external inside=192.0.2.10 --external inside=2001:db8:1::10 --external excluded=192.0.2.11 --external excluded=2001:db8:1::11 \
	--external outside=203.0.113.10 --external outside=2001:db8:2::10

.PHONY: demo
demo: lab-up build agent-image ## Bring the lab up and run the suite guides in it (root); everything missing is installed
	bin/lab load --name $(LAB) dist/podknock-agent-$$(go env GOARCH).tar
	bin/podknock run guides --kubeconfig /run/podknock/$(LAB)/kubeconfig $(WORLD)
	@echo
	@echo "The lab is still up. Try next:"
	@echo "  export KUBECONFIG=/run/podknock/$(LAB)/kubeconfig"
	@echo "  bin/podknock list                            # what else there is"
	@echo "  bin/podknock show guides/internal-policy     # what a scenario applies and expects"
	@echo "  bin/podknock run guides/internal-policy -o markdown"
	@echo "  make demo LAB=open ENGINE=none               # a cluster that enforces nothing: every block fails"
	@echo "and take it down with: make lab-down LAB=$(LAB)"

##@ Test

.PHONY: test test-full unit others alerts pushgateway wire e2e defects check lint bench fuzz
test: ## Set everything up and pass all tests (root)
	@.ci/all

test-full: ## Pass also what takes too long for every change (root; hours)
	@.ci/all full

unit: unit-build unit-run ## Tests that need neither root nor a network

others: ## Build podknock for the other systems that engineers sit at
	for system in darwin windows; do GOOS=$$system go vet ./cmd/podknock ./runner/... && GOOS=$$system go build -o /dev/null ./cmd/podknock || exit; done

alerts: ## Try the example alerts with Prometheus' own rule engine, which takes long to build
	cd runner/metrics/alerts && go vet ./... && go test ./...

# For the specs with the label full.
pushgateway:
	cd e2e/pushgateway && go build -trimpath -o ../../dist/ github.com/prometheus/pushgateway

wire: wire-build wire-run ## Tests of the wire in network namespaces (root)

e2e: e2e-images build lab-build e2e-build e2e-run ## Specs on a real cluster (root, or E2E_FLAGS='-kubeconfig FILE')

RIGHT_RUNS    ?= 20
DEFECTS_FLAGS ?=
defects: lab-up build image ## Verify every engine that is wrong on purpose, and write the table of e2e/README.md (root; hours; goes on where it stopped)
	bin/lab load --name $(LAB) dist/podknock-agent-$$(go env GOARCH).tar
	go run ./e2e/defects/write -name $(LAB) -right $(RIGHT_RUNS) -readme e2e/README.md $(DEFECTS_FLAGS)

check: ## Formatting, vet, tidy modules
	@.ci/check

lint: ## staticcheck, from a module of its own
	go tool -modfile=.ci/tools/go.mod staticcheck -tags wire,e2e ./...
	cd e2e/lab && go tool -modfile=../../.ci/tools/go.mod staticcheck -tags wire ./...

# What the stages of test are made of: tests are built first, then run.
.PHONY: tests-build e2e-images unit-build unit-run wire-build wire-run wire-race-run wire-lab-race e2e-build e2e-run
tests-build: build e2e-images unit-build wire-build e2e-build

# The product is tested under the race detector. What only compares it with
# others is not: the lab's module would compile Kubernetes a second time. What is
# built with -trimpath shares what was compiled for the programs.
unit-build:
	$(RACE) build unit . -race -- ./...
	$(TESTS) build unit-lab e2e/lab -trimpath -- ./...
	$(TESTS) build unit-verifier e2e/lab -trimpath -tags=verifier -- ./internal/engine
	$(TESTS) build unit-difftest scenarios/policy/difftest -trimpath -- ./...
	$(TESTS) build unit-schema scenarios/schema/conformance -trimpath -- ./...

CASES ?= 20000
SHORT ?=
unit-run:
	JOBS=2 $(TESTS) run unit $(SHORT)
	$(TESTS) run unit-lab
	$(TESTS) run unit-verifier -test.run=TheVerifier
	$(TESTS) run unit-difftest -cases=$(CASES)
	$(TESTS) run unit-schema

wire-build:
	$(TESTS) build wire . -trimpath -tags=wire -- ./probe
	$(RACE) build wire-race . -race -tags=wire -- ./probe
	$(TESTS) build wire-lab e2e/lab -trimpath -tags=wire -- ./internal/machine ./internal/cluster ./internal/engine

REPEAT     ?= 10
WIRE_TESTS ?= .
wire-run:
	$(TESTS) run wire -wire.repeat=$(REPEAT) -test.run='$(WIRE_TESTS)' -test.timeout=60m
wire-race-run:
	$(TESTS) run wire-race -wire.repeat=3
	$(TESTS) run wire-lab

# The lab is no product, and this compiles much of Kubernetes once more.
wire-lab-race:
	$(RACE) build wire-lab-race e2e/lab -race -tags=wire -- ./internal/machine ./internal/cluster ./internal/engine
	$(TESTS) run wire-lab-race

# The lab's nodes have the architecture of this machine.
e2e-images: agent-image
	@$(MAKE) runner-image ARCHITECTURES=$$(go env GOARCH)

e2e-build:
	$(TESTS) build e2e . -trimpath -tags=e2e -- ./e2e

E2E_LABELS ?= !full
E2E_FLAGS  ?=
e2e-run:
	$(TESTS) run e2e -test.timeout=4h -ginkgo.label-filter='$(E2E_LABELS)' -ginkgo.json-report=$(CURDIR)/dist/results/e2e-specs.json \
		-lab $(CURDIR)/bin/lab -podknock $(CURDIR)/bin/podknock -agent $(CURDIR)/bin/podknock-agent -archive $(CURDIR)/dist/podknock-agent-amd64.tar \
		-runner-archive $(CURDIR)/dist/podknock-amd64.tar -pushgateway $(CURDIR)/dist/pushgateway $(E2E_FLAGS)

bench: ## Figures of speed and memory, of whole runs in a lab too (root; nothing else should run)
	go test -run '^$$' -bench . -benchtime 3x ./scenarios/...
	go test -run '^$$' -bench . -benchtime 3x -tags wire ./probe ./cmd/podknock-agent
	$(MAKE) build image lab-build
	go test -run '^$$' -bench . -benchtime 1x -timeout 30m -tags e2e ./e2e -lab $(CURDIR)/bin/lab -lab-name bench \
		-podknock $(CURDIR)/bin/podknock -archive $(CURDIR)/dist/podknock-agent-amd64.tar $(E2E_FLAGS)

FUZZTIME ?= 30s
fuzz: ## Fuzz every parser of foreign input for FUZZTIME each
	@.ci/fuzz $(FUZZTIME)
