package runner

import (
	"context"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

// changedUnseen has a step whose change shows in no cell.
const changedUnseen = `
apiVersion: podknock.dev/v1alpha1
kind: Scenario
metadata: {name: NAME}
about: A policy is applied that changes nothing.
pods:
  front: {ports: [80/TCP]}
  back: {labels: {role: back}, ports: [80/TCP]}
steps:
  - name: everybody may
    apply:
      - metadata: {name: back}
        spec: {podSelector: {matchLabels: {role: back}}, policyTypes: [Ingress], ingress: [{}]}
    expect: [{from: "*", to: "*", outcome: connected}]
`

func TestCanariesHintWhenAChangeIsInForceThatShowsNowhere(t *testing.T) {
	rows := map[string]struct {
		cluster *fakeCluster
		tenant  string
		how     SettledHow
		note    string
	}{
		"nothing is enforced":    {cluster: &fakeCluster{unenforced: true}, how: SettledAsExpected, note: "not in force within"},
		"canaries cannot start":  {cluster: &fakeCluster{cannotStart: map[string]string{"knocker": "exceeded quota"}}, how: SettledAsExpected, note: "exceeded quota"},
		"they are denied anyway": {cluster: &fakeCluster{asked: silentFor("canary-0")}, how: SettledAsExpected, note: "not in force within"},
		"a tenant has none":      {cluster: &fakeCluster{}, tenant: "theirs", how: SettledAsExpected},
		"enforced at once":       {cluster: &fakeCluster{}, how: SettledByCanary},
		"enforced a little late": {cluster: &fakeCluster{enforcedAfter: 8}, how: SettledByCanary},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			empty := newFakeCluster()
			row.cluster.namespaces, row.cluster.pods, row.cluster.policies = empty.namespaces, empty.pods, empty.policies
			row.cluster.namespaces["theirs"] = &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "theirs"}}
			options := fastOptions()
			options.Tenant = row.tenant
			report := runOn(t, t.Context(), row.cluster, options, strings.Replace(changedUnseen, "NAME", "unseen", 1))
			g.Expect(report.ExitCode()).To(Equal(ExitAsExpected), "%+v", report.Scenarios[0])
			step := report.Scenarios[0].Steps[1]
			g.Expect(step.Settled.How).To(Equal(row.how), "%v", report.Scenarios[0].Notes)
			if row.note != "" {
				g.Expect(report.Scenarios[0].Notes).To(ContainElement(ContainSubstring(row.note)))
			} else {
				g.Expect(report.Scenarios[0].Notes).To(BeEmpty())
			}
		})
	}
}

// silentFor leaves every knock on a pod without an answer.
func silentFor(name string) func(*fakeCluster, string, string, probe.Attempt) (probe.Observation, bool) {
	return func(_ *fakeCluster, _, target string, _ probe.Attempt) (probe.Observation, bool) {
		return probe.Observation{Phase: probe.PhaseConnect, Tries: 4, Nonce: probe.NewNonce()}, target == name
	}
}

func TestCanariesAreMadeOnceAndChangedAfterTheStep(t *testing.T) {
	g := NewWithT(t)
	options := fastOptions()
	options.Parallel = 1
	cluster := newFakeCluster()
	var all []*scenarios.Scenario
	for _, name := range []string{"first", "second", "third"} {
		all = append(all, parseScenario(t, strings.Replace(changedUnseen, "NAME", name, 1)))
	}
	plan, err := NewPlan(all, options)
	g.Expect(err).NotTo(HaveOccurred())
	report := Run(context.WithoutCancel(t.Context()), cluster, plan, options)
	for _, scenario := range report.Scenarios {
		g.Expect(scenario.Steps[1].Settled.How).To(Equal(SettledByCanary))
	}
	g.Expect(cluster.pods).To(HaveLen(2), "the knocker and the canary of the one node; the scenarios' pods are gone")
	// The first and the third scenario have applied the policy, the second has deleted it. Each came after the scenario's own.
	g.Expect(cluster.changes).To(Equal([]string{
		"apply back", "apply canary-0", "apply back", "delete canary-0", "apply back", "apply canary-0",
	}))
}
