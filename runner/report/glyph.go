package report

import (
	"strings"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// A glyph stands for an outcome or an expectation in a matrix. Case tells cousins apart: R and J are refusals, r a reset.
var glyphs = []struct {
	word  string
	glyph byte
}{
	{string(probe.Connected), '.'},
	{string(scenarios.Blocked), '#'},
	{string(probe.Timeout), 'X'},
	{string(probe.Rejected), 'J'},
	{string(probe.Refused), 'R'},
	{string(probe.Reset), 'r'},
	{string(probe.Closed), 'c'},
	{string(probe.Stalled), 's'},
	{string(probe.Unreachable), 'U'},
	{string(probe.DNSFailure), 'D'},
	{string(probe.WrongResponder), 'W'},
	{string(probe.Unsupported), 'N'},
	{string(probe.Error), 'E'},
	{string(scenarios.Any), '*'},
}

// noCell stands where nothing is knocked on, such as a pod itself.
const noCell = '-'

// glyphOf is the glyph of a word.
func glyphOf(word string) byte {
	for _, g := range glyphs {
		if g.word == word {
			return g.glyph
		}
	}
	return '%'
}

// flags are what stands behind a glyph, in the order of the legend.
var flags = []struct {
	mark    runner.Mark
	flag    byte
	meaning string
	color   color
}{
	{runner.MarkFail, '!', "not as expected", red},
	{runner.MarkInconclusive, '?', "proves nothing", yellow},
	{runner.MarkUnjudged, '~', "left to the plugin", plain},
}

// entry is the content of one place of a matrix.
type entry struct {
	glyph byte
	mark  runner.Mark
}

// text is the glyph with its flag.
func (e entry) text() string {
	for _, f := range flags {
		if f.mark == e.mark {
			return string([]byte{e.glyph, f.flag})
		}
	}
	return string(e.glyph)
}

func (e entry) color() color {
	if e.mark == runner.MarkError {
		return yellow
	}
	for _, f := range flags {
		if f.mark == e.mark {
			return f.color
		}
	}
	return plain
}

// legend explains the glyphs and flags that occur.
func legend(entries []entry, gaps bool) string {
	seen, marks := map[byte]bool{}, map[runner.Mark]bool{}
	for _, e := range entries {
		seen[e.glyph], marks[e.mark] = true, true
	}
	var parts []string
	for _, g := range glyphs {
		if seen[g.glyph] {
			word := g.word
			if g.word == string(scenarios.Blocked) {
				word += " (timeout or rejected)"
			}
			parts = append(parts, string(g.glyph)+" "+word)
		}
	}
	for _, f := range flags {
		if marks[f.mark] {
			parts = append(parts, string(f.flag)+" "+f.meaning)
		}
	}
	if gaps {
		parts = append(parts, string(noCell)+" not asked")
	}
	return strings.Join(parts, "   ")
}
