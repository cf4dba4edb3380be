package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/podknock/podknock/runner/verify"
)

// VerifyText renders a verification for a person, and for a change ticket: the answer; a line for each stage, with what is wrong in it; the
// table of axes; how long changes took; what the API leaves to the plugin. The error is the writer's.
func VerifyText(w io.Writer, r *verify.Report, options Options) error {
	t := text{style: options.Style}
	word := conclusions[r.Headline.Conclusion]
	t.line(0, "%s  %s", t.style.paint(word.color, word.word), clean(r.Headline.Text))
	if r.Headline.Advice != "" {
		t.line(2, "what to do: %s", clean(r.Headline.Advice))
	}
	t.gap()
	for _, stage := range verifyStages(r) {
		t.line(0, "%s  %s  %s", pad(stage.name, stageColumn), t.style.paint(statusColors[stage.status], pad(stage.word(), statusColumn)), stage.text)
		for _, line := range stage.lines {
			t.line(2, "%s", line)
		}
	}
	t.sections(comparisonSections(r.Comparison))
	t.axes(r.Axes)
	t.sections(verifySections(r))
	t.gap()
	for _, line := range verifySummary(r) {
		t.line(0, "%s", line)
	}
	for _, file := range options.Files {
		t.line(0, "written: %s", clean(file))
	}
	_, err := w.Write(t.Bytes())
	return err
}

func (t *text) sections(sections []verifySection) {
	for _, section := range sections {
		t.gap()
		t.line(0, "%s", section.title)
		for _, row := range section.rows {
			t.line(2, "%s  %s", pad(row[0], titleColumn), row[1])
		}
	}
}

// Widths of columns.
const (
	stageColumn     = 10
	statusColumn    = 7
	titleColumn     = 36
	judgementColumn = 20
)

var conclusions = map[verify.Conclusion]struct {
	word  string
	color color
}{
	verify.ConcludedEnforced:    {"ENFORCED", green},
	verify.ConcludedDefective:   {"DEFECTIVE", red},
	verify.ConcludedUnexplained: {"NOT AS EXPECTED", red},
	verify.ConcludedNotEnforced: {"NOT ENFORCED", red},
	verify.ConcludedPath:        {"NO PATH", red},
	verify.ConcludedUnknown:     {"UNKNOWN", yellow},
}

var statusColors = map[verify.Status]color{
	verify.StatusPass: green, verify.StatusWarn: yellow, verify.StatusFail: red, verify.StatusUnknown: yellow,
}

// axes draws the table of axes, group by group.
func (t *text) axes(axes []verify.AxisResult) {
	group := ""
	for i := range axes {
		axis := &axes[i]
		if string(axis.Group) != group {
			group = string(axis.Group)
			t.gap()
			t.line(0, "%s", group)
		}
		judgement := t.style.paint(judgementColors[axis.Judgement], pad(string(axis.Judgement), judgementColumn))
		t.line(2, "%s  %s  %s", pad(clean(axis.Title), titleColumn), judgement, axisNote(axis))
		for _, line := range axisExamples(axis) {
			t.line(4, "%s", line)
		}
	}
}

var judgementColors = map[verify.Judgement]color{
	verify.Enforced: green, verify.NotEnforced: red, verify.Partly: red, verify.NotSupported: yellow, verify.NotTested: yellow,
}

// axisNote is what a table says of an axis beside its judgement.
func axisNote(axis *verify.AxisResult) string {
	var parts []string
	switch {
	case axis.Headline:
		parts = append(parts, "THE DEFECT")
	case axis.Follows != "":
		parts = append(parts, "follows from "+axis.Follows)
	}
	if axis.Judgement == verify.Undefined {
		return "see what the plugin does"
	}
	if axis.Why != "" {
		parts = append(parts, axis.Why)
	} else if axis.Counts.Pass > 0 {
		parts = append(parts, count(axis.Counts.Pass, "cell"))
	}
	if len(axis.Nodes) > 0 {
		parts = append(parts, "on "+strings.Join(axis.Nodes, ", "))
	}
	if all := latencies(axis.Latency); all != "" && axis.Judgement != verify.Enforced {
		parts = append(parts, all)
	}
	return clean(strings.Join(parts, "; "))
}

// maxExamples is how many failing cells of an accused axis are shown.
const maxExamples = 5

// axisExamples are the failing cells of an axis that is accused. Those of the others follow from it.
func axisExamples(axis *verify.AxisResult) []string {
	if !axis.Headline {
		return nil
	}
	var lines []string
	for i, cell := range axis.Failing {
		if i == maxExamples {
			lines = append(lines, fmt.Sprintf("and %d more; -o json has them all", len(axis.Failing)-maxExamples))
			break
		}
		scenario, _, _ := strings.Cut(cell.ID, "/")
		line := fmt.Sprintf("%s: %s: expected %s, found %s", scenario, cell.Pair, cell.Expected, cell.Observed)
		if cell.FromNode != "" && cell.ToNode != "" {
			line += fmt.Sprintf(" (from %s to %s)", cell.FromNode, cell.ToNode)
		}
		lines = append(lines, clean(line))
	}
	return lines
}
