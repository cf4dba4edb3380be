package report

import (
	"io"
	"slices"

	"github.com/podknock/podknock/runner/verify"
)

// VerifyMarkdown renders a verification for the summary of a build step or a change ticket, in GitHub's dialect.
func VerifyMarkdown(w io.Writer, r *verify.Report) error {
	var t text
	t.line(0, "## podknock verify: %s", string(r.Headline.Conclusion))
	t.gap()
	t.line(0, "%s", inline(clean(r.Headline.Text)))
	t.gap()
	if r.Headline.Advice != "" {
		t.line(0, "What to do: %s", inline(clean(r.Headline.Advice)))
		t.gap()
	}
	t.line(0, "| stage | result | |")
	t.line(0, "|---|---|---|")
	stages := verifyStages(r)
	for _, stage := range stages {
		t.line(0, "| %s | %s | %s |", stage.name, stage.word(), inline(stage.text))
	}
	t.gap()
	for _, stage := range stages {
		for _, line := range stage.lines {
			t.line(0, "- %s: %s", stage.name, inline(line))
		}
	}
	if len(r.Axes) > 0 {
		t.gap()
		t.line(0, "| axis | judgement | |")
		t.line(0, "|---|---|---|")
		for i := range r.Axes {
			axis := &r.Axes[i]
			t.line(0, "| %s | %s | %s |", inline(clean(axis.Title)), string(axis.Judgement), inline(axisNote(axis)))
		}
		t.gap()
	}
	for i := range r.Axes {
		for _, line := range axisExamples(&r.Axes[i]) {
			t.line(0, "- %s", inline(line))
		}
	}
	for _, section := range slices.Concat(comparisonSections(r.Comparison), verifySections(r)) {
		t.gap()
		t.line(0, "| %s | |", section.title)
		t.line(0, "|---|---|")
		for _, row := range section.rows {
			t.line(0, "| %s | %s |", inline(row[0]), inline(row[1]))
		}
	}
	t.gap()
	for _, line := range verifySummary(r) {
		t.line(0, "- %s", inline(line))
	}
	_, err := w.Write(t.Bytes())
	return err
}
