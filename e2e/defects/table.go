package defects

import (
	"fmt"
	"slices"
	"strings"

	"github.com/podknock/podknock/runner/report"
	"github.com/podknock/podknock/runner/verify"
)

// The lines between which the table stands.
const (
	begin = "<!-- defects: begin; written by make defects -->\n"
	end   = "<!-- defects: end -->\n"
)

// Table is the table of defects and verdicts in Markdown, and what verifications of the right engine said.
func Table(results []Result, right []*verify.Report) string {
	var b strings.Builder
	b.WriteString("| engine | its defect | met in | verdict | axis | time |\n|---|---|---|---|---|---|\n")
	caught := 0
	for i := range results {
		r := &results[i]
		verdict := strings.Join(Names(&r.Report.Headline), ", or ")
		if shown[r.Mutant.Name] != "" && r.Wrong == "" {
			verdict = "enforced; reported as what a denied client sees"
		}
		if verdict == "" {
			verdict = string(r.Report.Headline.Conclusion)
		}
		if nodes := r.Report.Headline.Nodes; len(nodes) > 0 {
			verdict += " on " + strings.Join(nodes, ", ")
		}
		if r.Wrong == "" {
			caught++
		} else {
			verdict += " (**" + r.Wrong + "**)"
		}
		axis := string(r.Report.Headline.Axis)
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %.0f s |\n", r.Mutant.Name, r.Mutant.Defect, r.Mutant.Seen, report.Clean(verdict), axis, r.Elapsed.Seconds())
	}
	fmt.Fprintf(&b, "\n%d of %d are caught and named.", caught, len(results))
	if len(right) > 0 {
		b.WriteString(" " + rightEngine(right))
	}
	b.WriteByte('\n')
	return b.String()
}

// rightEngine says what came of verifications of the engine without defect, and what they cost.
func rightEngine(reports []*verify.Report) string {
	accused, pods := 0, 0
	var seconds, requests []int
	for _, r := range reports {
		if Accused(r) {
			accused++
		}
		pods = max(pods, r.Pods)
		seconds, requests = append(seconds, int(r.Elapsed.Seconds()+0.5)), append(requests, r.Requests)
	}
	return fmt.Sprintf("Of %d verifications of the engine without defect %d accuse it; they took %d to %d s, %d to %d API requests and at most %d pods at once.",
		len(reports), accused, slices.Min(seconds), slices.Max(seconds), slices.Min(requests), slices.Max(requests), pods)
}

// Accused tells whether a verification says anything else of an engine than that it enforces policies.
func Accused(r *verify.Report) bool { return r.Headline.Conclusion != verify.ConcludedEnforced }

// Insert puts a table into a text, in place of the one that is there.
func Insert(text, table string) (string, error) {
	before, rest, found := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", fmt.Errorf("the lines %q and %q are missing", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return before + begin + "\n" + table + "\n" + end + after, nil
}
