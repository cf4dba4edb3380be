package runner

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/probe"
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

// watch is the settling of one step.
type watch struct {
	*story
	step    *scenarios.ExpandedStep
	aims    []aim
	cells   []int
	changed time.Time

	sentinels []*sentinel
	// hint is for a step whose change shows in no cell, else nil.
	hint    *hint
	settled Settled
	// last is the newest round that was answered, and counts those of the pods' incidents when the rounds that agree began.
	last round
	// recent are the newest rounds up to the last, as many as it takes to settle.
	recent []round
	counts map[string]int
	// logs are where the logs of the targets stood when the step began to knock.
	logs map[string]uint64
	// began are the agents of the pods when the step began, and replaced says of those that are other ones at its bound why.
	began    map[string]instance
	replaced map[string]string
	// late says of the pods that were out of reach in the round that counts why what was found about them proves nothing.
	late map[string]string
}

// settle asks until the step has come to rest, joins both ends' evidence and asks again what is unclear. If the evidence contradicts what
// had settled, it goes on until the bound.
func (w *watch) settle(ctx context.Context, number int, findings []finding) error {
	w.counts, w.began = w.incidentCounts(), w.instances(ctx)
	watchCtx, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stop()
	if changesAnything(w.step) && number > 0 && len(w.sentinels) == 0 {
		w.hint = &hint{watch: w}
		watching.Go(func() { w.hint.find(watchCtx) })
	}
	bound := w.changed.Add(w.options.SettleTimeout)
	history, deeds := newHistory(w.step.Cells, w.changed), w.deeds(number)
	w.logs = w.marks(ctx, w.aims, w.silent())
	for {
		w.settled.How = SettledAtBound
		settling := w.newSettling(number)
		stopSampling := w.sample(watchCtx)
		w.rounds(ctx, w.aims, w.agenda(), bound, func(r round) (agrees, enough bool) {
			w.settled.Rounds++
			w.last = r
			w.recent = append(w.recent[max(0, len(w.recent)-w.options.pace.rounds+1):], r)
			agreed := history.add(r, w.hopeful())
			if !agreed || settling.agreeing == 0 {
				w.counts = w.incidentCounts()
			}
			// What settles is a whole round, so that no cell has been asked only once.
			if !settling.add(r.start, agreed) || !r.whole {
				if givenUp := !agreed && w.hopeless(deeds, history, r.start); givenUp {
					bound = time.Now()
					return false, true
				}
				return agreed, false
			}
			w.settled.How = SettledAsExpected
			if w.hint != nil && w.hint.byCanary() {
				w.settled.How = SettledByCanary
			}
			w.settled.Waited = settling.first.Sub(w.changed)
			return true, true
		})
		stopSampling() // because samples would count in what has to be asked in quiet
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if w.settled.How == SettledAtBound {
			w.settled.Waited = time.Since(w.changed)
		}
		settled, err := w.conclude(ctx, findings, history)
		if err != nil {
			return err
		}
		if settled || !time.Now().Before(bound) {
			break
		}
	}
	w.teach(deeds, history, findings)
	return context.Cause(ctx)
}

// teach tells the other steps of the run how long the changes of this one took, or that nothing came of them. What was out of reach for a while shows
// neither.
func (w *watch) teach(deeds []deed, history *history, findings []finding) {
	cells := w.hopeful()
	unsure := func(i int) bool { return !findings[i].asked || findings[i].disturbed != "" }
	if w.unheard() != "" || slices.ContainsFunc(cells, unsure) {
		return
	}
	progress, shown := history.progress(cells)
	took := progress.Sub(w.changed)
	switch latency := w.latency(); {
	case w.settled.How != SettledAtBound:
		if shown || latency.Allow.Samples+latency.Deny.Samples > 0 {
			w.experience.learn(deeds, max(took, latency.Allow.Max, latency.Deny.Max, w.settled.Waited))
		}
	case shown:
		w.experience.learn(deeds, took)
	case w.settled.Waited >= w.options.SettleTimeout && history.hopeless(w.last.start, cells, w.options.GiveUp, w.options.pace.span):
		w.experience.inVain(deeds)
	}
}

