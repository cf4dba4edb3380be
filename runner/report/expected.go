package report

import (
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// Expected draws what the cells of a step should find, one table for each family; families with equal tables share one, and their names are
// the first line if there is more than one family. The lines have no indentation.
func Expected(cells []scenarios.Cell, style Style) []string {
	squares := make([]square, len(cells))
	families := map[string]bool{}
	for i, cell := range cells {
		squares[i] = square{
			place:  place{clean(cell.From.String()), column{clean(cell.To.String()), clean(portText(cell.Port, string(cell.Protocol)))}},
			family: string(cell.Family), entry: entry{glyphOf(string(cell.Expected)), runner.MarkPass},
		}
		families[string(cell.Family)] = true
	}
	return drawAll(matrices(squares), len(families) > 1, style)
}

// drawAll draws tables below each other, with titles if wanted.
func drawAll(tables []matrix, titles bool, style Style) []string {
	var lines []string
	for i, table := range tables {
		if i > 0 {
			lines = append(lines, "")
		}
		if titles {
			lines = append(lines, table.title())
		}
		lines = append(lines, table.draw(style)...)
	}
	return lines
}
