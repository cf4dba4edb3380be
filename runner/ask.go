package runner

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/podknock/podknock/probe"
)

// answer is what became of one question.
type answer struct {
	// asked says that there is a result.
	asked  bool
	result probe.Result
	// failure says why there is none.
	failure string
	// late is how much longer the agent's answer took than the knock itself: the time for which it could not be reached, if it is long.
	late time.Duration
	// carried says that this is what the round before had, because this one did not ask.
	carried bool
}

// table holds an answer for each cell of a step.
type table []answer

// carry takes over what the round before had where this one asked nothing, be it an answer or why there is none.
func (t table) carry(before table) {
	for i, answer := range before {
		if !t[i].asked && t[i].failure == "" {
			t[i] = answer
			t[i].carried = true
		}
	}
}

// askParts asks the parts of a round one after the other, each within its share of the spread, and returns when all have their answers.
func (l *lane) askParts(ctx context.Context, aims []aim, parts []part, spread time.Duration) table {
	tables := make([]table, len(parts))
	packets := packetsOf(parts)
	var all sync.WaitGroup
	begun := 0
	for at, p := range parts {
		turn := time.NewTimer(spread * time.Duration(begun) / time.Duration(max(1, packets)))
		share := spread * time.Duration(p.packets) / time.Duration(max(1, packets))
		begun += p.packets
		all.Go(func() {
			defer turn.Stop()
			select {
			case <-turn.C:
			case <-ctx.Done():
			}
			tables[at] = l.ask(ctx, aims, p.cells, l.roundTiming(p.sockets), share)
		})
	}
	all.Wait()
	answers := make(table, len(aims))
	for at, p := range parts {
		for _, cell := range p.cells {
			answers[cell] = tables[at][cell]
		}
	}
	return answers
}

// ask makes all attempts of these cells, each by the agent of its source, and returns when all are answered or their agents failed. The sources
// begin one after the other within the spread, in the same order in every round, so that as much time lies between two questions about a cell as
// between their rounds. The other cells of the table stay empty.
func (l *lane) ask(ctx context.Context, aims []aim, cells []int, timing probe.Timing, spread time.Duration) table {
	answers := make(table, len(aims))
	bySource := map[string][]int{}
	for _, cell := range cells {
		if obstacle := aims[cell].obstacle; obstacle != "" {
			answers[cell].failure = obstacle
			continue
		}
		bySource[aims[cell].source] = append(bySource[aims[cell].source], cell)
	}
	var all sync.WaitGroup
	for i, source := range slices.Sorted(maps.Keys(bySource)) {
		turn := time.NewTimer(spread * time.Duration(i) / time.Duration(len(bySource)))
		all.Go(func() {
			defer turn.Stop()
			select {
			case <-turn.C:
			case <-ctx.Done():
			}
			l.askFrom(ctx, source, aims, bySource[source], timing, answers)
		})
	}
	all.Wait()
	return answers
}

// askFrom makes the attempts of one source. Each goroutine writes the answers of its own cells only.
func (l *lane) askFrom(ctx context.Context, source string, aims []aim, cells []int, timing probe.Timing, answers table) {
	attempts := make([]probe.Attempt, len(cells))
	for i, cell := range cells {
		attempts[i] = aims[cell].attempt
		attempts[i].Timing = enough(timing, attempts[i].Loss)
		if attempts[i].Protocol == probe.DNS {
			// Its silence is that of several servers, and not pooled.
			attempts[i].Timing.Sockets = max(attempts[i].Timing.Sockets, roundSockets)
		}
	}
	start := time.Now()
	err := l.agent(source).Run(ctx, attempts, func(index int, result probe.Result) {
		answers[cells[index]] = answer{asked: true, result: l.reread(aims[cells[index]], result), late: time.Since(start) - result.Elapsed}
	})
	l.attempts.Add(int64(len(attempts)))
	l.tell(Event{Attempts: len(attempts)})
	if err == nil {
		return
	}
	for _, cell := range cells {
		if !answers[cell].asked {
			answers[cell].failure = fmt.Sprintf("pod %q could not be asked: %v", source, err)
		}
	}
}

// reread corrects the reading of a result by what the runner knows and the agent does not: which pods may answer.
func (l *lane) reread(a aim, result probe.Result) probe.Result {
	if result.Outcome != probe.Connected || result.Identity == nil || len(a.answers) == 0 {
		return result
	}
	known := slices.ContainsFunc(a.answers, func(name string) bool { return l.book.pods[name].UID == result.Identity.UID })
	if !known && result.Identity.UID != "" {
		result.Outcome = probe.WrongResponder
		result.Reason = fmt.Sprintf("pod %s/%s answered, which is not behind this address in the scenario",
			result.Identity.Namespace, result.Identity.Pod)
	}
	return result
}
