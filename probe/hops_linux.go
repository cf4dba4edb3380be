package probe

import (
	"net/netip"
	"time"
)

// hopSearch finds the largest hop limit at which a port's answer, a reset or a SYN-ACK, still arrives: the hop limit
// of the answer itself. IP_MINTTL drops what comes with less (see ip(7)).
type hopSearch struct {
	task   *task
	remote netip.AddrPort
	// known is a hop limit that arrived, lost one that did not.
	known, lost int
	done        func(hopLimit int)
}

const (
	hopSockets = 3
	// hopWait is the least time to wait for an answer; loss is met with hopSockets at once.
	hopWait   = 150 * time.Millisecond
	hopMaxima = 256
)

// compareHops learns the hop limits of the reset and of the answers of the open port, and delivers the result.
func (t *task) compareHops() {
	var limits HopLimit
	missing := 2
	join := func(field *int) func(int) {
		return func(hopLimit int) {
			*field = hopLimit
			if missing--; missing > 0 {
				return
			}
			if limits.Reset > 0 && limits.Answer > 0 {
				t.o.ResetHops = &limits
			}
			t.deliver()
		}
	}
	search := func(port uint16, field *int) {
		s := &hopSearch{task: t, remote: netip.AddrPortFrom(t.o.Remote.Addr(), port), lost: hopMaxima, done: join(field)}
		s.step()
	}
	search(t.attempt.Port, &limits.Reset)
	search(t.attempt.OpenPort, &limits.Answer)
}

// step halves the range; at its end it asks the lost side once more, because a delay can look like it.
func (s *hopSearch) step() {
	if s.lost-s.known > 1 {
		s.ask((s.known+s.lost)/2, hopWait, func(middle int, arrived bool) {
			if arrived {
				s.known = middle
			} else {
				s.lost = middle
			}
			s.step()
		})
		return
	}
	if s.known == 0 || s.lost == hopMaxima {
		s.done(s.known)
		return
	}
	s.ask(s.lost, 2*hopWait, func(_ int, arrived bool) {
		if arrived {
			s.known = 0 // contradicts the search: nothing is learnt
		}
		s.done(s.known)
	})
}

func (s *hopSearch) ask(minHops int, wait time.Duration, then func(minHops int, arrived bool)) {
	f := &flight{
		engine: s.task.engine, protocol: TCP, remote: s.remote, minHops: minHops, loss: s.task.attempt.Loss,
		timing: Timing{Timeout: max(wait, 4*s.task.attempt.RTT), Sockets: hopSockets, Stagger: wait / 30, Confirm: -1},
	}
	f.done = func(f *flight) {
		then(minHops, f.o.Phase == PhaseDone || f.o.Errno == "ECONNREFUSED" && f.o.ICMP == nil)
	}
	f.start()
}
