package runner

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/scenarios"
)

func TestNewPoliciesAreGivenUpWhenNothingChangesAnyMore(t *testing.T) {
	g := NewWithT(t)
	options := fastOptions()
	options.SettleTimeout, options.GiveUp = time.Minute, 40*time.Millisecond
	cluster := newFakeCluster()
	cluster.unenforced = true
	step := runOn(t, t.Context(), cluster, options, frontToBack).Scenarios[0].Steps[1]
	g.Expect(step.Settled.How).To(Equal(SettledAtBound))
	g.Expect(step.Settled.Waited).To(And(BeNumerically(">=", options.GiveUp), BeNumerically("<", options.SettleTimeout/5)))
	g.Expect(marks(step)).To(HaveKeyWithValue("stranger->back:80", MarkFail), "the last table counts")
}

func TestAnotherChangeIsGivenUpOnceTwoOfItsKindHaveWaitedInVain(t *testing.T) {
	g := NewWithT(t)
	const again = `
  - name: a policy that was there
    apply:
      - metadata: {name: back}
        spec: {podSelector: {matchLabels: {role: back}}, policyTypes: [Ingress]}
    expect:
      - {from: "*", to: "back:80", outcome: blocked}
`
	options := fastOptions()
	options.SettleTimeout, options.GiveUp, options.Parallel = 1500*time.Millisecond, 40*time.Millisecond, 1
	cluster := newFakeCluster()
	cluster.unenforced = true
	var all []*scenarios.Scenario
	for _, name := range []string{"first", "second", "third"} {
		all = append(all, parseScenario(t, strings.Replace(frontToBack+again, "front-to-back", name, 1)))
	}
	plan, err := NewPlan(all, options)
	g.Expect(err).NotTo(HaveOccurred())
	var waited []time.Duration
	for _, scenario := range Run(t.Context(), cluster, plan, options).Scenarios {
		waited = append(waited, scenario.Steps[2].Settled.Waited)
	}
	g.Expect(waited).To(HaveExactElements(
		BeNumerically(">=", options.SettleTimeout), BeNumerically(">=", options.SettleTimeout), BeNumerically("<", options.SettleTimeout)))
}

func TestOtherChangesHaveTheWholeBound(t *testing.T) {
	const again = `
  - name: a policy that was there
    apply:
      - metadata: {name: back}
        spec:
          podSelector: {matchLabels: {role: back}}
          policyTypes: [Ingress]
    expect:
      - {from: "*", to: "back:80", outcome: blocked}
`
	const gone = `
  - name: the policy is deleted, and another comes
    delete: [policy/back]
    apply:
      - metadata: {name: other}
        spec:
          podSelector: {matchLabels: {role: back}}
          policyTypes: [Ingress]
    expect:
      - {from: "*", to: "back:80", outcome: blocked}
`
	for name, more := range map[string]string{"an update": again, "a deletion": gone} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			options := fastOptions()
			options.GiveUp = 40 * time.Millisecond
			cluster := newFakeCluster()
			cluster.unenforced = true
			steps := runOn(t, t.Context(), cluster, options, frontToBack+more).Scenarios[0].Steps
			g.Expect(steps[2].Settled.Waited).To(BeNumerically(">=", options.SettleTimeout))
		})
	}
}

func TestAnAgentThatIsCutOffHoldsAStepNoLongerThanItsTime(t *testing.T) {
	g := NewWithT(t)
	options := fastOptions()
	options.pace.answer = 100 * time.Millisecond
	cluster := newFakeCluster()
	cluster.cutOff = "stranger"
	step := runOn(t, t.Context(), cluster, options, frontToBack).Scenarios[0].Steps[1]
	found := marks(step)
	g.Expect(found["stranger->back:80"]).To(BeElementOf(MarkError, MarkInconclusive), "who cannot be asked proves nothing")
	g.Expect(found["front->back:80"]).To(Equal(MarkPass), "the others are asked all the same")
	g.Expect(step.Settled.How).To(Equal(SettledAtBound))
	g.Expect(step.Elapsed).To(BeNumerically("<", 20*(options.SettleTimeout+options.pace.answer)))
}
