package runner

import (
	"time"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

// history follows the outcomes of the cells of a step over its rounds.
type history struct {
	cells   []scenarios.Cell
	changed time.Time
	changes [][]Change
	// still is the start of the first round since which every cell has found the same.
	still time.Time
	// agreed and flapped say whether a cell has ever agreed, and whether it differed after that.
	agreed, flapped []bool
}

func newHistory(cells []scenarios.Cell, changed time.Time) *history {
	return &history{
		cells: cells, changed: changed, changes: make([][]Change, len(cells)), agreed: make([]bool, len(cells)), flapped: make([]bool, len(cells)),
	}
}

// add takes a round and tells whether none of its cells differs from what is expected.
func (h *history) add(r round, cells []int) bool {
	all := true
	for _, i := range cells {
		found := r.table[i]
		outcome := probe.Error
		if found.asked {
			outcome = found.result.Outcome
		}
		fits := found.asked && agree(h.cells[i].Expected, h.cells[i].To.Kind, found.result, nil) != differs
		all = all && fits
		h.flapped[i] = h.flapped[i] || h.agreed[i] && !fits
		h.agreed[i] = h.agreed[i] || fits
		if last := len(h.changes[i]) - 1; last < 0 || h.changes[i][last].Outcome != outcome {
			h.still = r.start
			h.changes[i] = append(h.changes[i], Change{After: r.start.Sub(h.changed), Outcome: outcome})
		}
	}
	return all
}

// of is what became of a cell: its outcomes if they were not the same all the time.
func (h *history) of(cell int) ([]Change, bool) {
	if len(h.changes[cell]) < 2 {
		return nil, h.flapped[cell]
	}
	return h.changes[cell], h.flapped[cell]
}
