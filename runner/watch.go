package runner

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

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

// silent are the cells that may stay without an answer, so that their targets' logs will be asked.
func (w *watch) silent() []int {
	return slices.DeleteFunc(slices.Clone(w.cells), w.opens)
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
