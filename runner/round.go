package runner

import (
	"context"
	"sync"
	"time"

	"github.com/podknock/podknock/probe"
)

// round is one question about every cell.
type round struct {
	number int
	start  time.Time
	table  table
}

const (
	// roundSockets make silence certain in one round, by the law of errors at the assumed loss. What confirms it is the next round.
	roundSockets = 4
	// pooledSockets are those of a round of so many packets that its silence is certain only together with that of the rounds before, see
	// [watch.pool]. The three that a step needs to settle send more than roundSockets.
	pooledSockets = 2
)

// roundTiming is how a question of a round is asked.
func (l *lane) roundTiming(sockets int) probe.Timing {
	return probe.Timing{
		Timeout: l.options.Timeout, Sockets: sockets, Stagger: l.options.pace.stagger, Confirm: -1, ICMPWait: -1,
	}
}

// volume is what a round sends.
type volume struct {
	// sockets are those of each attempt that stays silent, and packets those of all attempts, if all is as expected.
	sockets, packets int
}

// maxOverlap bounds the rounds under way at once.
const maxOverlap = 6

// rounds asks about the cells again and again until take says that it is enough or the bound has passed. Rounds start at the pace and
// overlap; take gets each whole round in the order of their starts. Rounds under way are given up then.
func (l *lane) rounds(ctx context.Context, aims []aim, cells []int, volume volume, bound time.Time, take func(round) (agrees, enough bool)) {
	ctx, cancel := context.WithCancel(ctx)
	var underWay sync.WaitGroup
	defer underWay.Wait()
	defer cancel()
	askCtx, stopAsking := context.WithDeadlineCause(ctx, bound.Add(l.options.pace.answer), errNoAnswer)
	defer stopAsking()

	finished := make(chan round)
	waiting := map[int]round{}
	timer := time.NewTimer(0)
	defer timer.Stop()
	begun, taken, differing := 0, 0, 0
	due := false
	overlap := maxOverlap
	switch {
	case l.crowded:
		overlap = 1 // more would only wait for each other's streams
	case l.options.pace.spread(volume.packets, 0) > 0:
		overlap = 2 // agents or engines that do not keep up would only fall further behind
	}
	for {
		over := !time.Now().Before(bound)
		due = due && (begun == 0 || !over) // a round that was due may have had to wait until the bound had passed
		if over && begun > 0 && taken == begun {
			return
		}
		if due && begun-taken < overlap {
			r := round{number: begun, start: time.Now()}
			begun++
			spread := l.options.pace.spread(volume.packets, differing)
			underWay.Go(func() {
				r.table = l.ask(askCtx, aims, cells, l.roundTiming(volume.sockets), spread)
				select {
				case finished <- r:
				case <-ctx.Done():
				}
			})
			due = false
			timer.Reset(l.options.pace.next(volume.packets, differing))
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
