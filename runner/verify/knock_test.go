package verify

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
)

func TestWhatIsEvidenceAboutPolicies(t *testing.T) {
	step := runner.StepResult{Settled: runner.Settled{How: runner.SettledAtBound, Waited: 30 * time.Second}}
	policies := []networkingv1.NetworkPolicy{{}}
	at := func(after time.Duration, outcome probe.Outcome) runner.Change {
		return runner.Change{After: after, Outcome: outcome}
	}
	for _, row := range []struct {
		name     string
		mark     runner.Mark
		wanted   effect
		seen     effect
		changes  []runner.Change
		flapping bool
		policies []networkingv1.NetworkPolicy
		failed   bool
		proven   bool
	}{
		{"a failure before any policy is none of theirs", runner.MarkFail, passes, stopped, nil, false, nil, false, false},
		{"an outcome that changes to and fro is not the last word", runner.MarkFail, passes, stopped,
			[]runner.Change{at(0, probe.Connected), at(9*time.Second, probe.Timeout), at(20*time.Second, probe.Connected), at(27*time.Second, probe.Timeout)},
			true, policies, false, false},
		{"even if it was the same for the last seconds", runner.MarkFail, passes, stopped,
			[]runner.Change{at(0, probe.Connected), at(9*time.Second, probe.Timeout), at(20*time.Second, probe.Connected), at(22*time.Second, probe.Timeout)},
			true, policies, false, false},
		{"but it is after twenty seconds of rest", runner.MarkFail, passes, stopped,
			[]runner.Change{at(0, probe.Timeout), at(4*time.Second, probe.Connected), at(6*time.Second, probe.Timeout)}, true, policies, true, false},
		{"what agreed for longer than a change takes was enforced, and then was not", runner.MarkFail, stopped, passes,
			[]runner.Change{at(0, probe.Timeout), at(13*time.Second, probe.Connected)}, true, policies, false, false},
		{"nor does it prove anything where it came right", runner.MarkPass, passes, passes,
			[]runner.Change{at(0, probe.Connected), at(time.Second, probe.Timeout), at(28*time.Second, probe.Connected)}, true, policies, false, false},
		{"what came right a moment before the end may have been let through by chance", runner.MarkPass, passes, passes,
			[]runner.Change{at(0, probe.Timeout), at(28*time.Second, probe.Connected)}, false, policies, false, false},
		{"what came right and stayed so proves it, however late", runner.MarkPass, stopped, stopped,
			[]runner.Change{at(0, probe.Connected), at(20*time.Second, probe.Timeout)}, false, policies, false, true},
		{"an answer that was lost says that the packet arrived", runner.MarkFail, stopped, stopped, nil, false, policies, true, false},
		{"what agreed until the change was enforced, and never again, fails", runner.MarkFail, passes, stopped,
			[]runner.Change{at(0, probe.Connected), at(200*time.Millisecond, probe.Timeout)}, true, policies, true, false},
		{"a knock that is stopped and should not be fails", runner.MarkFail, passes, stopped, nil, false, policies, true, false},
		{"a knock that found what it should proves it", runner.MarkPass, stopped, stopped, nil, false, policies, false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			k := &knock{
				wanted: row.wanted, seen: row.seen, result: &runner.Cell{Mark: row.mark, Changes: row.changes, Flapping: row.flapping},
				story: &story{result: &runner.ScenarioResult{Steps: []runner.StepResult{step}}, moments: []moment{{cluster: cluster{Policies: row.policies}}}},
			}
			k.weigh()
			g.Expect(k.failed).To(Equal(row.failed))
			g.Expect(k.proven).To(Equal(row.proven))
		})
	}
}

func TestPatienceIsThatOfTheSlowestCanary(t *testing.T) {
	for _, row := range []struct {
		name   string
		denied bool
		after  []time.Duration
		want   time.Duration
	}{
		{"no canary was enforced: nothing is known", false, []time.Duration{0, 0}, 0},
		{"an engine that is late has all the time there is", true, []time.Duration{200 * time.Millisecond, 10 * time.Second}, 100 * time.Second},
		{"an engine that was quicker than the first question", true, []time.Duration{0, 0}, patience},
		{"a quick engine", true, []time.Duration{50 * time.Millisecond, 200 * time.Millisecond}, patience},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := Canary{}
			for _, after := range row.after {
				trial := CanaryTrial{After: after}
				if row.denied {
					trial.Denial = Denial{How: DenialSilence}
				}
				c.Trials = append(c.Trials, trial)
			}
			NewWithT(t).Expect(c.giveUp()).To(Equal(row.want))
		})
	}
}
