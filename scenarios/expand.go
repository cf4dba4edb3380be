package scenarios

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios/internal/strict"
)

// ExpandOptions are the facts about a cluster that decide which cells there are.
type ExpandOptions struct {
	// Families are those that the cluster has, the first being that of its DNS. None means IPv4 alone.
	Families []corev1.IPFamily
}

// Expand writes a scenario out: what is done in each step, and each cell with what it should find. Steps are added where a control is
// missing: one before the first policy, and one after the last step without any policy. The error says that a computed expectation could not
// be computed; it does not occur for a scenario that a [Loader] has accepted.
func Expand(s *Scenario, options ExpandOptions) (*Expansion, error) {
	expander := newExpander(s, options.Families)
	if err := expander.run(); err != nil {
		return nil, fmt.Errorf("expand scenario %q: %w", s.Metadata.Name, err)
	}
	return &Expansion{Scenario: s, Steps: expander.steps}, nil
}

// Names of the steps that are added.
const (
	BaselineStep = "before any policy"
	RemovalStep  = "after all policies are deleted"
)

// cellKey identifies a cell within a step.
type cellKey struct {
	from Endpoint
	knock
	family corev1.IPFamily
}

// decision is what a cell should find, and between which lives of its pods that was said.
type decision struct {
	expected Expected
	reason   Reason
	births   [2]int
	// declared are the axes of the line, changes those of what has altered the expectation so far.
	declared, changes []AxisName
}

// issue is a fault that shows only when a scenario is written out.
type issue struct {
	path    string
	message string
}

// expander is the state of writing a scenario out.
type expander struct {
	scenario *Scenario
	families []corev1.IPFamily
	world    *world
	// last is what each cell was last expected to find.
	last map[cellKey]decision
	// named are the cells that expectations named, as far as the steps went.
	named  map[cellKey]bool
	steps  []ExpandedStep
	issues []issue
	// changing are the kinds of changes that the present step makes.
	changing []AxisName
	// work counts the cells looked at, see maxWork.
	work int
	// endpointRanks and portRanks remember the places of endpoints and ports in a matrix.
	endpointRanks map[Endpoint][3]int
	portRanks     map[knock]int
}

// Bounds that are far beyond what a run could try.
const (
	// maxCells bounds the cells between pods over all steps.
	maxCells = 200_000
	// maxWork bounds the cells that expanding looks at.
	maxWork = 1_000_000
)

// cellsBetweenPods counts the cells between pods that a scenario has over all steps in a cluster with both families.
func (s *Scenario) cellsBetweenPods() int {
	ports := 0
	for _, pod := range s.Pods {
		ports += len(pod.Ports)
	}
	return max(0, len(s.Pods)-1) * ports * len(Families()) * (len(s.Steps) + 2)
}

func newExpander(s *Scenario, families []corev1.IPFamily) *expander {
	if len(families) == 0 {
		families = []corev1.IPFamily{corev1.IPv4Protocol}
	}
	return &expander{
		scenario: s, families: families, world: newWorld(s), last: map[cellKey]decision{}, named: map[cellKey]bool{},
		endpointRanks: map[Endpoint][3]int{}, portRanks: map[knock]int{},
	}
}

func (e *expander) run() error {
	if len(e.scenario.Steps) > 0 && len(e.scenario.Steps[0].Apply) > 0 {
		e.addBaseline()
	}
	for i := range e.scenario.Steps {
		if err := e.addStep(i); err != nil {
			return err
		}
		if e.work > maxWork {
			e.report("steps", "the scenario has more than %d cells: make it smaller", maxWork)
			return nil
		}
	}
	e.addControls()
	return nil
}

func (e *expander) report(path, format string, args ...any) {
	e.issues = append(e.issues, issue{path, fmt.Sprintf(format, args...)})
}

// addBaseline adds the step before the first policy: the cells between pods, and those that any step will name and that can be tried
// already.
func (e *expander) addBaseline() {
	decided := map[cellKey]decision{}
	for _, key := range append(e.betweenPods(), e.namedLater(0)...) {
		decided[key] = decision{expected: e.world.openOutcome(key.knock), reason: Reason{Origin: NoPolicy}}
	}
	e.finish(ExpandedStep{Name: BaselineStep, Step: -1}, decided)
}

// namedLater are the cells that steps from a given one on will name and that can be tried already.
func (e *expander) namedLater(from int) []cellKey {
	var keys []cellKey
	for _, step := range e.scenario.Steps[from:] {
		for _, expectation := range step.Expect.List {
			keys = append(keys, e.cells(expectation)...)
		}
		if step.Expect.Policies {
			keys = append(keys, e.beyondPods()...)
		}
	}
	return keys
}

