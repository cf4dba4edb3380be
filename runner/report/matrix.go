package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
)

// matrix is a table of cells: who knocks in the rows, what is knocked on in the columns, both in the order of their first cell, but pods that
// also knock come in the order of the rows, and first.
type matrix struct {
	// families are those that this very table is true of.
	families []string
	rows     []string
	columns  []column
	entries  map[place]entry
}

// column is what is knocked on.
type column struct{ to, port string }

type place struct {
	row    string
	column column
}

// square is one cell for a matrix.
type square struct {
	place
	family string
	entry
}

// observedSquares are the cells of a step with what was seen.
func observedSquares(cells []runner.Cell) []square {
	squares := make([]square, len(cells))
	for i := range cells {
		cell := &cells[i]
		observed := cell.Observed
		if observed == "" || cell.Mark == runner.MarkError {
			observed = probe.Error
		}
		squares[i] = square{
			place:  place{clean(cell.From.Text), column{clean(cell.To.Text), clean(portText(cell.Port, cell.Protocol))}},
			family: cell.Family, entry: entry{glyphOf(string(observed)), cell.Mark},
		}
	}
	return squares
}

// portText is "80/TCP", or the protocol alone for DNS.
func portText(port int32, protocol string) string {
	if port == 0 {
		return protocol
	}
	return fmt.Sprintf("%d/%s", port, protocol)
}

// matrices lays cells out, one table for each family. Families with equal tables share one.
func matrices(squares []square) []matrix {
	var tables []matrix
	for _, s := range squares {
		i := slices.IndexFunc(tables, func(m matrix) bool { return m.families[0] == s.family })
		if i < 0 {
			i = len(tables)
			tables = append(tables, matrix{families: []string{s.family}, entries: map[place]entry{}})
		}
		m := &tables[i]
		if !slices.Contains(m.rows, s.row) {
			m.rows = append(m.rows, s.row)
		}
		if !slices.Contains(m.columns, s.column) {
			m.columns = append(m.columns, s.column)
		}
		m.entries[s.place] = s.entry
	}
	var distinct []matrix
	for _, m := range tables {
		slices.SortStableFunc(m.columns, func(a, b column) int { return cmp.Compare(m.rank(a), m.rank(b)) })
		i := slices.IndexFunc(distinct, m.equal)
		if i < 0 {
			distinct = append(distinct, m)
			continue
		}
		distinct[i].families = append(distinct[i].families, m.families...)
	}
	return distinct
}

// rank orders columns.
func (m matrix) rank(c column) int {
	if i := slices.Index(m.rows, c.to); i >= 0 {
		return i
	}
	return len(m.rows)
}

func (m matrix) equal(other matrix) bool {
	return slices.Equal(m.rows, other.rows) && slices.Equal(m.columns, other.columns) && maps.Equal(m.entries, other.entries)
}

// title names the families.
func (m matrix) title() string { return strings.Join(m.families, " and ") }

// draw returns the lines of the table, in blocks of columns that keep to the width, and the legend.
func (m matrix) draw(style Style) []string {
	first := 0
	for _, row := range m.rows {
		first = max(first, columns(row))
	}
	var lines []string
	for rest := m.columns; len(rest) > 0; {
		taken, total := 0, first
		for taken < len(rest) && (taken == 0 || total+2+rest[taken].width() <= style.width()) {
			total += 2 + rest[taken].width()
			taken++
		}
		if len(lines) > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, m.block(rest[:taken], first, style)...)
		rest = rest[taken:]
	}
	gaps := len(m.entries) < len(m.rows)*len(m.columns)
	return append(lines, "", legend(slices.Collect(maps.Values(m.entries)), gaps))
}

// block draws some of the columns.
func (m matrix) block(block []column, first int, style Style) []string {
	over, under := pad("", first), pad("", first)
	for _, c := range block {
		over += "  " + pad(c.to, c.width())
		under += "  " + pad(c.port, c.width())
	}
	lines := []string{strings.TrimRight(over, " "), strings.TrimRight(under, " ")}
	for _, row := range m.rows {
		line := pad(row, first)
		for i, c := range block {
			text, paint := string(noCell), plain
			if e, ok := m.entries[place{row, c}]; ok {
				text, paint = e.text(), e.color()
			}
			line += "  " + style.paint(paint, text)
			if i < len(block)-1 {
				line += strings.Repeat(" ", c.width()-columns(text))
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// width is the number of columns that the heading takes; two are for the glyph with its flag.
func (c column) width() int { return max(columns(c.to), columns(c.port), 2) }

// atFault reports whether a cell of the table calls for an explanation.
func (m matrix) atFault() bool {
	for _, e := range m.entries {
		if atFault(e.mark) {
			return true
		}
	}
	return false
}
