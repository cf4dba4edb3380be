# podknock. `make` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

export CGO_ENABLED ?= 0
LAB      ?= lab
ENGINE   ?= kube-network-policies
NODES    ?= 2
FAMILY   ?= dual
REPEAT   ?= 20

GO_BUILD := go build -trimpath -buildvcs=false
STAGE    := .ci/stage
TESTS    := .ci/tests
# The race detector needs cgo, in tests only.
RACE     := env CGO_ENABLED=1 $(TESTS)

##@ Build

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z][a-z-]*:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: lab-build
lab-build: ## Build the lab's own program, bin/lab
	cd e2e/lab && $(GO_BUILD) -o ../../bin/lab .

##@ The lab: a real cluster on this machine (root)

.PHONY: lab-up lab-down lab-status
lab-up: lab-build ## Bring the lab up (LAB=name NODES=2 FAMILY=dual|ipv4|ipv6 ENGINE=kube-network-policies|none)
	bin/lab up --name $(LAB) --nodes $(NODES) --ip-family $(FAMILY) --engine $(ENGINE)

lab-down: lab-build ## Take the lab down and remove all that it made
	bin/lab down --name $(LAB)

lab-status: lab-build ## Say how the lab is doing
	bin/lab status --name $(LAB)

##@ Test

.PHONY: test
test: ## Set everything up and pass all tests (root; 35 minutes at most from nothing)
	.ci/all
