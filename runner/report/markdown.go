package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/podknock/podknock/runner"
)

// Markdown renders a report for the summary of a build step, in GitHub's dialect: a table of the scenarios; for each that did not pass the
// matrix of each step at fault and its wrong cells; the totals.
func Markdown(w io.Writer, r *runner.Report) error {
	var t text
	t.line(0, "## podknock: %s", headline(r))
	t.gap()
	if len(r.Scenarios) > 0 {
		t.line(0, "| scenario | result | cells | steps | time |")
		t.line(0, "|---|---|---|---|---|")
		for i := range r.Scenarios {
			s := &r.Scenarios[i]
			t.line(0, "| %s | %s | %s | %d | %s |", inline(scenarioName(s.Suite, s.Name, s.File)), words[s.Mark].word,
				tally(s.Counts), len(s.Steps), brief(s.Elapsed))
		}
		t.gap()
	}
	for i := range r.Scenarios {
		t.markdownScenario(&r.Scenarios[i])
	}
	for _, line := range summary(r) {
		t.line(0, "- %s", inline(line))
	}
	_, err := w.Write(t.Bytes())
	return err
}

// headline sums a run up in a few words.
func headline(r *runner.Report) string {
	switch wrong := r.Counts.Fail; {
	case wrong > 0:
		return fmt.Sprintf("%s of %d not as expected", count(wrong, "cell"), r.Counts.Total())
	case r.ExitCode() == runner.ExitAsExpected:
		return fmt.Sprintf("%s as expected", count(r.Counts.Total(), "cell"))
	case r.ExitCode() == runner.ExitLeftovers:
		return "clean-up incomplete"
	}
	return "not everything could be tested"
}

func (t *text) markdownScenario(s *runner.ScenarioResult) {
	if !atFault(s.Mark) && len(s.Notes) == 0 {
		return
	}
	t.line(0, "### %s %s", words[s.Mark].word, inline(scenarioName(s.Suite, s.Name, s.File)))
	t.gap()
	lines := nonEmptyLines(s.Error)
	for _, pod := range s.Pods {
		if pod.Problem != "" {
			lines = append(lines, fmt.Sprintf("pod %s: %s", clean(pod.Name), clean(pod.Problem)))
		}
	}
	for _, note := range s.Notes {
		lines = append(lines, "note: "+clean(note))
	}
	for _, line := range lines {
		t.line(0, "- %s", inline(line))
	}
	if len(lines) > 0 {
		t.gap()
	}
	for i := range s.Steps {
		if step := &s.Steps[i]; step.Error != "" || atFault(step.Mark) {
			t.markdownStep(s, step, i)
		}
	}
}

func (t *text) markdownStep(s *runner.ScenarioResult, step *runner.StepResult, i int) {
	t.line(0, "**%s**", inline(stepTitle(s, step, i)))
	t.gap()
	for _, line := range nonEmptyLines(step.Error) {
		t.line(0, "- %s", inline(line))
	}
	if lines := stepMatrices(step, Style{}); len(lines) > 0 {
		t.gap()
		t.fenced(lines)
	}
	explained := 0
	for j := range step.Cells {
		cell := &step.Cells[j]
		if !atFault(cell.Mark) {
			continue
		}
		t.line(0, "- **%s**: %s", inline(cellName(cell)), inline(difference(cell)))
		if explained++; explained > maxExplained {
			continue
		}
		for _, fact := range facts(s, cell) {
			for _, line := range fact.lines {
				if line = inline(line); fact.label == "repeat" {
					line = code(fact.lines[0])
				}
				t.line(2, "- %s: %s", fact.label, line)
			}
		}
	}
	if explained > maxExplained {
		t.line(0, "- %s", leftOut(explained))
	}
	t.gap()
}

// fenced writes lines as a block of code whose fence does not occur in them.
func (t *text) fenced(lines []string) {
	fence := strings.Repeat("`", max(3, longestRun(strings.Join(lines, "\n"))+1))
	t.line(0, "%s", fence)
	for _, line := range lines {
		t.line(0, "%s", line)
	}
	t.line(0, "%s", fence)
	t.gap()
}

// code makes a clean text a span of code.
func code(text string) string {
	fence := strings.Repeat("`", longestRun(text)+1)
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return fence + text + fence
}

// longestRun is the length of the longest run of backquotes.
func longestRun(text string) int {
	longest, run := 0, 0
	for _, r := range text {
		if r != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

var inlineEscapes = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", `*`, `\*`, `_`, `\_`, `[`, `\[`, `]`, `\]`, `<`, `\<`, `>`, `\>`, `|`, `\|`, `~`, `\~`, `&`, `\&`, `#`, `\#`,
)

// inline escapes what Markdown would take for its own.
func inline(text string) string { return inlineEscapes.Replace(text) }
