package report

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
)

// cellsOf makes the cells of a step from lines "FROM TO PORT OUTCOME MARK [FAMILY]".
func cellsOf(lines ...string) []runner.Cell {
	cells := make([]runner.Cell, len(lines))
	for i, line := range lines {
		words := append(strings.Fields(line), "IPv4")
		cell := runner.Cell{
			From: runner.Endpoint{Text: words[0]}, To: runner.Endpoint{Text: words[1]}, Protocol: "TCP",
			Observed: probe.Outcome(words[3]), Mark: runner.Mark(words[4]), Family: words[5],
		}
		fmt.Sscan(words[2], &cell.Port)
		cells[i] = cell
	}
	return cells
}

func TestAMatrixStaysWithinItsWidth(t *testing.T) {
	g := NewWithT(t)
	step := runner.StepResult{Cells: cellsOf(
		"網頁 データベース 5432 timeout fail", "網頁 cache 6379 connected pass", "網頁 queue 5672 refused inconclusive",
		"web データベース 5432 connected pass", "web cache 6379 connected unjudged", "web queue 5672 connected error",
	)}
	lines := stepMatrices(&step, Style{Width: 30})
	for _, line := range lines[:len(lines)-1] {
		g.Expect(columns(line)).To(BeNumerically("<=", 30), line)
	}
	g.Expect(strings.Join(lines, "\n")).To(Equal(strings.TrimPrefix(`
      データベース  cache
      5432/TCP      6379/TCP
網頁  X!            .
web   .             .~

      queue
      5672/TCP
網頁  R?
web   E

. connected   X timeout   R refused   E error   ! not as expected   ? proves nothing   ~ left to the plugin`, "\n")))
}

func TestATableWiderThanTheTerminalHasOneColumnABlock(t *testing.T) {
	g := NewWithT(t)
	step := runner.StepResult{Cells: cellsOf("client one 80 connected pass", "client two 80 timeout fail")}
	g.Expect(stepMatrices(&step, Style{Width: 1})).To(HaveLen(3 + 1 + 3 + 1 + 1))
}

func TestFamiliesWithEqualTablesShareOne(t *testing.T) {
	g := NewWithT(t)
	step := runner.StepResult{Cells: cellsOf("a b 80 timeout fail IPv4", "a b 80 timeout fail IPv6")}
	g.Expect(stepMatrices(&step, Style{})[0]).To(Equal("IPv4 and IPv6"))
	step.Cells[1].Mark = runner.MarkPass
	g.Expect(stepMatrices(&step, Style{})[0]).To(Equal("IPv4"), "the table without a fault is left out, and its family is told from the other")
}

func TestEveryOutcomeHasAGlyphOfItsOwn(t *testing.T) {
	g := NewWithT(t)
	seen := map[byte]string{noCell: "no cell"}
	for _, glyph := range glyphs {
		g.Expect(seen).NotTo(HaveKey(glyph.glyph), glyph.word)
		seen[glyph.glyph] = glyph.word
	}
	for _, outcome := range probe.Outcomes() {
		g.Expect(seen).To(HaveKeyWithValue(glyphOf(string(outcome)), string(outcome)))
	}
}

// TestTheReadmeHasTheGlyphs looks for the line of each outcome in the table of the repository's README.
func TestTheReadmeHasTheGlyphs(t *testing.T) {
	g := NewWithT(t)
	text, err := os.ReadFile("../../README.md")
	g.Expect(err).NotTo(HaveOccurred())
	for _, outcome := range probe.Outcomes() {
		g.Expect(string(text)).To(MatchRegexp("(?m)^\\|.*`%s`.*\\|.*`%s`.*\\|.*\\|.*\\|$", outcome, regexp.QuoteMeta(string(glyphOf(string(outcome))))))
	}
}

func TestColourRepeatsWhatTheGlyphsSay(t *testing.T) {
	g := NewWithT(t)
	step := runner.StepResult{Cells: cellsOf("a b 80 timeout fail", "a c 80 refused inconclusive", "a d 80 connected pass")}
	plain, coloured := stepMatrices(&step, Style{}), stepMatrices(&step, Style{Color: true})
	stripped := strings.NewReplacer(string(red), "", string(yellow), "", string(green), "", "\x1b[0m", "")
	g.Expect(stripped.Replace(strings.Join(coloured, "\n"))).To(Equal(strings.Join(plain, "\n")))
	g.Expect(coloured).NotTo(Equal(plain))
}
