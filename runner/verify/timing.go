package verify

import (
	"fmt"
	"slices"
	"time"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// lateness is a kind of change that the engine enforces too late.
type lateness struct {
	Defect
	// after is how late, at the median.
	after time.Duration
}

const (
	// openWindow is how long new pods may be open, at the median, before that is a defect of its own. A pod has run for some time already when
	// it is first knocked on.
	openWindow = 300 * time.Millisecond
	// lateFactor is how many times longer than that of a new policy the enforcement of another change has to take, so that a machine that is
	// slow as a whole is not taken for a defect.
	lateFactor = 3
	// enoughSteps is how many steps a median needs to accuse anybody.
	enoughSteps = 2
)

// judgeTiming finds the kinds of changes that are enforced too late: all of them, or some. It counts steps and not samples, because those of one step
// are of one change: a machine that stood still for a while would be taken for an engine that always does.
func judgeTiming(changes []ChangeLatency) []lateness {
	usual := usualLatency(changes)
	var late []lateness
	for _, change := range changes {
		if len(change.Steps) < enoughSteps {
			continue
		}
		median := medianOf(change.Steps)
		if change.Axis == scenarios.AxisPodBornLater {
			if median > max(openWindow, lateFactor*usual) {
				late = append(late, lateness{Defect{
					"new-pods-open", fmt.Sprintf("It leaves new pods open for a while: %s and more.", rounded(median)), change.Axis,
				}, median})
			}
			continue
		}
		if median > runner.SlowEnforcement {
			late = append(late, lateness{Defect{
				lateNames[change.Axis], fmt.Sprintf("It notices %s late, after %s.", lateWords[change.Axis], rounded(median)), change.Axis,
			}, median})
		}
	}
	return mergeLate(late)
}

var lateNames = map[scenarios.AxisName]string{
	scenarios.AxisPolicyCreate: "new-policies-late", scenarios.AxisPolicyUpdate: "changed-policies-late",
	scenarios.AxisPolicyDelete: "deleted-policies-late", scenarios.AxisPodLabelChange: "pod-labels-late",
	scenarios.AxisNamespaceLabelChange: "namespace-labels-late",
}

var lateWords = map[scenarios.AxisName]string{
	scenarios.AxisPolicyCreate: "new policies", scenarios.AxisPolicyUpdate: "changes of policies",
	scenarios.AxisPolicyDelete: "the end of policies", scenarios.AxisPodLabelChange: "changed labels of pods",
	scenarios.AxisNamespaceLabelChange: "changed labels of namespaces",
}

// mergeLate makes one defect of an engine that is late with everything that happens to policies.
func mergeLate(late []lateness) []lateness {
	ofPolicies := func(l lateness) bool {
		return l.Axis == scenarios.AxisPolicyCreate || l.Axis == scenarios.AxisPolicyUpdate || l.Axis == scenarios.AxisPolicyDelete
	}
	i := slices.IndexFunc(late, ofPolicies)
	if i < 0 || late[i].Axis != scenarios.AxisPolicyCreate {
		return late
	}
	merged := late[i]
	merged.Name, merged.About = "policies-late", fmt.Sprintf("It enforces policies late, after %s.", rounded(merged.after))
	return append([]lateness{merged}, slices.DeleteFunc(late, ofPolicies)...)
}

// usualLatency is the median time until a new policy denies.
func usualLatency(changes []ChangeLatency) time.Duration {
	for _, change := range changes {
		if change.Axis == scenarios.AxisPolicyCreate {
			return change.Latency.Deny.P50
		}
	}
	return 0
}

// medianOf is the lower median of durations in any order, so that the slower one of two decides nothing. There has to be one.
func medianOf(durations []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(durations))[(len(durations)-1)/2]
}

// rounded is a duration as people say it.
func rounded(d time.Duration) string {
	if d >= time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}
