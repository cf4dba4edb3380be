package scenarios

import (
	"slices"

	"github.com/podknock/podknock/scenarios/internal/strict"
)

// checkAxes reports axes that a list has twice, and those that a wider list has already. Names that no file may declare are reported where
// they are decoded.
func (l *loading) checkAxes() {
	s := l.scenario
	l.checkAxisList("axes", s.Axes, nil)
	for i := range s.Steps {
		step, at := &s.Steps[i], strict.Index("steps", i)
		l.checkAxisList(at+".axes", step.Axes, s.Axes)
		for j, line := range step.Expect.List {
			l.checkAxisList(strict.Index(at+".expect", j)+".axes", line.Axes, slices.Concat(s.Axes, step.Axes))
		}
	}
}

func (l *loading) checkAxisList(at string, list, wider []AxisName) {
	for i, name := range list {
		switch {
		case slices.Contains(list[:i], name):
			l.report(strict.Index(at, i), "the axis %q is already in the list: remove one", name)
		case slices.Contains(wider, name):
			l.report(strict.Index(at, i), "the axis %q is already that of the scenario or the step: remove it here", name)
		}
	}
}
