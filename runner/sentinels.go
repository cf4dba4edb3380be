package runner

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

// maxSentinels bounds the cells on which the latency of enforcement is sampled.
const maxSentinels = 8

// sentinel is a cell whose expectation a step changes between "gets through" and "does not". It is asked over and over, one socket at a time.
type sentinel struct {
	cell int
	// allow says that the step opens the way.
	allow bool
	// wasOld says that the step before found the old outcome. Without that, the samples themselves have to begin with it: a way that was
	// never closed cannot be opened.
	wasOld bool
	// seen holds, for each sample in order, whether it had the new outcome.
	seen []sample
}

// sample is one question to a sentinel.
type sample struct {
	start time.Time
	known bool
	// new says that it had the new outcome, old that it had the old one. An error is neither.
	new, old bool
}

// prior is what the step before said about a cell.
type prior struct {
	expected scenarios.Expected
	// found is the outcome that it ended with, empty if the cell was not asked.
	found probe.Outcome
}

// closed tells whether an outcome shows that a way is not open.
func closed(outcome probe.Outcome) bool {
	return outcome != "" && outcome != probe.Connected && outcome != probe.Error && outcome != probe.Unsupported
}

// chooseSentinels picks cells that a step changes, at most maxSentinels, over as many pairs as possible.
func chooseSentinels(before map[string]prior, cells []scenarios.Cell, aims []aim, asked []int) []*sentinel {
	var changed []*sentinel
	for _, i := range asked {
		cell := cells[i]
		old, known := before[cell.String()]
		if !known || aims[i].obstacle != "" || cell.To.Kind != scenarios.EndpointPod {
			continue
		}
		opens, closes := cell.Expected == scenarios.Expected(probe.Connected), cell.Expected.NeedsControl()
		wasOpen, wasClosed := old.expected == scenarios.Expected(probe.Connected), old.expected.NeedsControl()
		switch {
		case opens && wasClosed:
			changed = append(changed, &sentinel{cell: i, allow: true, wasOld: closed(old.found)})
		case closes && wasOpen:
			changed = append(changed, &sentinel{cell: i, wasOld: old.found == probe.Connected})
		}
	}
	if len(changed) <= maxSentinels {
		return changed
	}
	chosen := make([]*sentinel, maxSentinels)
	for i := range chosen {
		chosen[i] = changed[i*len(changed)/maxSentinels]
	}
	return chosen
}

// latency is the time from the change to the start of the first sample with the new outcome that another one confirms. Two in a row, because
// a sample is a single packet. There is none if the old outcome was never seen.
func (s *sentinel) latency(changed time.Time) (time.Duration, bool) {
	if !s.wasOld && (len(s.seen) == 0 || !s.seen[0].known || !s.seen[0].old) {
		return 0, false
	}
	for i := range s.seen[:max(0, len(s.seen)-1)] {
		if s.seen[i].known && s.seen[i].new && s.seen[i+1].known && s.seen[i+1].new {
			return max(0, s.seen[i].start.Sub(changed)), true
		}
	}
	return 0, false
}

// sample watches the sentinels of a step until stop is called, which waits for the samples under way.
func (w *watch) sample(ctx context.Context) (stop func()) {
	if len(w.sentinels) == 0 || w.crowded {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { w.watchSentinels(ctx, w.aims, w.step.Cells, w.sentinels, w.changed) })
	return func() {
		cancel()
		watching.Wait()
	}
}

// watchSentinels samples the sentinels until each has its latency or ctx ends.
func (l *lane) watchSentinels(ctx context.Context, aims []aim, cells []scenarios.Cell, sentinels []*sentinel, changed time.Time) {
	bySource := map[string][]*sentinel{}
	for _, s := range sentinels {
		bySource[aims[s.cell].source] = append(bySource[aims[s.cell].source], s)
	}
	var all sync.WaitGroup
	for source, own := range bySource {
		all.Go(func() { l.watchFrom(ctx, source, aims, cells, own, changed) })
	}
	all.Wait()
}

// watchFrom samples the sentinels of one source. Samples overlap, because a silent one takes a while to say so.
func (l *lane) watchFrom(ctx context.Context, source string, aims []aim, cells []scenarios.Cell, own []*sentinel, changed time.Time) {
	ctx, cancel := context.WithCancel(ctx)
	var underWay sync.WaitGroup
	defer underWay.Wait()
	defer cancel()
	var mu sync.Mutex
	attempts := make([]probe.Attempt, len(own))
	for i, s := range own {
		attempts[i] = aims[s.cell].attempt
		attempts[i].Timing = probe.Timing{Timeout: l.options.Timeout, Sockets: 1, Confirm: -1, ICMPWait: -1}
	}
	done := make(chan struct{})
	finish := sync.OnceFunc(func() { close(done) })
	turn := time.NewTimer(0)
	defer turn.Stop()
	// A sample takes about one deadline, so that this many overlap; the agent allows 64 collections on a stream.
	slots := make(chan struct{}, 24)
	for {
		select {
		case <-ctx.Done():
			return
		case <-done:
			return
		case <-turn.C:
		}
		turn.Reset(l.options.pace.untilSample(time.Since(changed)))
		select {
		case slots <- struct{}{}:
			number, start := 0, time.Now()
			mu.Lock()
			for _, s := range own {
				number = len(s.seen)
				s.seen = append(s.seen, sample{start: start})
			}
			mu.Unlock()
			underWay.Go(func() {
				defer func() { <-slots }()
				// What an error leaves out stays unknown.
				_ = l.agent(source).Run(ctx, attempts, func(index int, result probe.Result) {
					mu.Lock()
					defer mu.Unlock()
					s := own[index]
					cell := cells[s.cell]
					s.seen[number].known, s.seen[number].start = true, result.Start.Add(-l.offsets[source])
					// One packet cannot be conclusive; whether it got through is all that is asked.
					result.Inconclusive = false
					s.seen[number].new = agree(cell.Expected, cell.To.Kind, result, nil) != differs
					s.seen[number].old = s.allow && closed(result.Outcome) || !s.allow && result.Outcome == probe.Connected
				})
				l.attempts.Add(int64(len(attempts)))
				mu.Lock()
				defer mu.Unlock()
				if !slices.ContainsFunc(own, func(s *sentinel) bool { _, ok := s.latency(changed); return !ok }) {
					finish()
				}
			})
		default:
		}
	}
}
