package probe

import (
	"net/netip"
)

// slotQueue holds silent flights whose refusals a host may have suppressed, because its budget of ICMP errors was used
// up. Each is asked once more when the budget has a token for it.
type slotQueue struct {
	engine  *engine
	host    netip.Addr
	timer   timer
	flights []*flight
}

// queueForSlot closes the flight's sockets, whose late retransmissions would use up tokens that others count on, and
// lets it wait for its turn.
func (e *engine) queueForSlot(f *flight, host netip.Addr) {
	f.closeConns()
	f.stage = queued
	e.set(&f.timer, e.now.Add(f.timing.ICMPWait))
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
		wait, ok := q.engine.prober.budget.reserve(q.host, q.engine.now)
		if !ok {
			q.engine.set(&q.timer, q.engine.now.Add(wait))
			return
		}
		q.flights = q.flights[1:]
		f.slot = q.host
		q.engine.unset(&f.timer)
		f.round(max(triesNeeded(f.loss), DefaultSockets))
	}
}

// releaseSlot ends the reservation of a flight; if its question stayed silent, the token serves the next one.
func (e *engine) releaseSlot(host netip.Addr) {
	e.prober.budget.release(host)
	if q := e.slots[host]; q != nil {
		q.wake()
	}
}
