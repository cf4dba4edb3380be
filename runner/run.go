package runner

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// ErrInterrupted is the cause of a context that a signal has ended.
var ErrInterrupted = errors.New("interrupted")

// NewRunID returns an id that no other run has: ten letters and digits, the first a letter.
func NewRunID() string {
	var random [6]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the program instead
	return "r" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(random[:]))[:9]
}

// Run carries out a plan and cleans up behind it, whatever happens. When ctx ends, what was found so far is reported, with the cause.
func Run(ctx context.Context, cluster Cluster, plan *Plan, options Options) *Report {
	options = options.withDefaults()
	r := &run{cluster: cluster, options: options, plan: plan, results: make([]*ScenarioResult, len(plan.Scenarios)), leftOut: map[int]string{}}
	report := &Report{
		APIVersion: ReportAPIVersion, Kind: ReportKind, Run: options.Run, Version: options.Version, Start: time.Now().UTC(),
		Scenarios: []ScenarioResult{}, Skipped: plan.Skipped, Notes: options.Notes,
	}
	facts, err := cluster.Facts(ctx)
	if err != nil {
		report.Error = explain(ctx, err).Error()
	} else {
		if r.crowded() {
			report.Notes = append(slices.Clone(report.Notes), fmt.Sprintf("there may be more pods at once than the %d control streams: "+
				"agents are talked to in turns, and the latency of enforcement is not sampled", cluster.Streams()))
		}
		r.runAll(ctx)
	}
	report.Cluster = facts
	if cause := context.Cause(ctx); cause != nil {
		report.Error = cause.Error()
		report.Interrupted = errors.Is(cause, ErrInterrupted)
	}
	r.fill(report)
	report.CleanUp = r.cleanUp(ctx)
	report.Requests = cluster.Requests()
	report.Elapsed = time.Since(report.Start)
	return report
}

// NewFailure is the report of a run that could not begin: no scenario was run.
func NewFailure(plan *Plan, options Options, err error) *Report {
	r := &run{options: options, plan: plan, results: make([]*ScenarioResult, len(plan.Scenarios))}
	report := &Report{
		APIVersion: ReportAPIVersion, Kind: ReportKind, Run: options.Run, Version: options.Version, Start: time.Now().UTC(),
		Scenarios: []ScenarioResult{}, Skipped: plan.Skipped, Error: err.Error(), Interrupted: errors.Is(err, ErrInterrupted),
	}
	r.fill(report)
	return report
}

// run is the state of a run of several scenarios.
type run struct {
	cluster Cluster
	options Options
	plan    *Plan

	mu      sync.Mutex
	results []*ScenarioResult
	// leftOut says why a scenario has no result although its turn came.
	leftOut map[int]string
	done    int
	stopped bool
	// notes are facts about the run as a whole.
	notes []string
}

// runAll runs the scenarios, as many at once as the options allow, and returns when their probe pods are gone.
func (r *run) runAll(ctx context.Context) {
	with := commons{crowded: r.crowded(), experience: newExperience()}
	if r.options.Tenant == "" && len(r.options.Reserve) == 0 && !with.crowded {
		with.canaries = newCanaries(r.cluster, r.options)
		defer with.canaries.close()
	}
	waiting := newPool(r.plan)
	pods := semaphore.NewWeighted(int64(r.options.MaxPods))
	places := semaphore.NewWeighted(int64(r.options.Parallel))
	namespaces := newReserve(r.options.Reserve)
	var all sync.WaitGroup
	defer all.Wait()
	for {
		if places.Acquire(ctx, 1) != nil {
			return
		}
		i, ok := waiting.first(ctx)
		if !ok {
			return
		}
		planned := &r.plan.Scenarios[i]
		weight := int64(min(planned.Pods, r.options.MaxPods))
		if pods.Acquire(ctx, weight) != nil || r.isStopped() {
			return
		}
		if !waiting.take(i) { // a topology of its shape was quicker, or will be
			places.Release(1)
			pods.Release(weight)
			continue
		}
		planned, taken, err := r.settleInReserve(ctx, planned, namespaces)
		if err != nil {
			r.finished(i, notBegun(&r.plan.Scenarios[i], explain(ctx, err)), err)
			waiting.leave(r.plan.Scenarios[i].shape)
			places.Release(1)
			pods.Release(weight)
			continue
		}
		all.Go(func() {
			lane := r.runInTurn(ctx, waiting, i, planned, newLane(r.cluster, r.options, planned, with))
			waiting.leave(planned.shape)
			places.Release(1)
			if lane.tidy(ctx) == nil {
				namespaces.give(taken)
			} else {
				namespaces.lose(taken)
			}
			pods.Release(weight)
		})
	}
}

// crowded tells whether there may be more pods at once than control streams. Then agents are talked to in turns, and what would keep a stream
// busy all the time is left out: samples of the latency, and canaries.
func (r *run) crowded() bool {
	all, most := 0, 0
	for i := range r.plan.Scenarios {
		all += r.plan.Scenarios[i].Pods
		most = max(most, r.plan.Scenarios[i].Pods)
	}
	return r.cluster.Streams() < min(all, max(most, r.options.MaxPods))
}

// notBegun is the result of a scenario of which nothing was carried out.
func notBegun(planned *Planned, err error) *ScenarioResult {
	return &ScenarioResult{
		Name: planned.Scenario.Metadata.Name, Suite: planned.Suite, File: planned.File, About: planned.Scenario.About,
		Mark: MarkError, Error: err.Error(), Start: time.Now().UTC(), Pods: []PodResult{}, Steps: []StepResult{},
	}
}

