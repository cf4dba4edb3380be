package scenarios

import (
	"slices"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios/internal/strict"
)

// addControls finds for each cell that should fail one that proves its path. Where there is none, it adds a last step without policies.
func (e *expander) addControls() {
	places := make([]map[cellKey]int, len(e.steps))
	for i := range e.steps {
		places[i] = make(map[cellKey]int, len(e.steps[i].Cells))
		for j, cell := range e.steps[i].Cells {
			places[i][keyOfCell(cell)] = j
		}
	}
	type place struct{ step, cell int }
	var bare []place
	for i := range e.steps {
		proven := provenPairs(e.steps[i].Cells)
		for j := range e.steps[i].Cells {
			cell := &e.steps[i].Cells[j]
			if !cell.Expected.NeedsControl() {
				continue
			}
			if cell.Control = e.findControl(places, proven, i, cell); cell.Control == nil {
				bare = append(bare, place{i, j})
			}
		}
	}
	if len(bare) == 0 {
		return
	}
	decided := map[cellKey]decision{}
	for _, at := range bare {
		cell := e.steps[at.step].Cells[at.cell]
		key := keyOfCell(cell)
		open := e.world.openOutcome(key.knock)
		if !e.possible(key.from) || !e.possible(key.to) || e.births(key) != cell.births || !provesPath(open) {
			if cell.Reason.Origin != Kept {
				e.report(e.pathOf(cell, at.step), "%s should be %s, and no control can prove that the path is not dead: "+
					"add a step in which it connects", cell.withoutFamily(), cell.Expected)
			}
			continue
		}
		decided[key] = decision{expected: open, reason: Reason{Origin: NoPolicy}}
	}
	e.addRemoval(decided)
	last := len(e.steps) - 1
	for _, at := range bare {
		cell := &e.steps[at.step].Cells[at.cell]
		if i := slices.IndexFunc(e.steps[last].Cells, func(c Cell) bool { return keyOfCell(c) == keyOfCell(*cell) }); i >= 0 {
			cell.Control = &Control{Kind: ControlAfter, Step: last, Cell: i}
		}
	}
}

// addRemoval adds the step in which all policies are gone.
func (e *expander) addRemoval(decided map[cellKey]decision) {
	step := ExpandedStep{Name: RemovalStep, Step: -1}
	for _, key := range sortedPolicyKeys(e.world.policies) {
		step.Delete = append(step.Delete, Ref{Kind: RefPolicy, Namespace: key.Namespace, Name: key.Name})
	}
	e.changing = []AxisName{AxisPolicyDelete}
	e.world, _ = e.world.after(&Step{Delete: step.Delete}, len(e.scenario.Steps)+1)
	e.finish(step, decided)
}

// provesPath reports whether finding this proves that packets arrive.
func provesPath(expected Expected) bool {
	return expected == Expected(probe.Connected) || expected == Expected(probe.Refused)
}

// pair is two endpoints in one family.
type pair struct {
	cellKey
}

func pairOf(c Cell) pair {
	return pair{cellKey{from: c.From, knock: knock{to: c.To}, family: c.Family}}
}

// provenPairs lists the cells that should connect, by pair.
func provenPairs(cells []Cell) map[pair][]int {
	proven := map[pair][]int{}
	for i, cell := range cells {
		if cell.Expected == Expected(probe.Connected) {
			proven[pairOf(cell)] = append(proven[pairOf(cell)], i)
		}
	}
	return proven
}

// findControl searches in the order of [ControlKind].
func (e *expander) findControl(places []map[cellKey]int, proven map[pair][]int, step int, cell *Cell) *Control {
	same := func(i int) *Control {
		j, ok := places[i][keyOfCell(*cell)]
		if !ok || !provesPath(e.steps[i].Cells[j].Expected) || e.steps[i].Cells[j].births != cell.births {
			return nil
		}
		return &Control{Step: i, Cell: j}
	}
	for i := step - 1; i >= 0; i-- {
		if control := same(i); control != nil {
			control.Kind = ControlBefore
			return control
		}
	}
	if others := proven[pairOf(*cell)]; len(others) > 0 {
		best := others[0]
		for _, other := range others {
			if e.steps[step].Cells[other].Protocol == cell.Protocol {
				best = other
				break
			}
		}
		return &Control{Kind: ControlOtherPort, Step: step, Cell: best}
	}
	for i := step + 1; i < len(e.steps); i++ {
		if control := same(i); control != nil {
			control.Kind = ControlAfter
			return control
		}
	}
	return nil
}

// pathOf is the field that a cell's expectation stands in, as near as it is known.
func (e *expander) pathOf(cell Cell, step int) string {
	i := e.steps[step].Step
	if i < 0 {
		return "steps"
	}
	path := strict.Index("steps", i) + ".expect"
	if cell.Reason.Origin == Stated {
		if j := slices.Index(e.scenario.source.lines[i], cell.Reason.Line); j >= 0 {
			return strict.Index(path, j)
		}
	}
	return path
}
