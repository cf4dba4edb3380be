package report

import (
	"fmt"
	"strings"

	"github.com/podknock/podknock/runner"
)

// summary are the lines on the run as a whole, for text and JUnit.
func summary(r *runner.Report) []string {
	var lines []string
	if r.Error != "" {
		lines = append(lines, "the run ended early: "+strings.Join(cleanLines(r.Error), "; "))
	}
	lines = append(lines, totals(r))
	if all := latencies(r.Latency); all != "" {
		lines = append(lines, "enforcement latency: "+all)
	}
	lines = append(lines, skips(r.Skipped)...)
	for _, note := range r.Notes {
		lines = append(lines, "note: "+clean(note))
	}
	lines = append(lines, where(r))
	return append(lines, cleanUp(r)...)
}

// skips says what was skipped, one line for each reason.
func skips(all []runner.Skipped) []string {
	var reasons []string
	names := map[string][]string{}
	for _, skipped := range all {
		if names[skipped.Reason] == nil {
			reasons = append(reasons, skipped.Reason)
		}
		names[skipped.Reason] = append(names[skipped.Reason], scenarioName(skipped.Suite, skipped.Name, skipped.File))
	}
	var lines []string
	for _, reason := range reasons {
		lines = append(lines, fmt.Sprintf("skipped %s: %s", strings.Join(names[reason], ", "), clean(reason)))
	}
	return lines
}

// totals counts scenarios and cells.
func totals(r *runner.Report) string {
	if len(r.Scenarios) == 0 {
		return "nothing was tested"
	}
	marks := runner.Counts{}
	for i := range r.Scenarios {
		switch r.Scenarios[i].Mark {
		case runner.MarkFail:
			marks.Fail++
		case runner.MarkError:
			marks.Error++
		case runner.MarkInconclusive:
			marks.Inconclusive++
		default:
			marks.Pass++
		}
	}
	line := fmt.Sprintf("%s: %s", count(len(r.Scenarios), "scenario"), tally(marks))
	if n := len(r.Skipped); n > 0 {
		line += fmt.Sprintf("; %d skipped", n)
	}
	return line + fmt.Sprintf("; %s: %s", count(r.Counts.Total(), "cell"), tally(r.Counts))
}

// where names the run and the cluster.
func where(r *runner.Report) string {
	parts := []string{fmt.Sprintf("run %s took %s", r.Run, brief(r.Elapsed))}
	if r.Elapsed == 0 {
		parts[0] = fmt.Sprintf("run %s did not begin", r.Run)
	}
	if r.Cluster.Version != "" {
		parts = append(parts, "Kubernetes "+r.Cluster.Version)
	}
	if r.Cluster.Context != "" {
		parts = append(parts, "context "+r.Cluster.Context)
	}
	if n := len(r.Cluster.Nodes); n > 0 {
		parts = append(parts, count(n, "node"))
	}
	if len(r.Cluster.Families) > 0 {
		parts = append(parts, strings.Join(r.Cluster.Families, " and "))
	}
	if r.Requests > 0 {
		parts = append(parts, count(r.Requests, "API request"))
	}
	return clean(strings.Join(parts, ", "))
}

// cleanUp says what is still in the cluster. There is nothing to say if nothing is.
func cleanUp(r *runner.Report) []string {
	var lines []string
	if r.CleanUp.Kept {
		line := "everything was kept"
		if !r.CleanUp.Until.IsZero() {
			line += " until " + r.CleanUp.Until.UTC().Format("2006-01-02 15:04:05 MST")
		}
		lines = append(lines, line)
	}
	for _, leftover := range r.CleanUp.Leftovers {
		lines = append(lines, leftBehind(leftover))
	}
	if len(lines) > 0 {
		lines = append(lines, clean("to remove it: podknock cleanup --run "+r.Run))
	}
	return lines
}

// leftBehind names an object that is still there.
func leftBehind(l runner.Leftover) string {
	name := l.Name
	if l.Namespace != "" {
		name = l.Namespace + "/" + name
	}
	return clean(fmt.Sprintf("left behind: %s %s: %s", l.Kind, name, l.Reason))
}
