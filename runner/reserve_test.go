package runner

import (
	"context"
	"errors"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/scenarios"
)

func TestAReserveHandsOutWhatIsFree(t *testing.T) {
	g := NewWithT(t)
	r := newReserve([]string{"a", "b", "c"})
	_, err := r.take(t.Context(), 4)
	g.Expect(err).To(MatchError(ContainSubstring("it needs 4 namespaces of the reserve, and 3 are left")))
	first, err := r.take(t.Context(), 2)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(first).To(Equal([]string{"a", "b"}))

	waiting := make(chan []string)
	go func() {
		second, _ := r.take(t.Context(), 2)
		waiting <- second
	}()
	g.Consistently(waiting, "100ms").ShouldNot(Receive(), "two are not free")
	r.give(first)
	g.Eventually(waiting, "10s").Should(Receive(Equal([]string{"c", "a"})))

	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the run ended"))
	_, err = r.take(cancelled, 2)
	g.Expect(err).To(MatchError("the run ended"))
}

func TestWhoWaitsForNamespacesThatWereLostIsToldSo(t *testing.T) {
	g := NewWithT(t)
	r := newReserve([]string{"a", "b"})
	taken, err := r.take(t.Context(), 2)
	g.Expect(err).NotTo(HaveOccurred())
	failed := make(chan error)
	go func() {
		_, err := r.take(t.Context(), 1)
		failed <- err
	}()
	r.lose(taken)
	g.Eventually(failed, "10s").Should(Receive(MatchError(ContainSubstring("0 are left that could be emptied"))))
}

const reserved = `
apiVersion: podknock.dev/v1alpha1
kind: Scenario
metadata: {name: reserved}
about: Two namespaces that know each other by name.
namespaces:
  one: {labels: {team: a}}
  two:
pods:
  a: {namespace: one, labels: {app: a}, ports: [80/TCP]}
  b: {namespace: two, ports: [80/TCP]}
services:
  web: {namespace: one, selector: {app: a}, ports: ["80:80"]}
steps:
  - {name: before, expect: [{from: "*", to: "*", outcome: connected}]}
  - name: one is let in
    apply:
      - apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: p, namespace: two}
        spec:
          podSelector: {}
          ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: one}}}]}]
    expect: [{from: "*", to: "*", outcome: connected}]
`

func TestAScenarioMovesIntoNamespacesThatExist(t *testing.T) {
	g := NewWithT(t)
	options := Options{Run: "r1", Reserve: []string{"pool-1", "pool-2"}}
	plan := planFor(t, reserved, options)
	g.Expect(plan.Scenarios).To(HaveLen(1))
	moved, err := plan.Scenarios[0].inNamespaces(options, []string{"pool-2", "pool-1"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(moved.Topology.Namespaces[0].Object.Name).To(Equal("pool-2"))
	g.Expect(moved.Topology.Pods[1].Meta.Namespace).To(Equal("pool-1"))
	policy := moved.Policies()[0]
	g.Expect(policy.Namespace).To(Equal("pool-1"))
	g.Expect(policy.Spec.Ingress[0].From[0].NamespaceSelector.MatchLabels).To(HaveKeyWithValue("kubernetes.io/metadata.name", "pool-2"))
	g.Expect(moved.Topology.Services[0].Namespace).To(Equal("pool-2"))
	g.Expect(moved.Topology.Services[0].Name).To(Equal("web-pk-r1-reserved"), "no DNS server remembers that name from another scenario")
	g.Expect(moved.naming.hostName(scenarios.Endpoint{Kind: scenarios.EndpointServiceName, Name: "web"})).To(Equal("web-pk-r1-reserved.pool-2.svc"))
	g.Expect(plan.Scenarios[0].Topology.Services[0].Name).To(Equal("web"))
	g.Expect(plan.Scenarios[0].Topology.Namespaces[0].Object.Name).To(HavePrefix("pk-r1-one"), "the plan itself stays as it was")
}

func TestScenariosThatAReserveCannotHoldAreSkipped(t *testing.T) {
	for _, test := range []struct {
		name, file, reason string
		namespaces         []string
	}{
		{"too few namespaces", reserved, "it needs 2 namespaces and the reserve has 1", []string{"pool-1"}},
		{"a namespace that is not of the reserve", strings.Replace(reserved, "two:\n", "two: {existing: true}\n", 1),
			`it needs pods in namespace "two"`, []string{"pool-1", "pool-2"}},
		{"a namespace that comes later", strings.NewReplacer("  two:\n", "  two:\n  three:\n", "name: one is let in\n", "name: one is let in\n    create: [namespace/three]\n").Replace(reserved),
			"it creates or deletes namespaces", []string{"pool-1", "pool-2", "pool-3"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := NewWithT(t)
			file := test.file
			if strings.Contains(file, "existing") {
				file = strings.Replace(file, "metadata: {name: p, namespace: two}", "metadata: {name: p, namespace: one}", 1)
			}
			plan := planFor(t, file, Options{Run: "r1", Reserve: test.namespaces})
			g.Expect(plan.Scenarios).To(BeEmpty())
			g.Expect(plan.Skipped).To(HaveLen(1))
			g.Expect(plan.Skipped[0].Reason).To(ContainSubstring(test.reason))
		})
	}
}
