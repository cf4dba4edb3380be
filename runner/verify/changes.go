package verify

import (
	"slices"
	"strings"
	"time"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// changeAxes are the kinds of change whose enforcement is timed, in the order of the report.
var changeAxes = []scenarios.AxisName{
	scenarios.AxisPolicyCreate, scenarios.AxisPolicyUpdate, scenarios.AxisPolicyDelete, scenarios.AxisPodLabelChange,
	scenarios.AxisNamespaceLabelChange, scenarios.AxisPodBornLater,
}

// changeLatencies splits the latencies of the steps by the kind of change. A step that makes several kinds of change says nothing about any of
// them, so that it is left out; so is the step that is added to prove paths.
func changeLatencies(report *runner.Report) []ChangeLatency {
	allow, deny, steps := map[scenarios.AxisName][]time.Duration{}, map[scenarios.AxisName][]time.Duration{}, map[scenarios.AxisName][]time.Duration{}
	for i := range report.Scenarios {
		applied := map[string]bool{}
		for j := range report.Scenarios[i].Steps {
			step := &report.Scenarios[i].Steps[j]
			kind := kindOf(step.Changes, applied)
			opened, closed := step.Latency.Allow.All, step.Latency.Deny.All
			switch kind {
			case "":
				continue
			case scenarios.AxisPodBornLater:
				closed = openWindows(step)
			}
			allow[kind], deny[kind] = append(allow[kind], opened...), append(deny[kind], closed...)
			if kind != scenarios.AxisPodBornLater {
				closed = slices.Concat(opened, closed)
			}
			if len(closed) > 0 {
				steps[kind] = append(steps[kind], medianOf(closed))
			}
		}
	}
	var latencies []ChangeLatency
	for _, name := range changeAxes {
		if len(allow[name])+len(deny[name]) == 0 {
			continue
		}
		latencies = append(latencies, ChangeLatency{
			Axis: name, Title: titleOf(name), Latency: runner.NewLatency(allow[name], deny[name]), Steps: slices.Sorted(slices.Values(steps[name])),
		})
	}
	return latencies
}

func titleOf(name scenarios.AxisName) string {
	axes := scenarios.Axes()
	if i := slices.IndexFunc(axes, func(a scenarios.Axis) bool { return a.Name == name }); i >= 0 {
		return axes[i].Title
	}
	return string(name)
}

// kindOf is the kind of a step's changes, as the runner describes them, and empty if they are of several kinds. applied holds the policies
// that are in force; it is brought up to date.
func kindOf(changes []string, applied map[string]bool) scenarios.AxisName {
	var kinds []scenarios.AxisName
	for _, change := range changes {
		verb, rest, _ := strings.Cut(change, " ")
		if verb == "delete" && slices.Contains(changes, "create "+rest) {
			continue // it is born again
		}
		object, _, _ := strings.Cut(rest, " ")
		object = lastPart(object)
		kind := scenarios.AxisName("")
		switch {
		case verb == "apply" && applied[object]:
			kind = scenarios.AxisPolicyUpdate
		case verb == "apply":
			kind, applied[object] = scenarios.AxisPolicyCreate, true
		case verb == "delete" && strings.HasPrefix(rest, "policy/"):
			kind = scenarios.AxisPolicyDelete
			delete(applied, object)
		case verb == "label" && strings.HasPrefix(rest, "namespace/"):
			kind = scenarios.AxisNamespaceLabelChange
		case verb == "label":
			kind = scenarios.AxisPodLabelChange
		case verb == "create":
			kind = scenarios.AxisPodBornLater
		default:
			kind = "other" // the end of a pod or a namespace, whose latency nobody asks for
		}
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	if len(kinds) != 1 || kinds[0] == "other" {
		return ""
	}
	return kinds[0]
}

// lastPart is the name in KIND/NAMESPACE/NAME or KIND/NAME.
func lastPart(object string) string { return object[strings.LastIndex(object, "/")+1:] }

// openWindows are how long the cells from and to new pods that should be blocked were open before they were: zero for those that never connected. A step
// that did not become what it should, or a cell that changed to and fro, has other troubles, and says nothing about the first moments of a pod.
func openWindows(step *runner.StepResult) []time.Duration {
	if step.Settled.How == runner.SettledAtBound {
		return nil
	}
	var windows []time.Duration
	for i := range step.Cells {
		cell := &step.Cells[i]
		if !born(step.Changes, cell.From) && !born(step.Changes, cell.To) {
			continue
		}
		if cell.Mark != runner.MarkPass || cell.Flapping || cell.Expected != string(scenarios.Blocked) {
			continue
		}
		window := time.Duration(0)
		for k, change := range cell.Changes {
			if change.Outcome == probe.Connected && k+1 < len(cell.Changes) {
				window = cell.Changes[k+1].After
			}
		}
		windows = append(windows, window)
	}
	return windows
}

// born tells whether an end of a cell is a pod that one of these changes creates.
func born(changes []string, end runner.Endpoint) bool {
	return end.Kind == string(scenarios.EndpointPod) && slices.Contains(changes, "create pod/"+end.Name)
}
