package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// conclude counts, sums up the suite, and finds the headline where no stage has given the answer already.
func (v *verification) conclude(suite *runner.Report) {
	r := v.report
	r.countStages()
	if suite != nil {
		v.sumUpSuite(suite)
	}
	if r.Headline.Conclusion != "" {
		return
	}
	switch {
	case suite != nil:
		v.judge(suite)
	case r.Error != "":
		r.Headline = Headline{Conclusion: ConcludedUnknown, Text: "It is not known whether policies are enforced: " + r.Error + "."}
	case r.Path.Status == StatusFail:
		r.Headline = r.noPath()
	default:
		r.Headline = Headline{Conclusion: ConcludedUnknown, Text: "It is not known whether policies are enforced: " + r.obstacle() + "."}
	}
}

// judge judges the suite. Paths that fail while everything is enforced are the answer too: such an installation has not worked.
func (v *verification) judge(suite *runner.Report) {
	r := v.report
	Judge(r, Evidence{Run: suite, Expansions: v.expansions()})
	if len(v.options.Axes) > 0 {
		part := fmt.Sprintf("Tested was a part of the suite alone, for these axes: %s.", strings.Join(texts(v.options.Axes), ", "))
		r.Headline.Text += " " + part
		v.note(part)
	}
	if r.Headline.Conclusion == ConcludedEnforced && r.Path.Status == StatusFail {
		enforced := r.Headline.Text
		r.Headline = r.noPath()
		r.Headline.Text += " " + enforced
	}
}

// expansions are those of the scenarios that were run, for the families that probe pods have.
func (v *verification) expansions() []*scenarios.Expansion {
	var expansions []*scenarios.Expansion
	for i := range v.plan.Scenarios {
		expansion, err := scenarios.Expand(v.plan.Scenarios[i].Scenario, scenarios.ExpandOptions{Families: v.families})
		if err != nil {
			v.note(fmt.Sprintf("scenario %s is not judged: %v", v.plan.Scenarios[i].Scenario.Metadata.Name, err))
			continue
		}
		expansions = append(expansions, expansion)
	}
	return expansions
}

// sumUpSuite says how the run of the suite went.
func (v *verification) sumUpSuite(suite *runner.Report) {
	s := &v.report.Suite
	s.Skipped, s.Counts = suite.Skipped, suite.Counts
	for i := range suite.Scenarios {
		scenario := &suite.Scenarios[i]
		s.Scenarios = append(s.Scenarios, SuiteScenario{
			Name: scenario.Name, Mark: scenario.Mark, Counts: scenario.Counts, Elapsed: scenario.Elapsed, Error: errorOf(scenario),
		})
		v.note(scenario.Notes...)
	}
	v.note(suite.Notes...)
	v.noteGivenUp(suite)
	v.report.Counts = v.report.Counts.Sum(suite.Counts)
	v.report.Changes = changeLatencies(suite)
}

// errorOf says why a scenario, or the first of its pods or cells that could not take part, was not tested. Empty if everything was.
func errorOf(scenario *runner.ScenarioResult) string {
	if scenario.Error != "" {
		return scenario.Error
	}
	for i := range scenario.Pods {
		if pod := &scenario.Pods[i]; pod.Problem != "" {
			return fmt.Sprintf("pod %q: %s", pod.Name, pod.Problem)
		}
	}
	for i := range scenario.Steps {
		for j := range scenario.Steps[i].Cells {
			if cell := &scenario.Steps[i].Cells[j]; cell.Mark == runner.MarkError {
				return cell.ID + ": " + cell.Why
			}
		}
	}
	return ""
}

// countStages counts what the stages before the suite have checked.
func (r *Report) countStages() {
	var statuses []Status
	for _, check := range r.Preflight.Checks {
		statuses = append(statuses, check.Status)
	}
	for i := range r.Path.Pairs {
		statuses = append(statuses, r.Path.Pairs[i].Status)
	}
	for i := range r.Canary.Trials {
		statuses = append(statuses, r.Canary.Trials[i].Status)
	}
	for _, status := range statuses {
		switch status {
		case StatusPass, StatusWarn:
			r.Counts.Pass++
		case StatusFail:
			r.Counts.Fail++
		default:
			r.Counts.Error++
		}
	}
}

// noPath is the headline where packets do not pass although no policy is in force.
func (r *Report) noPath() Headline {
	var failing []string
	count := 0
	for i := range r.Path.Pairs {
		pair := &r.Path.Pairs[i]
		if pair.Status != StatusFail {
			continue
		}
		count++
		word := fmt.Sprintf("%s over %s", pair.Way, pair.Protocol)
		if pair.Family != "" {
			word += ", " + pair.Family
		}
		if pair.Size > sizes[0] {
			word += fmt.Sprintf(", %d bytes", pair.Size)
		}
		if !slices.Contains(failing, word) {
			failing = append(failing, word)
		}
	}
	const shown = 3
	text := fmt.Sprintf("%d of %d paths fail while no policy is in force: %s", count, len(r.Path.Pairs), strings.Join(failing[:min(len(failing), shown)], "; "))
	if len(failing) > shown {
		text += fmt.Sprintf(" and %d more", len(failing)-shown)
	}
	return Headline{
		Conclusion: ConcludedPath, Text: text + ".",
		Advice: "mend the pod network first: look at the plugin's pods on the nodes that are named, at firewalls between nodes, and at the MTU",
	}
}

// obstacle says what kept the verification from an answer.
func (r *Report) obstacle() string {
	for _, check := range r.Preflight.Checks {
		if check.Status == StatusFail {
			return check.Name + ": " + check.Found
		}
	}
	for _, stage := range []Stage{r.Preflight.Stage, r.Path.Stage, r.Canary.Stage, r.Suite.Stage} {
		if stage.Error != "" {
			return stage.Error
		}
	}
	return "no canary could be asked"
}
