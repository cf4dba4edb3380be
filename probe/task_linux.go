package probe

import (
	"net/netip"
	"time"
)

// task makes one attempt: lookup, flight, and after a reset the comparison of hop limits.
type task struct {
	engine   *engine
	attempt  *Attempt
	timing   Timing
	o        Observation
	admitted bool
}

// descriptors returns how many sockets the attempt may hold at once.
func descriptors(a *Attempt) int {
	t := a.timing()
	n := t.Sockets
	if t.Confirm >= 0 {
		n = min(MaxSYNs, n+max(confirmSockets, triesNeeded(a.Loss)-t.Sockets))
	}
	if _, err := netip.ParseAddr(a.Host); err != nil || a.Protocol == DNS {
		n = max(n, 2*2*maxNameservers) // questions are of two types, and TCP may follow UDP
	}
	return n
}

// begin starts an attempt that was admitted.
func (e *engine) begin(a *Attempt) {
	t := newTask(e, a)
	t.admitted = true
	e.tasks[t] = struct{}{}
	t.start()
}

func newTask(e *engine, a *Attempt) *task {
	return &task{engine: e, attempt: a, timing: a.timing(), o: Observation{Start: time.Now().UTC()}}
}

func (t *task) start() {
	if err := t.attempt.Validate(); err != nil {
		t.abandon(err.Error())
		return
	}
	address, err := netip.ParseAddr(t.attempt.Host)
	if err != nil || t.attempt.Protocol == DNS {
		t.lookup()
		return
	}
	t.ask(address.Unmap())
}

// ask starts the flight to the address.
func (t *task) ask(address netip.Addr) {
	f := &flight{
		engine: t.engine, protocol: TCP, remote: netip.AddrPortFrom(address, t.attempt.Port), timing: t.timing,
		loss: t.attempt.Loss, hold: t.attempt.Hold, second: t.question, done: t.landed, o: t.o,
	}
	if t.attempt.Protocol != HTTP {
		f.protocol = t.attempt.Protocol
	}
	if err := t.question(f); err != nil {
		t.abandon(err.Error())
		return
	}
	f.start()
}

// question gives the flight something to ask, with a fresh nonce. Over TCP and SCTP a foreign host is asked nothing.
func (t *task) question(f *flight) (err error) {
	f.o.Nonce = NewNonce()
	switch a := t.attempt; {
	case a.Protocol == HTTP:
		f.exchange, err = newHTTPExchange(a, f.o.Nonce, t.engine.prober.Token)
	case a.Protocol == UDP || !a.Foreign:
		f.exchange, err = newHelloExchange(a, f.o.Nonce, t.engine.prober.Token)
	}
	return err
}

func (t *task) landed(f *flight) {
	t.o = f.o
	if f.protocol == TCP && t.o.Errno == "ECONNREFUSED" && t.o.ICMP == nil && t.attempt.OpenPort != 0 {
		t.compareHops()
		return
	}
	t.deliver()
}

// abandon ends the attempt because it cannot be made.
func (t *task) abandon(why string) {
	t.o.Failure = why
	t.deliver()
}

func (t *task) deliver() {
	t.o.Elapsed = time.Since(t.o.Start)
	if t.admitted {
		delete(t.engine.tasks, t)
		t.engine.prober.usage.release(descriptors(t.attempt))
	}
	t.engine.deliver(Result{ID: t.attempt.ID, Reading: Classify(*t.attempt, t.o, nil), Observation: t.o})
}
