package verify

import (
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

func TestLatenessIsJudgedByItsMedian(t *testing.T) {
	change := func(axis scenarios.AxisName, deny ...time.Duration) ChangeLatency {
		return ChangeLatency{Axis: axis, Latency: runner.NewLatency(nil, deny), Steps: slices.Sorted(slices.Values(deny))}
	}
	oneStep := func(axis scenarios.AxisName, deny ...time.Duration) ChangeLatency {
		return ChangeLatency{Axis: axis, Latency: runner.NewLatency(nil, deny), Steps: []time.Duration{medianOf(deny)}}
	}
	quick := change(scenarios.AxisPolicyCreate, 20*time.Millisecond, 30*time.Millisecond, 40*time.Millisecond)
	late := 10 * time.Second
	for _, test := range []struct {
		name    string
		changes []ChangeLatency
		named   []string
	}{
		{"new pods are open for two seconds", []ChangeLatency{quick, change(scenarios.AxisPodBornLater, 2*time.Second, 2*time.Second)}, []string{"new-pods-open"}},
		{"whatever happens to policies is late", []ChangeLatency{
			change(scenarios.AxisPolicyCreate, late, late), change(scenarios.AxisPolicyUpdate, late, late), change(scenarios.AxisPolicyDelete, late, late),
		}, []string{"policies-late"}},
		{"labels alone are late", []ChangeLatency{quick, change(scenarios.AxisPodLabelChange, late, late)}, []string{"pod-labels-late"}},
		{"one slow sample of many accuses nobody", []ChangeLatency{change(scenarios.AxisPolicyCreate, time.Millisecond, time.Millisecond, late)}, nil},
		{"the slower one of two steps accuses nobody", []ChangeLatency{quick, change(scenarios.AxisPolicyUpdate, time.Millisecond, late)}, nil},
		{"a single step accuses nobody, however many samples it has", []ChangeLatency{
			quick, oneStep(scenarios.AxisPolicyUpdate, late, late, late, late), oneStep(scenarios.AxisPodBornLater, 2*time.Second, 2*time.Second),
		}, nil},
		{"new pods are as slow as everything on a slow machine", []ChangeLatency{
			change(scenarios.AxisPolicyCreate, time.Second, time.Second), change(scenarios.AxisPodBornLater, time.Second, time.Second),
		}, nil},
		{"everything is quick", []ChangeLatency{quick, change(scenarios.AxisPodBornLater, 0, 0)}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := NewWithT(t)
			var named []string
			for _, l := range judgeTiming(test.changes) {
				named = append(named, l.Name)
			}
			g.Expect(named).To(Equal(test.named))
		})
	}
}
