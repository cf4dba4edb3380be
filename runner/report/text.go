package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/podknock/podknock/runner"
)

// maxExplained is the number of cells of a step that are explained in full. A wrong answer of a whole cluster repeats itself; JSON has all.
const maxExplained = 25

// Text renders a report for a person: a line for each scenario; below one that did not pass, the matrix of each step at fault and, for each
// wrong cell, what is known; at the end the totals. The error is the writer's.
func Text(w io.Writer, r *runner.Report, options Options) error {
	t := text{style: options.Style}
	for i := range r.Scenarios {
		s := &r.Scenarios[i]
		t.markWidth = max(t.markWidth, len(words[s.Mark].word))
		t.nameWidth = max(t.nameWidth, min(columns(scenarioName(s.Suite, s.Name, s.File)), maxName))
	}
	for i := range r.Scenarios {
		t.scenario(&r.Scenarios[i])
	}
	t.gap()
	for _, line := range summary(r) {
		t.line(0, "%s", line)
	}
	for _, file := range options.Files {
		t.line(0, "written: %s", clean(file))
	}
	_, err := w.Write(t.Bytes())
	return err
}

// text is a rendering under way.
type text struct {
	bytes.Buffer
	style Style
	// markWidth and nameWidth are the widths of columns.
	markWidth, nameWidth int
}

// maxName bounds the column of names; a longer name pushes what follows to the right.
const maxName = 50

func (t *text) line(indent int, format string, args ...any) {
	line := strings.Repeat(" ", indent) + fmt.Sprintf(format, args...)
	t.WriteString(strings.TrimRight(line, " "))
	t.WriteByte('\n')
}

// gap leaves a line free, but for the first and for one that is free already.
func (t *text) gap() {
	if t.Len() > 0 && !bytes.HasSuffix(t.Bytes(), []byte("\n\n")) {
		t.WriteByte('\n')
	}
}

// words are how marks are shouted. A pass is quiet.
var words = map[runner.Mark]struct {
	word  string
	color color
}{
	runner.MarkPass:         {"pass", green},
	runner.MarkUnjudged:     {"pass", green},
	runner.MarkFail:         {"FAIL", red},
	runner.MarkError:        {"ERROR", yellow},
	runner.MarkInconclusive: {"INCONCLUSIVE", yellow},
}

// markText is the coloured word of a mark, as wide as the column.
func (t *text) markText(mark runner.Mark) string {
	word := words[mark]
	return t.style.paint(word.color, word.word) + strings.Repeat(" ", t.markWidth-len(word.word))
}

// scenarioName is SUITE/NAME, or the name and the file.
func scenarioName(suite, name, file string) string {
	switch {
	case suite != "":
		return clean(suite + "/" + name)
	case file != "":
		return clean(fmt.Sprintf("%s (%s)", name, file))
	}
	return clean(name)
}

// scenarioSummary is the line of a scenario without its name and mark.
func scenarioSummary(s *runner.ScenarioResult) string {
	cells := count(s.Counts.Total(), "cell")
	if atFault(s.Mark) {
		cells = tally(s.Counts) + " of " + cells
	}
	return fmt.Sprintf("%s in %s, %s", cells, count(len(s.Steps), "step"), brief(s.Elapsed))
}

func (t *text) scenario(s *runner.ScenarioResult) {
	t.line(0, "%s  %s  %s", t.markText(s.Mark), pad(scenarioName(s.Suite, s.Name, s.File), t.nameWidth), scenarioSummary(s))
	for _, line := range nonEmptyLines(s.Error) {
		t.line(2, "%s", line)
	}
	for _, pod := range s.Pods {
		for i, line := range nonEmptyLines(pod.Problem) {
			if i == 0 {
				line = fmt.Sprintf("pod %s: %s", clean(pod.Name), line)
			}
			t.line(2, "%s", line)
		}
	}
	for _, note := range s.Notes {
		t.line(2, "note: %s", clean(note))
	}
	for i := range s.Steps {
		if step := &s.Steps[i]; step.Error != "" || atFault(step.Mark) {
			t.step(s, step, i)
		}
	}
}

// atFault reports whether a mark calls for an explanation.
func atFault(mark runner.Mark) bool { return mark != runner.MarkPass && mark != runner.MarkUnjudged }

// nonEmptyLines are the clean lines of a text, none for an empty one.
func nonEmptyLines(text string) []string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return cleanLines(text)
}

// stepTitle is "step 2 of 3, internal-policy applied: settled in 1.3 s after 3 rounds".
func stepTitle(s *runner.ScenarioResult, step *runner.StepResult, i int) string {
	return fmt.Sprintf("step %d of %d, %s: %s", i+1, len(s.Steps), clean(step.Name), settled(step.Settled))
}

// settled says in words how a step came to rest.
func settled(s runner.Settled) string {
	rounds := count(s.Rounds, "round")
	switch s.How {
	case runner.SettledAsExpected:
		return fmt.Sprintf("settled in %s, %s", brief(s.Waited), rounds)
	case runner.SettledByCanary:
		return fmt.Sprintf("settled by canary in %s, %s", brief(s.Waited), rounds)
	case runner.SettledAtBound:
		return fmt.Sprintf("not as expected for %s, %s", brief(s.Waited), rounds)
	}
	return "not carried out"
}

func (t *text) step(s *runner.ScenarioResult, step *runner.StepResult, i int) {
	t.gap()
	t.line(2, "%s", stepTitle(s, step, i))
	for _, line := range nonEmptyLines(step.Error) {
		t.line(4, "%s", line)
	}
	if lines := stepMatrices(step, t.style); len(lines) > 0 {
		t.gap()
		for _, line := range lines {
			t.line(4, "%s", line)
		}
	}
	explained := 0
	for j := range step.Cells {
		cell := &step.Cells[j]
		if !atFault(cell.Mark) {
			continue
		}
		if explained++; explained > maxExplained {
			t.line(2, "%s: %s", cellName(cell), difference(cell))
			continue
		}
		t.gap()
		t.line(2, "%s: %s", t.style.paint(words[cell.Mark].color, cellName(cell)), difference(cell))
		t.facts(facts(s, cell))
	}
	if explained > maxExplained {
		t.line(2, "%s", leftOut(explained))
	}
	t.gap()
}

// leftOut says where the rest is, where not all wrong cells of a step are explained.
func leftOut(wrong int) string {
	return fmt.Sprintf("(the first %d are explained; -o json has everything on all %d)", maxExplained, wrong)
}

// stepMatrices draws the tables of a step that hold something wrong.
func stepMatrices(step *runner.StepResult, style Style) []string {
	tables := matrices(observedSquares(step.Cells))
	families := 0
	var wrong []matrix
	for _, table := range tables {
		families += len(table.families)
		if table.atFault() {
			wrong = append(wrong, table)
		}
	}
	return drawAll(wrong, families > 1, style)
}

// labelColumn is the width of the longest label of a fact.
const labelColumn = 9

func (t *text) facts(all []fact) {
	for _, fact := range all {
		label := fact.label
		for _, line := range fact.lines {
			t.line(4, "%s  %s", pad(label, labelColumn), line)
			label = ""
		}
	}
}
