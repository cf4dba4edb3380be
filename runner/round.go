package runner

import (
	"context"
	"sync"
	"time"

	"github.com/podknock/podknock/probe"
)

// round is one question about every cell, or about those that may stay silent: it has what the round before had of the others.
type round struct {
	number int
	start  time.Time
	table  table
	// whole says that every cell was asked.
	whole bool
}

const (
	// roundSockets make silence certain in one round, by the law of errors at the assumed loss. What confirms it is the next round.
	roundSockets = 4
	// pooledSockets are those of a whole round of so many packets that its silence is certain only together with that of the rounds before, see
	// [watch.pool], and betweenSockets those of a round between two of these. The three that a step needs to settle send roundSockets at least.
	pooledSockets  = 2
	betweenSockets = 1
)

// roundTiming is how a question of a round is asked.
func (l *lane) roundTiming(sockets int) probe.Timing {
	return probe.Timing{
		Timeout: l.options.Timeout, Sockets: sockets, Stagger: l.options.pace.stagger, Confirm: -1, ICMPWait: -1,
	}
}

// maxOverlap bounds the rounds under way at once.
const maxOverlap = 6

// rounds asks about the cells again and again until take says that it is enough or the bound has passed. Rounds start at the pace and
// overlap; take gets each round in the order of their starts, with the answers of the one before where it asked nothing. Rounds under way are given
// up then.
func (l *lane) rounds(ctx context.Context, aims []aim, agenda agenda, bound time.Time, take func(round) (agrees, enough bool)) {
	ctx, cancel := context.WithCancel(ctx)
	var underWay sync.WaitGroup
	defer underWay.Wait()
	defer cancel()
	askCtx, stopAsking := context.WithDeadlineCause(ctx, bound.Add(l.options.pace.answer), errNoAnswer)
	defer stopAsking()

	finished := make(chan round)
	waiting := map[int]round{}
	var before table // of the round that was taken last
	timer := time.NewTimer(0)
	defer timer.Stop()
	begun, taken, differing := 0, 0, 0
	due := false
	overlap := maxOverlap
	switch {
	case l.crowded:
		overlap = 1 // more would only wait for each other's streams
	case l.options.pace.spread(packetsOf(agenda.whole), 0) > 0:
		overlap = 2 // agents or engines that do not keep up would only fall further behind
	}
	for {
		over := !time.Now().Before(bound)
		due = due && (begun == 0 || !over) // a round that was due may have had to wait until the bound had passed
		if over && begun > 0 && taken == begun {
			return
		}
		if due && begun-taken < overlap {
			parts, spread, whole := agenda.of(begun, differing, l.options.pace)
			r := round{number: begun, start: time.Now(), whole: whole}
			begun++
			underWay.Go(func() {
				r.table = l.askParts(askCtx, aims, parts, spread)
				select {
				case finished <- r:
				case <-ctx.Done():
				}
			})
			due = false
			timer.Reset(l.options.pace.next(spread, differing))
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			due = time.Now().Before(bound) || begun == 0
			if !due && taken == begun {
				return
			}
		case r := <-finished:
			waiting[r.number] = r
			for next, ok := waiting[taken]; ok; next, ok = waiting[taken] {
				delete(waiting, taken)
				taken++
				next.table.carry(before)
				before = next.table
				agrees, enough := take(next)
				if enough {
					return
				}
				if differing++; agrees {
					differing = 0
				}
			}
			if taken == begun && !time.Now().Before(bound) {
				return
			}
		}
	}
}
