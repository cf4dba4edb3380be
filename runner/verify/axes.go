package verify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// byAxis collects the knocks of each axis.
func byAxis(stories []*story) map[scenarios.AxisName][]*knock {
	found := map[scenarios.AxisName][]*knock{}
	for _, s := range stories {
		for _, k := range s.knocks {
			for _, axis := range k.axes() {
				found[axis.Name] = append(found[axis.Name], k)
			}
		}
	}
	return found
}

// axes are what the knock is about.
func (k *knock) axes() []scenarios.Axis {
	if k.about == nil {
		k.about = scenarios.AxesOf(k.story.expansion, k.step, k.place)
	}
	return k.about
}

// judgeAxes judges every axis on its own. What a headline says of them is added by [accuse].
func judgeAxes(stories []*story, run *runner.Report) []AxisResult {
	knocks := byAxis(stories)
	var results []AxisResult
	for _, axis := range scenarios.Axes() {
		results = append(results, judgeAxis(axis, knocks[axis.Name], run))
	}
	return results
}

func judgeAxis(axis scenarios.Axis, knocks []*knock, run *runner.Report) AxisResult {
	result := AxisResult{Axis: axis.Name, Title: axis.Title, Group: axis.Group}
	var allow, deny []time.Duration
	seen := map[*runner.StepResult]bool{}
	for _, k := range knocks {
		count(&result.Counts, k.result.Mark)
		if name := k.story.result.Name; !slices.Contains(result.Scenarios, name) {
			result.Scenarios = append(result.Scenarios, name)
		}
		if k.result.Mark == runner.MarkFail {
			result.Failing = append(result.Failing, k.failing())
		}
		if step := &k.story.result.Steps[k.step]; !seen[step] {
			seen[step] = true
			allow, deny = append(allow, step.Latency.Allow.All...), append(deny, step.Latency.Deny.All...)
		}
	}
	if axis.Group == scenarios.GroupLifecycle {
		result.Latency = runner.NewLatency(allow, deny)
	}
	result.Judgement, result.Why = judgementOf(axis, knocks, result.Counts, run)
	return result
}

func count(counts *runner.Counts, mark runner.Mark) {
	switch mark {
	case runner.MarkPass:
		counts.Pass++
	case runner.MarkFail:
		counts.Fail++
	case runner.MarkInconclusive:
		counts.Inconclusive++
	case runner.MarkError:
		counts.Error++
	case runner.MarkUnjudged:
		counts.Unjudged++
	}
}

// failing is the knock as a report has it.
func (k *knock) failing() Failing {
	return Failing{
		ID: k.result.ID, Pair: lineOfResult(k.result), FromNode: k.source, ToNode: k.target, Expected: k.result.Expected,
		Observed: string(k.result.Observed), Repeat: k.result.Repeat,
	}
}

// judgementOf is what the knocks of an axis say about it.
func judgementOf(axis scenarios.Axis, knocks []*knock, counts runner.Counts, run *runner.Report) (Judgement, string) {
	nothing := counts.Inconclusive + counts.Error
	switch {
	case axis.Unjudged:
		return Undefined, axis.About
	case len(knocks) == 0:
		return judgeUntested(axis, run)
	case counts.Fail > 0:
		return judgeFailing(knocks, counts)
	case counts.Pass == 0 && allUnsupported(knocks):
		return NotSupported, firstWhy(knocks)
	case counts.Pass == 0 && nothing == 0:
		return Undefined, "the API leaves the answer of every cell to the plugin"
	case counts.Pass == 0:
		return NotTested, firstWhy(knocks)
	case nothing > 0:
		return Enforced, fmt.Sprintf("%d of %d cells prove nothing: %s", nothing, nothing+counts.Pass, firstWhy(knocks))
	}
	return Enforced, ""
}

// judgeFailing tells an axis that has no effect from one that has some. An axis has no effect if nothing is stopped that should be, or if
// nothing at all is as it should be.
func judgeFailing(knocks []*knock, counts runner.Counts) (Judgement, string) {
	held, let := 0, 0
	for _, k := range knocks {
		switch {
		case k.wanted != stopped && k.wanted != nameless:
		case k.result.Mark == runner.MarkPass:
			held++
		case k.result.Mark == runner.MarkFail:
			let++
		}
	}
	text := fmt.Sprintf("%d of %d cells fail", counts.Fail, counts.Fail+counts.Pass)
	if counts.Pass == 0 || held == 0 && let > 0 {
		return NotEnforced, text
	}
	return Partly, text
}

// judgeUntested says why there is no cell of an axis.
func judgeUntested(axis scenarios.Axis, run *runner.Report) (Judgement, string) {
	families := run.Cluster.Families
	switch axis.Name {
	case scenarios.AxisIPv4, scenarios.AxisIPv6:
		if len(families) > 0 && !slices.ContainsFunc(families, func(f string) bool { return strings.EqualFold(f, axis.Title) }) {
			return NotSupported, fmt.Sprintf("pods of this cluster have no %s address", axis.Title)
		}
	}
	for _, skipped := range run.Skipped {
		if slices.Contains(declaringScenarios(axis.Name), skipped.Name) {
			return NotTested, skipped.Reason
		}
	}
	for i := range run.Scenarios {
		if s := &run.Scenarios[i]; s.Error != "" && slices.Contains(declaringScenarios(axis.Name), s.Name) {
			return NotTested, s.Error
		}
	}
	return NotTested, "no cell of this run is about it"
}

// declaringScenarios are the scenarios of the suite that have cells of an axis in a cluster with everything.
func declaringScenarios(axis scenarios.AxisName) []string { return suiteCoverage()[axis] }

// allUnsupported tells whether the knocks failed for something that the machines lack.
func allUnsupported(knocks []*knock) bool {
	some := false
	for _, k := range knocks {
		if k.result.Mark == runner.MarkUnjudged {
			continue
		}
		if k.result.Observed != probe.Unsupported {
			return false
		}
		some = true
	}
	return some
}

// firstWhy is the first reason of a knock that proves nothing.
func firstWhy(knocks []*knock) string {
	for _, k := range knocks {
		if k.result.Mark != runner.MarkInconclusive && k.result.Mark != runner.MarkError {
			continue
		}
		if k.result.Error != "" {
			return k.result.Error
		}
		return k.result.Why
	}
	return ""
}
