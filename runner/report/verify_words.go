package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/verify"
	"github.com/podknock/podknock/scenarios"
)

// verifyStage is a stage in words.
type verifyStage struct {
	name   string
	status verify.Status
	done   bool
	// text sums it up, lines say what is wrong.
	text  string
	lines []string
}

func (s verifyStage) word() string {
	switch {
	case s.status != "":
		return string(s.status)
	case s.done:
		return string(verify.StatusPass)
	}
	return "not run"
}

// verifyStages are the four stages before the axes.
func verifyStages(r *verify.Report) []verifyStage {
	stages := []verifyStage{preflightStage(&r.Preflight), pathStage(&r.Path), canaryStage(&r.Canary), suiteStage(&r.Suite)}
	for i, stage := range []verify.Stage{r.Preflight.Stage, r.Path.Stage, r.Canary.Stage, r.Suite.Stage} {
		stages[i].done = stage.Done
		if stages[i].status == "" {
			stages[i].status = stage.Status
		}
		if stage.Elapsed > 0 {
			stages[i].text += ", " + brief(stage.Elapsed)
		}
		if stage.Error != "" {
			stages[i].lines = append(nonEmptyLines(stage.Error), stages[i].lines...)
		}
	}
	return stages
}

func preflightStage(p *verify.Preflight) verifyStage {
	stage := verifyStage{name: "pre-flight", text: count(len(p.Checks), "check")}
	var plugins []string
	for _, plugin := range p.Plugins {
		plugins = append(plugins, strings.TrimSpace(plugin.Name+" "+plugin.Version))
		if plugin.Disabled != "" {
			stage.lines = append(stage.lines, clean(plugin.Name+": "+plugin.Disabled))
		}
	}
	if len(plugins) > 0 {
		stage.text += ", " + clean(strings.Join(plugins, ", "))
	}
	for _, check := range p.Checks {
		if check.Status == verify.StatusPass {
			continue
		}
		line := fmt.Sprintf("%s: %s: %s", check.Status, check.Name, check.Found)
		if check.Advice != "" {
			line += "; " + check.Advice
		}
		stage.lines = append(stage.lines, clean(line))
		for _, grant := range nonEmptyLines(check.Grant) {
			stage.lines = append(stage.lines, "    "+grant)
		}
	}
	return stage
}

func pathStage(p *verify.Path) verifyStage {
	stage := verifyStage{name: "path", text: count(len(p.Pairs), "knock")}
	if p.Peers > 0 {
		stage.text += fmt.Sprintf(", %d of %d pairs of nodes", p.Sampled, p.Possible)
	}
	for i := range p.Pairs {
		pair := &p.Pairs[i]
		if pair.Status == verify.StatusPass {
			continue
		}
		line := fmt.Sprintf("%s: %s -> %s by %s, %s, %s", pair.Status, pair.From, orAny(pair.To), pair.Way, pair.Protocol, pair.Family)
		if pair.Size > 0 {
			line += fmt.Sprintf(", %d bytes", pair.Size)
		}
		stage.lines = append(stage.lines, clean(line+": "+pair.Why))
	}
	for _, c := range p.Confidence {
		stage.lines = append(stage.lines, clean(fmt.Sprintf("the sample finds that %s with a probability of %.1f %%", c.Fault, 100*c.Probability)))
	}
	stage.lines = firstLines(stage.lines)
	return stage
}

func orAny(node string) string {
	if node == "" {
		return "any"
	}
	return node
}

func canaryStage(c *verify.Canary) verifyStage {
	stage := verifyStage{name: "canary", text: count(len(c.Trials), "trial")}
	if len(c.Enforcing) > 0 {
		stage.text += ", enforced on " + clean(strings.Join(c.Enforcing, ", "))
	}
	if c.Denial.How != "" {
		stage.text += "; " + clean(denialWords(c))
	}
	for _, nodes := range []struct {
		list []string
		word string
	}{{c.Open, "nothing is enforced on"}, {c.Mixed, "partly enforced on"}} {
		if len(nodes.list) > 0 {
			stage.lines = append(stage.lines, clean(nodes.word+" "+strings.Join(nodes.list, ", ")))
		}
	}
	for _, trial := range c.Trials {
		if trial.Status != verify.StatusPass {
			stage.lines = append(stage.lines, clean(fmt.Sprintf("%s: %s, %s, %s: %s", trial.Status, trial.Node, trial.Direction, trial.Form, trial.Why)))
		}
	}
	stage.lines = firstLines(stage.lines)
	return stage
}

// denialWords say what a denied client saw of the canary, and how long that took at most.
func denialWords(c *verify.Canary) string {
	words := "denied by " + string(c.Denial.How)
	if c.Denial.How == verify.DenialICMP {
		words += fmt.Sprintf(" (type %d, code %d, from %s)", c.Denial.Type, c.Denial.Code, c.Denial.From)
	}
	slowest := time.Duration(0)
	for i := range c.Trials {
		slowest = max(slowest, c.Trials[i].After)
	}
	return words + fmt.Sprintf(" within %d ms", slowest.Milliseconds())
}

