package defects

import (
	"fmt"
	"strings"

	"github.com/podknock/podknock/runner/report"
)

// The lines between which the table stands.
const (
	begin = "<!-- defects: begin; written by make defects -->\n"
	end   = "<!-- defects: end -->\n"
)

// Table is the table of defects and verdicts in Markdown.
func Table(results []Result) string {
	var b strings.Builder
	b.WriteString("| engine | its defect | verdict | axis | time |\n|---|---|---|---|---|\n")
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
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %.0f s |\n", r.Mutant.Name, r.Mutant.Defect, report.Clean(verdict), axis, r.Elapsed.Seconds())
	}
	fmt.Fprintf(&b, "\n%d of %d are caught and named.\n", caught, len(results))
	return b.String()
}

// Insert puts a table into a text, in place of the one that is there.
func Insert(text, table string) (string, error) {
	before, rest, found := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", fmt.Errorf("the lines %q and %q are missing", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return before + begin + "\n" + table + "\n" + end + after, nil
}
