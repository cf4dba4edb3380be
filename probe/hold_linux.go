package probe

import "time"

// release ends the holding of what was held before the last [Prober.Release].
func (e *engine) release() {
	if len(e.held) == 0 {
		return
	}
	releases := e.prober.holds.releases()
	for f, before := range e.held {
		if before < releases {
			f.askAgain()
		}
	}
}

// letGo says that the connection is not held any more, if it was.
func (f *flight) letGo() {
	if _, held := f.engine.held[f]; held {
		delete(f.engine.held, f)
		f.engine.prober.holds.end()
	}
}

// beginHold closes all sockets but the answered one.
func (f *flight) beginHold(c *conn) {
	f.held, f.stage = true, holding
	for _, other := range f.conns {
		if other != c {
			other.close()
		}
	}
	c.received = nil
	f.conns, f.datagram = []*conn{c}, nil
	f.o.Held, f.o.Identity, f.o.Unsigned = true, nil, false
	f.o.Ports, f.o.Tries, f.o.Rounds = []uint16{c.local.Port()}, 0, 0
	if f.protocol == UDP {
		f.datagram = c
		c.datagrams = 0
	}
	f.first = f.engine.now
	if err := f.second(f); err != nil {
		f.o.Failure = err.Error()
		f.finish(c)
		return
	}
	f.engine.held[f] = f.engine.prober.holds.begin()
	f.engine.set(&f.timer, f.engine.now.Add(f.hold))
}

// askAgain asks the second question on the held connection.
func (f *flight) askAgain() {
	f.letGo()
	f.engine.unset(&f.timer)
	c := f.conns[0]
	c.sent, c.asked = 0, time.Time{}
	f.first = f.engine.now
	if f.protocol == UDP {
		f.round(f.timing.Sockets)
		return
	}
	f.stage, f.due, f.o.Rounds = asking, 0, 1
	f.engine.set(&f.timer, f.engine.now.Add(f.timing.Timeout))
	c.send()
}