// settleInReserve moves a scenario into namespaces of the reserve, if there is one, and says which.
func (r *run) settleInReserve(ctx context.Context, planned *Planned, namespaces *reserve) (moved *Planned, taken []string, err error) {
	if len(r.options.Reserve) == 0 {
		return planned, nil, nil
	}
	taken, err = namespaces.take(ctx, len(ownNamespaces(planned.Scenario)))
	if err != nil {
		return nil, nil, err
	}
	moved, err = planned.inNamespaces(r.options, taken)
	return moved, taken, err
}

func (r *run) isStopped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stopped
}

// finished takes what became of a scenario.
func (r *run) finished(i int, result *ScenarioResult, err error) {
	r.mu.Lock()
	var leftOut *leftOutError
	if errors.As(err, &leftOut) {
		r.leftOut[i], result.Mark = leftOut.reason, MarkUnjudged
	} else {
		r.results[i] = result
	}
	r.done++
	r.stopped = r.stopped || r.options.FailFast && result.Mark != MarkPass && result.Mark != MarkUnjudged
	event := Event{Scenario: result.Name, Phase: "done", Mark: result.Mark, Done: r.done, Total: len(r.results)}
	r.mu.Unlock()
	r.options.Progress(event)
}

// fill sums up the scenarios.
func (r *run) fill(report *Report) {
	nodes := map[string]bool{}
	var latencies []Latency
	for i, result := range r.results {
		planned := &r.plan.Scenarios[i]
		if result == nil {
			reason := "another scenario did not pass, and --fail-fast was given"
			if report.Error != "" {
				reason = "the run ended before its turn"
			}
			if leftOut := r.leftOut[i]; leftOut != "" {
				reason = leftOut
			}
			report.Skipped = append(report.Skipped, Skipped{
				Name: planned.Scenario.Metadata.Name, Suite: planned.Suite, File: planned.File, Reason: reason,
			})
			continue
		}
		report.Scenarios = append(report.Scenarios, *result)
		report.Counts = report.Counts.Sum(result.Counts)
		latencies = append(latencies, result.Latency)
		report.Phases = append(report.Phases, PhaseTime{Name: result.Name, Start: result.Start, Elapsed: result.Elapsed})
		for _, pod := range result.Pods {
			nodes[pod.Node] = pod.Node != ""
			report.Cluster.addFamilies(pod.Addresses)
		}
	}
	if len(r.notes) > 0 {
		report.Notes = append(slices.Clone(report.Notes), r.notes...)
	}
	report.Latency = mergeLatencies(latencies...)
	report.Cluster.keepNodes(nodes)
}

// addFamilies adds the families of a pod's addresses. A pod has that of the cluster's Services first.
func (f *ClusterFacts) addFamilies(addresses []string) {
	for _, address := range parseAddresses(addresses) {
		if family := string(familyOf(address)); !slices.Contains(f.Families, family) {
			f.Families = append(f.Families, family)
		}
	}
}

// keepNodes leaves the nodes that probe pods ran on.
func (f *ClusterFacts) keepNodes(used map[string]bool) {
	var kept []Node
	for _, node := range f.Nodes {
		if used[node.Name] {
			kept = append(kept, node)
		}
	}
	f.Nodes = kept
}

// cleanUp deletes everything of the run, with a context of its own, because the run's may have ended.
func (r *run) cleanUp(ctx context.Context) CleanUp {
	if r.options.Keep {
		return CleanUp{Kept: true, Until: r.options.Expires.UTC()}
	}
	r.options.Progress(Event{Phase: "clean-up", Done: r.done, Total: len(r.results)})
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.options.CleanUpTimeout)
	defer cancel()
	leftovers := r.cluster.CleanUp(ctx)
	return CleanUp{Elapsed: time.Since(start), Leftovers: leftovers}
}

// tidy deletes what the scenario created, so that the next one has room, and returns when its pods are gone. What fails here, the clean-up of
// the run does again and reports; a namespace of the reserve with something in it is not given to the next scenario.
func (l *lane) tidy(ctx context.Context) error {
	if l.options.Keep {
		return errKept
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.options.CleanUpTimeout)
	defer cancel()
	var all errgroup.Group
	for ref := range l.alive {
		switch {
		case !isNamespace(ref) && l.podObject(ref.Name).AmongOthers:
			object := l.podObject(ref.Name)
			all.Go(func() error { return l.cluster.DeletePod(ctx, object.Meta.Namespace, object.Meta.Name) })
		case isNamespace(ref) && l.ownsNamespace(ref.Name):
			name := l.book.naming.namespace(ref.Name)
			all.Go(func() error { return l.cluster.DeleteNamespace(ctx, name, false) })
		}
	}
	for policy := range l.applied {
		if l.options.Tenant != "" {
			all.Go(func() error { return l.cluster.DeletePolicy(ctx, policy.namespace, policy.name) })
		}
	}
	return all.Wait()
}

// errKept says that everything was to stay.
var errKept = errors.New("it was kept")

func (l *lane) ownsNamespace(name string) bool {
	if l.options.Tenant != "" {
		return false
	}
	for _, namespace := range l.scenario.Namespaces {
		if namespace.Name == name {
			return !namespace.Existing
		}
	}
	return false
}