func suiteStage(s *verify.Suite) verifyStage {
	stage := verifyStage{name: "features", text: fmt.Sprintf("%s, %s: %s", count(len(s.Scenarios), "scenario"), count(s.Counts.Total(), "cell"), tally(s.Counts))}
	switch {
	case s.Counts.Fail > 0:
		stage.status = verify.StatusFail
	case s.Counts.Error+s.Counts.Inconclusive > 0 && s.Done:
		stage.status = verify.StatusWarn
	}
	for _, skipped := range s.Skipped {
		stage.lines = append(stage.lines, clean(fmt.Sprintf("skipped %s: %s", skipped.Name, skipped.Reason)))
	}
	for _, scenario := range s.Scenarios {
		if scenario.Error != "" {
			stage.lines = append(stage.lines, clean(fmt.Sprintf("%s: %s", scenario.Name, scenario.Error)))
		}
	}
	return stage
}

// firstLines bounds the lines of a stage: what is wrong with a whole cluster repeats itself.
func firstLines(lines []string) []string {
	if len(lines) <= maxExplained {
		return lines
	}
	return append(lines[:maxExplained:maxExplained], fmt.Sprintf("and %d more; -o json has them all", len(lines)-maxExplained))
}

// verifySection is a table of two columns.
type verifySection struct {
	title string
	rows  [][2]string
}

// verifySections are the tables behind that of the axes.
func verifySections(r *verify.Report) []verifySection {
	changes := verifySection{title: "time until a change is enforced"}
	for _, change := range r.Changes {
		changes.rows = append(changes.rows, [2]string{clean(change.Title), changeWords(change)})
	}
	traits := verifySection{title: "what the API leaves to the plugin"}
	for _, trait := range r.Traits {
		traits.rows = append(traits.rows, [2]string{clean(trait.Title), clean(trait.Found)})
	}
	var sections []verifySection
	for _, section := range []verifySection{changes, traits} {
		if len(section.rows) > 0 {
			sections = append(sections, section)
		}
	}
	return sections
}

// changeWords say how long a kind of change took to be enforced. What is measured of new pods is how long they were open.
func changeWords(change verify.ChangeLatency) string {
	if change.Axis != scenarios.AxisPodBornLater {
		return latencies(change.Latency)
	}
	open, allow := change.Latency.Deny, latency("allow", change.Latency.Allow)
	if open.Samples == 0 {
		return allow
	}
	words := fmt.Sprintf("never seen open (%s)", count(open.Samples, "knock"))
	if open.Max > 0 {
		words = fmt.Sprintf("open for %s at the median, %s at most (%s)", brief(open.P50), brief(open.Max), count(open.Samples, "knock"))
	}
	if allow != "" {
		words += "; " + allow
	}
	return words
}

// verifySummary are the last lines.
func verifySummary(r *verify.Report) []string {
	var lines []string
	if r.Error != "" {
		lines = append(lines, "the verification ended early: "+strings.Join(cleanLines(r.Error), "; "))
	}
	for _, note := range r.Notes {
		lines = append(lines, "note: "+clean(note))
	}
	run := &runner.Report{Run: r.Run, Elapsed: r.Elapsed, Cluster: r.Cluster, Requests: r.Requests, CleanUp: r.CleanUp}
	line := where(run)
	if r.Pods > 0 {
		line += ", at most " + count(r.Pods, "probe pod")
	}
	return append(append(lines, line), cleanUp(run)...)
}

func differenceWords(d verify.Difference) string {
	return fmt.Sprintf("%s, was %s", orNone(d.New), orNone(d.Old))
}

// comparisonSections say what has changed, regressions first.
func comparisonSections(c *verify.Comparison) []verifySection {
	if c == nil {
		return nil
	}
	since := clean("since run " + c.Run)
	var sections []verifySection
	for _, part := range []struct {
		title string
		list  []verify.Difference
	}{{"worse", c.Regressions}, {"better", c.Improvements}, {"changed", c.Changes}} {
		section := verifySection{title: part.title + " " + since}
		for _, d := range part.list {
			section.rows = append(section.rows, [2]string{
				clean(fmt.Sprintf("%s %s", d.Kind, d.Subject)), clean(differenceWords(d)),
			})
		}
		if len(section.rows) > 0 {
			sections = append(sections, section)
		}
	}
	if len(sections) == 0 {
		sections = append(sections, verifySection{title: "nothing has changed " + since, rows: nil})
	}
	return sections
}

func orNone(text string) string {
	if text == "" {
		return "not there"
	}
	return text
}
