package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/scenarios"
)

// commons are what the lanes of a run share.
type commons struct {
	// crowded says that there may be more pods than control streams, so that agents are talked to in turns.
	crowded bool
	// canaries are those of the run, nil where it may have no namespace of its own.
	canaries   *canaries
	experience *experience
}

// lane carries out one scenario.
type lane struct {
	commons
	cluster  Cluster
	options  Options
	scenario *scenarios.Scenario
	orders   []PodOrder
	command  string
	book     *book
	agents   map[string]Agent
	// offsets are what the clocks of the agents are ahead of ours, by pod.
	offsets map[string]time.Duration
	// alive are the namespaces and pods that exist now, by the scenario's names.
	alive map[scenarios.Ref]bool
	// applied holds the version of each of our policies as it was applied, by namespace and name in the cluster.
	applied map[policyName]string
	// after is the scenario that used the topology before, empty for a new one.
	after string
	// sound says that everything could be reached before any policy, tainted that it could not although it could for the scenario before.
	sound, tainted bool
	// unclean names the policies that others put into our namespaces before we did anything.
	unclean []string
	// notesMu guards notes, which the hint of a step adds to beside its rounds.
	notesMu sync.Mutex
	notes   []string

	attempts atomic.Int64
}

func newLane(cluster Cluster, options Options, planned *Planned, with commons) *lane {
	return &lane{
		commons: with, cluster: cluster, options: options, scenario: planned.Scenario, orders: planned.Orders(options.Tenant), command: planned.command,
		book: newBook(planned.Scenario, planned.naming), agents: map[string]Agent{}, offsets: map[string]time.Duration{},
		alive: map[scenarios.Ref]bool{}, applied: map[policyName]string{},
	}
}

func (l *lane) tell(event Event) {
	event.Scenario = l.scenario.Metadata.Name
	l.options.Progress(event)
}

func (l *lane) agent(pod string) Agent { return l.agents[pod] }

// run carries the scenario out, as far as it gets. It leaves its objects behind; see [lane.tidy]. The error is the one that the result says.
func (l *lane) run(ctx context.Context, planned *Planned) (ScenarioResult, error) {
	result := ScenarioResult{
		Name: l.scenario.Metadata.Name, Suite: planned.Suite, File: planned.File, About: l.scenario.About,
		Start: time.Now().UTC(), Pods: []PodResult{}, Steps: []StepResult{},
	}
	err := l.carryOut(ctx, planned, &result)
	if err != nil {
		result.Error = err.Error()
		result.Mark = worse(result.Mark, MarkError)
	}
	result.Pods = l.podResults()
	result.Notes = l.notes
	result.Elapsed = time.Since(result.Start)
	return result, err
}

func (l *lane) carryOut(ctx context.Context, planned *Planned, result *ScenarioResult) error {
	phase := result.begin("deploy")
	l.tell(Event{Phase: "deploy"})
	err := l.settleIn(ctx, planned.start)
	phase()
	if err != nil {
		return explain(ctx, fmt.Errorf("deploy: %w", err))
	}
	expansion, err := scenarios.Expand(l.scenario, scenarios.ExpandOptions{Families: l.families()})
	if err != nil {
		return err
	}
	selected := selection(expansion, l.options.Only)
	l.noteUnasked(expansion)
	story := story{lane: l, expansion: expansion, selected: selected}
	defer func() { story.fill(result) }()
	for i := range expansion.Steps {
		if !story.worthwhile(i) {
			break
		}
		phase := result.begin(expansion.Steps[i].Name)
		l.tell(Event{Phase: expansion.Steps[i].Name})
		err := story.step(ctx, i)
		phase()
		if err != nil {
			return explain(ctx, fmt.Errorf("step %q: %w", expansion.Steps[i].Name, err))
		}
		if i > 0 {
			continue
		}
		l.sound = !story.closedAtFirst()
		if l.tainted = l.after != "" && !l.sound; l.tainted {
			l.note("%s; the steps after %q were left out, because that would show in them too", l.notClean(), expansion.Steps[i].Name)
			break
		}
	}
	return nil
}

// noteUnasked says which cells nobody can ask.
func (l *lane) noteUnasked(expansion *scenarios.Expansion) {
	counts := map[string]int{}
	for i := range expansion.Steps {
		for _, cell := range expansion.Steps[i].Cells {
			if !canAsk(cell) {
				counts[cell.From.String()]++
			}
		}
	}
	for _, from := range slices.Sorted(maps.Keys(counts)) {
		l.note("%d cells from %s are not tested: it is outside the cluster, where nothing of ours can knock", counts[from], from)
	}
}

// explain adds why a context ended, where that is what an error comes from.
func explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w (%w)", cause, err)
	}
	return err
}

// families are those that cells are made for.
func (l *lane) families() []corev1.IPFamily {
	families := l.book.families()
	if l.options.Family == "" {
		return families
	}
	return []corev1.IPFamily{corev1.IPFamily(l.options.Family)}
}

// begin notes the start of a phase and returns what notes its end.
func (r *ScenarioResult) begin(name string) func() {
	start := time.Now()
	i := len(r.Phases)
	r.Phases = append(r.Phases, PhaseTime{Name: name, Start: start.UTC()})
	return func() { r.Phases[i].Elapsed = time.Since(start) }
}

func (l *lane) closeAgents() {
	for _, agent := range l.agents {
		agent.Close()
	}
}

// podResults describes the pods in the order of the scenario.
func (l *lane) podResults() []PodResult {
	results := []PodResult{}
	for _, object := range l.orders {
		result := PodResult{
			Name: object.Logical, Namespace: object.Meta.Namespace, Pod: object.Meta.Name, Problem: l.book.problems[object.Logical],
		}
		if pod, ok := l.book.pods[object.Logical]; ok {
			result.Node = pod.Node
			for _, address := range pod.Addresses {
				result.Addresses = append(result.Addresses, address.String())
			}
		}
		results = append(results, result)
	}
	return results
}