// addStep makes the changes of a step and decides its cells.
func (e *expander) addStep(i int) error {
	step := &e.scenario.Steps[i]
	e.changing = e.world.changeAxes(step)
	e.world, _ = e.world.after(step, i+1)
	expanded := ExpandedStep{
		Name: step.Name, Step: i, Delete: step.Delete, Apply: step.Apply, Label: step.Label, Create: e.created(step, i+1),
	}
	if step.Expect.Policies {
		decided, err := e.compute()
		if err != nil {
			return fmt.Errorf("step %q: %w", step.Name, err)
		}
		e.finish(expanded, decided)
		return nil
	}
	decided := e.state(i)
	others := append(e.betweenPods(), e.namedBefore()...)
	if !e.world.governed {
		others = append(others, e.namedLater(i)...)
	}
	for _, key := range others {
		if _, ok := decided[key]; ok {
			continue
		}
		before, ok := e.last[key]
		switch {
		case ok && before.births == e.births(key):
			if before.reason.Origin == Stated {
				before.reason.Origin = Kept
			}
			decided[key] = before
		case !e.world.governed:
			decided[key] = decision{expected: e.world.openOutcome(key.knock), reason: Reason{Origin: NoPolicy}}
		default:
			e.report(strict.Index("steps", i)+".expect",
				"nothing says what %s should find, which is new while policies are in force: add a line for it",
				e.cell(key, decision{}).withoutFamily())
			decided[key] = decision{expected: Any}
		}
	}
	e.finish(expanded, decided)
	return nil
}

// created lists the namespaces that a step creates, and all pods that are born in it.
func (e *expander) created(step *Step, number int) []Ref {
	var refs []Ref
	for _, ref := range step.Create {
		if ref.Kind == RefNamespace {
			refs = append(refs, ref)
		}
	}
	for _, pod := range e.world.livingPods() {
		if e.world.pods[pod.Name].birth == number {
			refs = append(refs, Ref{Kind: RefPod, Name: pod.Name})
		}
	}
	return refs
}

// state decides the cells that the lines of a step name. The first line counts.
func (e *expander) state(i int) map[cellKey]decision {
	decided := map[cellKey]decision{}
	for j, expectation := range e.scenario.Steps[i].Expect.List {
		path := strict.Index(strict.Index("steps", i)+".expect", j)
		line := 0
		if lines := e.scenario.source.lines; i < len(lines) && j < len(lines[i]) {
			line = lines[i][j]
		}
		matched, fresh, faults := 0, 0, 0
		fail := func(err error) {
			e.report(path, "%v", err)
			faults++
		}
		for key := range e.matches(expectation, fail) {
			matched++
			if _, ok := decided[key]; ok {
				continue
			}
			fresh++
			decided[key] = decision{
				expected: expectation.Outcome, reason: Reason{Origin: Stated, File: e.scenario.source.file, Line: line},
				declared: expectation.Axes,
			}
			e.checkUndeclared(path, key, expectation.Outcome)
		}
		switch {
		case faults > 0:
		case matched == 0:
			e.report(path, "no cell fits this line: check from, to and family")
		case fresh == 0:
			e.report(path, "earlier lines decide every cell of this one: move it up or remove it")
		}
	}
	return decided
}

// checkUndeclared reports an expectation that a port on which nobody listens cannot meet.
func (e *expander) checkUndeclared(path string, key cellKey, outcome Expected) {
	switch outcome {
	case Blocked, Any, Expected(probe.Refused), Expected(probe.Timeout), Expected(probe.Rejected):
		return
	}
	if declared, known := e.scenario.listens(key.knock); known && !declared {
		e.report(path, "%s declares no port %d/%s, so %s can't be expected: declare the port, or expect refused, blocked, timeout or rejected",
			key.to, key.port, key.protocol, outcome)
	}
}

// births says which lives of its pods a cell is about.
func (e *expander) births(key cellKey) [2]int {
	return [2]int{e.birth(key.from), e.birth(key.to)}
}

// birth of a Service is that of the youngest pod behind it.
func (e *expander) birth(endpoint Endpoint) int {
	switch endpoint.Kind {
	case EndpointPod:
		return e.world.pods[endpoint.Name].birth
	case EndpointNode:
		return e.world.pods[endpoint.Node].birth
	case EndpointService, EndpointServiceName, EndpointNodePort:
		youngest := 0
		for _, pod := range e.world.livingPods() {
			if e.world.selects(e.scenario.service(endpoint.Name), pod) {
				youngest = max(youngest, e.world.pods[pod.Name].birth)
			}
		}
		return youngest
	}
	return 0
}

// finish adds a step with its cells in order.
func (e *expander) finish(step ExpandedStep, decided map[cellKey]decision) {
	step.world = e.world
	for key, decision := range decided {
		decision.births = e.births(key)
		decision.changes = e.changesOf(key, decision)
		e.last[key] = decision
		if decision.reason.Origin == Stated || decision.reason.Origin == Computed {
			e.named[key] = true
		}
		step.Cells = append(step.Cells, e.cell(key, decision))
	}
	slices.SortFunc(step.Cells, e.compareCells)
	e.steps = append(e.steps, step)
}

func (e *expander) cell(key cellKey, d decision) Cell {
	return Cell{
		From: key.from, To: key.to, Port: key.port, Protocol: key.protocol, Family: key.family,
		Expected: d.expected, Reason: d.reason, births: d.births,
		declared: d.declared, changes: d.changes,
	}
}

func keyOfCell(c Cell) cellKey {
	return cellKey{c.From, knock{c.To, c.Port, c.Protocol}, c.Family}
}
