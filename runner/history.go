package runner

import (
	"slices"
	"time"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

// history follows the outcomes of the cells of a step over its rounds.
type history struct {
	cells   []scenarios.Cell
	changed time.Time
	// first is the start of the first round.
	first   time.Time
	changes [][]Change
	// fits says of each cell whether it agrees, and turned is the start of the first round since which it has done so, or not.
	fits   []bool
	turned []time.Time
	// agreed and flapped say whether a cell has ever agreed, and whether it differed after that.
	agreed, flapped []bool
}

func newHistory(cells []scenarios.Cell, changed time.Time) *history {
	return &history{
		cells: cells, changed: changed, changes: make([][]Change, len(cells)), fits: make([]bool, len(cells)), turned: make([]time.Time, len(cells)),
		agreed: make([]bool, len(cells)), flapped: make([]bool, len(cells)),
	}
}

// add takes a round and tells whether none of its cells differs from what is expected.
func (h *history) add(r round, cells []int) bool {
	if h.first.IsZero() {
		h.first = r.start
	}
	all := true
	for _, i := range cells {
		found := r.table[i]
		outcome := probe.Error
		if found.asked {
			outcome = found.result.Outcome
		}
		fits := found.asked && agree(h.cells[i].Expected, h.cells[i].To.Kind, found.result, nil) != differs
		all = all && fits
		if h.turned[i].IsZero() || h.fits[i] != fits {
			h.fits[i], h.turned[i] = fits, r.start
		}
		h.flapped[i] = h.flapped[i] || h.agreed[i] && !fits
		h.agreed[i] = h.agreed[i] || fits
		if last := len(h.changes[i]) - 1; last < 0 || h.changes[i][last].Outcome != outcome {
			h.changes[i] = append(h.changes[i], Change{After: r.start.Sub(h.changed), Outcome: outcome})
		}
	}
	return all
}

// progress is the start of the newest round in which a cell came right that has been right ever since. There is none if all that is right was so from
// the first round on.
func (h *history) progress(cells []int) (at time.Time, ok bool) {
	at = h.first
	for _, i := range cells {
		if h.fits[i] && !h.flapped[i] && h.turned[i].After(at) {
			at, ok = h.turned[i], true
		}
	}
	return at, ok
}

// hopeless tells whether some of the cells have differed for so long, as of a moment and since any came right, that they will not agree any more, while
// all others have come to rest.
func (h *history) hopeless(at time.Time, cells []int, patience, rest time.Duration) bool {
	progress, _ := h.progress(cells)
	differing := false
	for _, i := range cells {
		if h.fits[i] {
			if at.Sub(h.turned[i]) < rest {
				return false
			}
			continue
		}
		if min(at.Sub(h.turned[i]), at.Sub(progress)) < patience {
			return false
		}
		differing = true
	}
	return differing
}

// restless tells whether any of the cells has differed after it had agreed.
func (h *history) restless(cells []int) bool {
	return slices.ContainsFunc(cells, func(i int) bool { return h.flapped[i] })
}

// of is what became of a cell: its outcomes if they were not the same all the time.
func (h *history) of(cell int) ([]Change, bool) {
	if len(h.changes[cell]) < 2 {
		return nil, h.flapped[cell]
	}
	return h.changes[cell], h.flapped[cell]
}