// hopeless tells whether what is wrong in a round has been wrong for so long that it will stay so.
func (w *watch) hopeless(deeds []deed, history *history, at time.Time) bool {
	patience, known := w.experience.patience(deeds, w.options.GiveUp)
	return known && w.unheard() == "" && history.hopeless(at, w.hopeful(), patience, w.options.pace.span)
}

// silent are the cells that may stay without an answer, so that their targets' logs will be asked.
func (w *watch) silent() []int {
	return slices.DeleteFunc(slices.Clone(w.cells), func(i int) bool {
		return w.step.Cells[i].Expected == scenarios.Expected(probe.Connected)
	})
}

// hopeful are the cells that may still become what is expected: not those whose pods did not start or are gone, nor those of a protocol that
// the kernel lacks.
func (w *watch) hopeful() []int {
	gone := map[string]bool{}
	for name, pod := range w.book.pods {
		gone[name] = w.cluster.PodIncidents(pod.Namespace, pod.Name).Gone
	}
	return slices.DeleteFunc(slices.Clone(w.cells), func(i int) bool {
		a := w.aims[i]
		unsupported := i < len(w.last.table) && w.last.table[i].asked && w.last.table[i].result.Outcome == probe.Unsupported
		return a.obstacle != "" || gone[a.source] || gone[a.target] || unsupported
	})
}

// newSettling says what it takes to settle. Before any change that shows in no cell, one round in which everything connects proves itself;
// after one, a canary hints when the engine has caught up, see [hint]. On a topology that another scenario has used, packets may be dropped until
// the engine has let go of that one's policies. The later rounds are free of that, so that it is not taken for the loss of the paths.
func (w *watch) newSettling(number int) *settling {
	s := &settling{pace: w.options.pace}
	if !changesAnything(w.step) && w.after == "" {
		s.once = !slices.ContainsFunc(w.cells, func(i int) bool { return w.step.Cells[i].Expected != scenarios.Expected(probe.Connected) })
	}
	if w.hint != nil {
		s.notBefore = w.hint.from
	}
	return s
}

// conclude makes the findings of the newest round, and tells whether they are what the round promised.
func (w *watch) conclude(ctx context.Context, findings []finding, history *history) (settled bool, err error) {
	destinations := make([]*probe.Destination, len(w.step.Cells))
	answers := slices.Clone(w.last.table)
	w.pool(answers)
	w.join(ctx, w.aims, answers, w.logs, destinations)
	var doubtful []int
	for _, i := range w.cells {
		if cell := w.step.Cells[i]; answers[i].asked && agree(cell.Expected, cell.To.Kind, answers[i].result, destinations[i]) == unclear {
			doubtful = append(doubtful, i)
		}
	}
	w.askQuietly(ctx, w.aims, doubtful, answers, destinations)
	w.late = w.lateOf(w.last.table)
	if w.settled.How == SettledAtBound {
		w.replaced = w.lane.replaced(ctx, w.began)
	}
	meddled, err := w.meddling(ctx)
	if err != nil {
		return false, err
	}
	if err := context.Cause(ctx); err != nil {
		return false, err
	}
	unheard := w.unheard()
	for _, i := range w.cells {
		cell := w.step.Cells[i]
		findings[i].answer, findings[i].destination = answers[i], destinations[i]
		if cell.Reason.Origin == scenarios.NoPolicy {
			w.paths.learn(w.aims[i], answers[i].result, w.options.pace.stagger)
		}
		findings[i].untested = w.aims[i].untested
		findings[i].changes, findings[i].flapping = history.of(i)
		findings[i].disturbed = w.disturbance(w.aims[i])
		if meddled != "" {
			findings[i].disturbed = meddled
		}
		w.excuse(unheard, cell, &findings[i])
		if cell.Reason.Origin == scenarios.NoPolicy && len(w.unclean) > 0 {
			findings[i].unclean = strings.Join(w.unclean, "; ")
		}
		if w.after != "" && w.step == &w.expansion.Steps[0] {
			findings[i].unclean = w.notClean()
		}
	}
	w.measureCalmly(ctx)
	if meddled != "" {
		w.note("%s", meddled)
		return true, nil // asking longer would not make it clearer
	}
	return !slices.ContainsFunc(w.hopeful(), func(i int) bool {
		cell := w.step.Cells[i]
		return !answers[i].asked || agree(cell.Expected, cell.To.Kind, answers[i].result, destinations[i]) == differs
	}), nil
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
