package runner

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/scenarios"
)

// story is the course of a scenario's steps.
type story struct {
	*lane
	expansion *scenarios.Expansion
	// selected are the cells to ask, by step.
	selected [][]int
	// findings are by step and cell, for the steps that were begun.
	findings [][]finding
	records  []StepResult
	// before is what each cell was last expected to find, and found.
	before map[string]prior
	// paths are what was measured before any policy.
	paths paths
}

// worthwhile tells whether a step or a later one has cells to ask.
func (s *story) worthwhile(step int) bool {
	return slices.ContainsFunc(s.selected[step:], func(cells []int) bool { return len(cells) > 0 })
}

// step carries out one step: change, settle, join, ask again what is unclear. The findings of a step that fails say so in every cell.
func (s *story) step(ctx context.Context, number int) error {
	step := &s.expansion.Steps[number]
	record := StepResult{Start: time.Now().UTC(), Changes: describeChanges(step), Settled: Settled{How: SettledNever}}
	var requests atomic.Int64
	ctx = withRequestCounter(ctx, &requests)
	findings := make([]finding, len(step.Cells))
	for i := range findings {
		findings[i].leftOut = true
	}
	for _, i := range s.selected[number] {
		findings[i].leftOut = false
	}
	s.findings = append(s.findings, findings)
	err := s.stepUnless(ctx, number, &record, findings)
	if err != nil {
		record.Error = err.Error()
		for i := range findings {
			if !findings[i].asked && findings[i].failure == "" {
				findings[i].failure = "the step was not carried out: " + explain(ctx, err).Error()
			}
		}
	}
	record.Elapsed = time.Since(record.Start)
	record.Requests = int(requests.Load())
	s.records = append(s.records, record)
	return err
}

func (s *story) stepUnless(ctx context.Context, number int, record *StepResult, findings []finding) error {
	step := &s.expansion.Steps[number]
	if err := s.change(ctx, step); err != nil {
		return err
	}
	changed := time.Now()
	aims := make([]aim, len(step.Cells))
	for _, i := range s.selected[number] {
		aims[i] = s.book.aim(step, step.Cells[i])
		if aims[i].obstacle == "" {
			s.paths.prepare(&aims[i])
		}
	}
	watch := watch{
		story: s, step: step, aims: aims, cells: s.selected[number], changed: changed,
		sentinels: chooseSentinels(s.before, step.Cells, aims, s.selected[number]),
	}
	defer func() { s.remember(step, findings) }()
	if len(watch.cells) == 0 {
		return nil
	}
	attempts := s.attempts.Load()
	before := s.incidentCounts()
	err := watch.settle(ctx, number, findings)
	s.noteRecovered(before)
	record.Settled = watch.settled
	record.Settled.Attempts = int(s.attempts.Load() - attempts)
	if watch.unheard() == "" {
		record.Latency = watch.latency()
	}
	return err
}

// remember keeps what a step expected and found for the next one.
func (s *story) remember(step *scenarios.ExpandedStep, findings []finding) {
	s.before = map[string]prior{}
	for i, cell := range step.Cells {
		s.before[cell.String()] = prior{cell.Expected, findings[i].result.Outcome}
	}
}

// fill puts what was found into the result.
func (s *story) fill(result *ScenarioResult) {
	steps := judgeSteps(s.expansion, s.findings, s.command)
	result.Mark, result.Counts = MarkUnjudged, Counts{}
	latencies := make([]Latency, 0, len(steps))
	for i := range steps {
		judged, record := steps[i], s.records[i]
		record.Name, record.Added, record.Mark, record.Counts, record.Cells = judged.Name, judged.Added, judged.Mark, judged.Counts, judged.Cells
		if record.Error != "" {
			record.Mark = worse(record.Mark, MarkError)
		}
		result.Steps = append(result.Steps, record)
		result.Counts = result.Counts.Sum(record.Counts)
		result.Mark = worse(result.Mark, record.Mark)
		latencies = append(latencies, record.Latency)
	}
	result.Latency = mergeLatencies(latencies...)
}

// incidentCounts are those of all pods.
func (l *lane) incidentCounts() map[string]int {
	counts := map[string]int{}
	for name, pod := range l.book.pods {
		counts[name] = l.cluster.PodIncidents(pod.Namespace, pod.Name).Count
	}
	return counts
}

// noteRecovered says which pods were disturbed and came back: what was asked meanwhile was asked again.
func (l *lane) noteRecovered(before map[string]int) {
	for _, name := range slices.Sorted(maps.Keys(before)) {
		pod := l.book.pods[name]
		if incidents := l.cluster.PodIncidents(pod.Namespace, pod.Name); incidents.Count > before[name] && !incidents.Gone && !incidents.Lost {
			l.note("pod %q was disturbed and came back: %s", name, incidents.Last)
		}
	}
}

// disturbance says what has happened to a pod of a cell since the rounds that count began.
func (w *watch) disturbance(a aim) string {
	for _, name := range append([]string{a.source}, a.answers...) {
		pod, ok := w.book.pods[name]
		if !ok {
			continue
		}
		why := cmp.Or(w.replaced[name], w.late[name])
		if incidents := w.cluster.PodIncidents(pod.Namespace, pod.Name); incidents.Gone || incidents.Lost || incidents.Count > w.counts[name] {
			why = incidents.Last
		}
		if why != "" {
			text := fmt.Sprintf("pod %q was disturbed while it was tested: %s", name, why)
			w.note("%s", text)
			return text
		}
	}
	return ""
}

// latency sums up the sentinels. It is called when their watching has ended.
func (w *watch) latency() Latency {
	var allow, deny []time.Duration
	for _, s := range w.sentinels {
		latency, ok := s.latency(w.changed)
		switch {
		case ok && s.allow:
			allow = append(allow, latency)
		case ok:
			deny = append(deny, latency)
		}
	}
	return NewLatency(allow, deny)
}

// changedBy names who last wrote an object, as far as it says so.
func changedBy(fields []metav1.ManagedFieldsEntry) string {
	var last *metav1.ManagedFieldsEntry
	for i := range fields {
		if fields[i].Time != nil && (last == nil || last.Time.Before(fields[i].Time)) {
			last = &fields[i]
		}
	}
	if last == nil || last.Manager == "" {
		return ""
	}
	return fmt.Sprintf(" (by %q at %s)", last.Manager, last.Time.UTC().Format(time.TimeOnly))
}
