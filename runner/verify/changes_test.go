package verify

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

func TestKindOf(t *testing.T) {
	for _, tc := range []struct {
		name    string
		changes []string
		applied map[string]bool
		want    scenarios.AxisName
	}{
		{"two kinds in one step tell nothing about either", []string{"delete policy/app/a", "apply policy/app/b"}, map[string]bool{"a": true}, ""},
		{"the end of a pod", []string{"delete pod/web"}, nil, ""},
		{"no change", nil, nil, ""},
		{"a policy that was there", []string{"apply policy/app/a"}, map[string]bool{"a": true}, scenarios.AxisPolicyUpdate},
		{"a new policy", []string{"apply policy/app/a", "apply policy/app/b"}, nil, scenarios.AxisPolicyCreate},
		{"the end of a policy", []string{"delete policy/app/a"}, map[string]bool{"a": true}, scenarios.AxisPolicyDelete},
		{"a pod's label", []string{"label pod/web app=web"}, nil, scenarios.AxisPodLabelChange},
		{"a namespace's label", []string{"label namespace/app team-"}, nil, scenarios.AxisNamespaceLabelChange},
		{"the end of a pod and the birth of another", []string{"delete pod/web", "create pod/late"}, nil, ""},
		{"a pod that is born again", []string{"delete pod/web", "create pod/web"}, nil, scenarios.AxisPodBornLater},
		{"a new pod in a new namespace", []string{"create namespace/app", "create pod/late"}, nil, scenarios.AxisPodBornLater},
		{"a new pod", []string{"create pod/late"}, nil, scenarios.AxisPodBornLater},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			applied := map[string]bool{}
			for name := range tc.applied {
				applied[name] = true
			}
			g.Expect(kindOf(tc.changes, applied)).To(Equal(tc.want))
		})
	}
}

func TestChangeLatencies(t *testing.T) {
	g := NewWithT(t)
	latency := func(deny ...time.Duration) runner.Latency { return runner.NewLatency(nil, deny) }
	blocked := func(changes ...runner.Change) runner.Cell {
		late := runner.Endpoint{Kind: string(scenarios.EndpointPod), Name: "late", Text: "late"}
		return runner.Cell{From: late, Mark: runner.MarkPass, Expected: string(scenarios.Blocked), Changes: changes}
	}
	ofOldPods := blocked(runner.Change{Outcome: probe.Connected}, runner.Change{After: time.Minute, Outcome: probe.Timeout})
	ofOldPods.From.Name = "old"
	failed := blocked(runner.Change{Outcome: probe.Connected}, runner.Change{After: time.Minute, Outcome: probe.Timeout})
	failed.Mark = runner.MarkFail
	toAndFro := blocked(runner.Change{Outcome: probe.Connected}, runner.Change{After: time.Minute, Outcome: probe.Timeout})
	toAndFro.Flapping = true
	report := &runner.Report{Scenarios: []runner.ScenarioResult{{Steps: []runner.StepResult{
		{Name: "before any policy"},
		{Changes: []string{"apply policy/app/a"}, Latency: latency(30 * time.Millisecond)},
		{Changes: []string{"apply policy/app/a"}, Latency: latency(70 * time.Millisecond)},
		{Changes: []string{"delete policy/app/a"}},
		{Changes: []string{"apply policy/app/a"}, Latency: latency(50 * time.Millisecond)},
		{Changes: []string{"create pod/late"}, Cells: []runner.Cell{
			blocked(),
			blocked(runner.Change{Outcome: probe.Connected}, runner.Change{After: 900 * time.Millisecond, Outcome: probe.Timeout}),
			failed, toAndFro, ofOldPods,
		}},
		{Changes: []string{"create pod/other"}, Settled: runner.Settled{How: runner.SettledAtBound}, Cells: []runner.Cell{
			blocked(runner.Change{Outcome: probe.Connected}, runner.Change{After: 20 * time.Second, Outcome: probe.Timeout}), failed,
		}},
	}}}}
	found := changeLatencies(report)
	g.Expect(found).To(HaveLen(3))
	g.Expect(found[0]).To(And(HaveField("Axis", scenarios.AxisPolicyCreate), HaveField("Latency.Deny.All", []time.Duration{30 * time.Millisecond, 50 * time.Millisecond})))
	g.Expect(found[0].Steps).To(Equal([]time.Duration{30 * time.Millisecond, 50 * time.Millisecond}))
	g.Expect(found[2].Steps).To(Equal([]time.Duration{0}), "one step with samples: the lower median")
	g.Expect(found[1]).To(And(HaveField("Axis", scenarios.AxisPolicyUpdate), HaveField("Latency.Deny.Max", 70*time.Millisecond)))
	g.Expect(found[2]).To(And(HaveField("Axis", scenarios.AxisPodBornLater), HaveField("Latency.Deny.All", []time.Duration{0, 900 * time.Millisecond})))
}
