package probe

import (
	"net/netip"
	"time"
)

// slotQueue holds silent flights whose refusals a host may have suppressed, because its budget of ICMP errors was used
// up. Each is asked once more when the budget has a token for it, and if it stays silent a second time when there is more
// than that, because others may have used it.
type slotQueue struct {
	engine  *engine
	host    netip.Addr
	timer   timer
	flights []*flight
}

// slot is a flight's place in the queue of a host and the tokens that are reserved for it.
type slot struct {
	host     netip.Addr
	patience time.Time // when to give up waiting
	turns    int       // taken so far
	tokens   int       // reserved for the round under way
}

// slotTurns are the tokens that a flight reserves for its turns.
var slotTurns = [...]int{1, icmpBurst / 2}

// queueForSlot closes the flight's sockets, whose late retransmissions would use up tokens that others count on, and
// lets it wait for its turn.
func (e *engine) queueForSlot(f *flight, host netip.Addr) {
	f.closeConns()
	f.stage = queued
	if f.slot == nil {
		f.slot = &slot{host: host, patience: e.now.Add(f.timing.ICMPWait)}
	}
	e.set(&f.timer, f.slot.patience)
	q := e.slots[host]
	if q == nil {
		q = &slotQueue{engine: e, host: host}
		q.timer.owner = q
		e.slots[host] = q
	}
	q.flights = append(q.flights, f)
	q.wake()
}

// wake grants the tokens that there are, first come, first served.
func (q *slotQueue) wake() {
	for len(q.flights) > 0 {
		f := q.flights[0]
		if f.over || f.stage != queued {
			q.flights = q.flights[1:]
			continue
		}
		tokens := slotTurns[f.slot.turns]
		wait, ok := q.engine.prober.budget.reserve(q.host, tokens, q.engine.now)
		if !ok {
			q.engine.set(&q.timer, q.engine.now.Add(wait))
			return
		}
		q.flights = q.flights[1:]
		f.slot.tokens = tokens
		f.slot.turns++
		q.engine.unset(&f.timer)
		f.round(max(triesNeeded(f.loss), DefaultSockets))
	}
}

// releaseSlot ends the reservation of a flight. If its question stayed silent, the tokens serve the next one.
func (e *engine) releaseSlot(s *slot) {
	if s == nil || s.tokens == 0 {
		return
	}
	e.prober.budget.release(s.host, s.tokens, e.now)
	s.tokens = 0
	e.slots[s.host].wake()
}
