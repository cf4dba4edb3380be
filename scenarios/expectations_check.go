package scenarios

import "github.com/podknock/podknock/scenarios/internal/strict"

// checkExpectations writes the scenario out for a cluster with both families, and reports what shows only then.
func (l *loading) checkExpectations() {
	l.keepLines()
	if cells := l.scenario.cellsBetweenPods(); cells > maxCells {
		l.report("pods", "pods, ports and steps make %d cells, and at most %d are tried: make the scenario smaller", cells, maxCells)
		return
	}
	for i := range l.scenario.Steps {
		step, at := &l.scenario.Steps[i], strict.Index("steps", i)
		if !step.Expect.Policies && len(step.Expect.List) == 0 {
			l.report(at+".expect", "the step expects nothing: add a line, or write expect: %s", policiesWord)
		}
		for j, expectation := range step.Expect.List {
			if len(expectation.From) == 0 || len(expectation.To) == 0 {
				l.report(strict.Index(at+".expect", j), "from or to is an empty list: name somebody")
			}
		}
	}
	if !l.sound() {
		return
	}
	expander := newExpander(l.scenario, Families())
	if err := expander.run(); err != nil {
		l.report("steps", "%v", err)
	}
	reported := map[issue]bool{}
	for _, issue := range expander.issues {
		if !reported[issue] {
			l.report(issue.path, "%s", issue.message)
		}
		reported[issue] = true
	}
}

// keepLines remembers the lines of the expectations.
func (l *loading) keepLines() {
	for i := range l.scenario.Steps {
		at := strict.Index("steps", i) + ".expect"
		lines := make([]int, len(l.scenario.Steps[i].Expect.List))
		for j := range lines {
			lines[j] = l.decoder.Position(strict.Index(at, j)).Line
		}
		l.scenario.source.lines = append(l.scenario.source.lines, lines)
	}
}
