package matrix

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/podknock/podknock/scenarios/policy"
)

// maxWidth is how wide a table with the names of targets as headings may be.
const maxWidth = 110

// word is what a cell shows.
func (c *Cell) word() string {
	switch {
	case c.Self:
		return "self"
	case c.Error != "":
		return "error"
	case len(c.Parts) > 0:
		return "partly"
	}
	return string(c.Verdict)
}

// meanings say what the words of cells mean, in the order of the legend.
var meanings = [][2]string{
	{"allow", "the policies let the connection pass"},
	{"deny", "the policies stop it"},
	{"depends", "the API leaves the answer to the network plugin, or an address is not known"},
	{"partly", "parts of the range have different verdicts"},
	{"self", "a pod can always reach itself"},
	{"error", "there is no verdict"},
}

// Text draws the table for a terminal, with a legend of the words that occur. Targets are numbered if their names are too wide.
func (m *Matrix) Text() string {
	if len(m.Rows) == 0 || len(m.Columns) == 0 {
		return "No pods are given: there is nothing to judge.\n"
	}
	headings := make([]string, len(m.Columns))
	total := 0
	for j := range m.Columns {
		headings[j] = m.Columns[j].Name
		total += utf8.RuneCountInString(headings[j]) + 2
	}
	numbered := total+m.nameWidth() > maxWidth
	if numbered {
		for j := range headings {
			headings[j] = fmt.Sprint(j + 1)
		}
	}
	var text strings.Builder
	text.WriteString(strings.Repeat(" ", m.nameWidth()))
	widths := make([]int, len(headings))
	for j, heading := range headings {
		widths[j] = utf8.RuneCountInString(heading)
		for i := range m.Rows {
			widths[j] = max(widths[j], len(m.Cells[i][j].word()))
		}
		fmt.Fprintf(&text, "  %-*s", widths[j], heading)
	}
	text.WriteString("\n")
	for i := range m.Rows {
		fmt.Fprintf(&text, "%-*s", m.nameWidth(), m.Rows[i].Name)
		for j := range m.Columns {
			fmt.Fprintf(&text, "  %-*s", widths[j], m.Cells[i][j].word())
		}
		text.WriteString("\n")
	}
	text.WriteString("\nRows knock on columns.\n")
	if numbered {
		for j := range m.Columns {
			fmt.Fprintf(&text, "  %*d  %s\n", len(fmt.Sprint(len(m.Columns))), j+1, m.Columns[j].Name)
		}
	}
	for _, line := range m.legend() {
		text.WriteString(line + "\n")
	}
	return text.String()
}

func (m *Matrix) nameWidth() int {
	width := 0
	for i := range m.Rows {
		width = max(width, utf8.RuneCountInString(m.Rows[i].Name))
	}
	return width
}

// legend says what the words mean that occur, and what is special about single cells.
func (m *Matrix) legend() []string {
	used, doubts := map[string]bool{}, map[policy.Doubt]bool{}
	var details []string
	for i := range m.Rows {
		for j := range m.Columns {
			cell := &m.Cells[i][j]
			used[cell.word()] = true
			for _, doubt := range cell.Doubts {
				doubts[doubt] = true
			}
			if cell.Error != "" {
				details = append(details, fmt.Sprintf("%s -> %s: %s", m.Rows[i].Name, m.Columns[j].Name, cell.Error))
			}
			for _, part := range cell.Parts {
				details = append(details, fmt.Sprintf("%s -> %s: %s-%s %s", m.Rows[i].Name, m.Columns[j].Name, part.From, part.To, part.Verdict))
			}
		}
	}
	var lines []string
	for _, meaning := range meanings {
		if used[meaning[0]] {
			lines = append(lines, fmt.Sprintf("  %-7s  %s", meaning[0], meaning[1]))
		}
	}
	if len(doubts) > 0 {
		for _, doubt := range slices.Sorted(maps.Keys(doubts)) {
			lines = append(lines, "  it depends on: "+doubt.Sentence())
		}
	}
	for _, detail := range details {
		lines = append(lines, "  "+detail)
	}
	if guessed := m.guessed(); len(guessed) > 0 {
		lines = append(lines, fmt.Sprintf("  no declared port, so %d was asked about: %s", guessedPort, strings.Join(guessed, ", ")))
	}
	return lines
}

func (m *Matrix) guessed() []string {
	var names []string
	for j := range m.Columns {
		if m.Columns[j].Guessed {
			names = append(names, m.Columns[j].Name)
		}
	}
	return names
}

var markdownEscapes = strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;", "`", "\\`", "*", `\*`, "_", `\_`)

// Markdown draws the table for a pull request.
func (m *Matrix) Markdown() string {
	if len(m.Rows) == 0 || len(m.Columns) == 0 {
		return m.Text()
	}
	var text strings.Builder
	text.WriteString("| from \\ to |")
	for j := range m.Columns {
		fmt.Fprintf(&text, " %s |", markdownEscapes.Replace(m.Columns[j].Name))
	}
	text.WriteString("\n|---|" + strings.Repeat("---|", len(m.Columns)) + "\n")
	for i := range m.Rows {
		fmt.Fprintf(&text, "| %s |", markdownEscapes.Replace(m.Rows[i].Name))
		for j := range m.Columns {
			fmt.Fprintf(&text, " %s |", m.Cells[i][j].word())
		}
		text.WriteString("\n")
	}
	text.WriteString("\n")
	for _, line := range m.legend() {
		fmt.Fprintf(&text, "- %s\n", markdownEscapes.Replace(strings.TrimSpace(line)))
	}
	return text.String()
}
