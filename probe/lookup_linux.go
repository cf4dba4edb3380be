package probe

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
)

// lookup asks for the addresses of a name. Candidates of the search list are tried in order; for each, all servers are
// asked for both types at once.
type lookup struct {
	task       *task
	servers    []netip.AddrPort
	candidates []string
	types      []dnsType
	// tcp forces TCP.
	tcp bool
	// thorough waits for every server, because the servers themselves are under test.
	thorough bool

	pending map[*flight]struct{}
	// current are the questions of the current candidate.
	current []Query
}

// lookup starts the lookup phase, or the DNS attempt.
func (t *task) lookup() {
	conf, err := t.engine.resolvConf()
	if err != nil {
		t.abandon(err.Error())
		return
	}
	var question DNSQuestion
	if t.attempt.Protocol == DNS && t.attempt.DNS != nil {
		question = *t.attempt.DNS
	}
	l := &lookup{
		task: t, servers: conf.servers, types: []dnsType{dnsA, dnsAAAA}, tcp: question.TCP, thorough: t.attempt.Protocol == DNS,
		pending: map[*flight]struct{}{},
	}
	if len(question.Servers) > 0 {
		l.servers = question.Servers
	}
	switch t.attempt.Family {
	case IPv4:
		l.types = l.types[:1]
	case IPv6:
		l.types = l.types[1:]
	}
	if l.candidates, err = encodable(conf.candidates(t.attempt.Host, question.Absolute)); err != nil {
		t.abandon(err.Error())
		return
	}
	t.o.Phase = PhaseLookup
	l.next()
}

// encodable drops the candidates that are no DNS names, such as those that a search domain makes too long. It fails if
// none is left.
func encodable(candidates []string) (names []string, err error) {
	for _, name := range candidates {
		if _, encodeErr := (dnsQuestion{name: name}).append(nil); encodeErr == nil {
			names = append(names, name)
		} else if err == nil {
			err = encodeErr
		}
	}
	if len(names) > 0 {
		return names, nil
	}
	return nil, err
}

// next asks for the next candidate.
func (l *lookup) next() {
	l.current = nil
	name := l.candidates[0]
	l.candidates = l.candidates[1:]
	for _, server := range l.servers {
		for _, typ := range l.types {
			if err := l.ask(name, typ, server, l.tcp); err != nil {
				l.task.abandon(err.Error())
				return
			}
		}
	}
}

func (l *lookup) ask(name string, typ dnsType, server netip.AddrPort, tcp bool) error {
	var id [2]byte
	rand.Read(id[:]) // never fails: crypto/rand ends the program instead
	x, err := newDNSExchange(dnsQuestion{id: binary.BigEndian.Uint16(id[:]), name: name, typ: typ}, tcp)
	if err != nil {
		return err
	}
	f := &flight{
		engine: l.task.engine, protocol: UDP, remote: server, timing: l.task.timing, loss: l.task.attempt.Loss, exchange: x,
		done: l.landed,
	}
	if tcp {
		f.protocol = TCP
	}
	l.pending[f] = struct{}{}
	f.start()
	return nil
}

func (l *lookup) landed(f *flight) {
	if _, ok := l.pending[f]; !ok {
		return // no longer of interest
	}
	delete(l.pending, f)
	x := f.exchange.(*dnsExchange)
	q := newQuery(f, x)
	l.current = append(l.current, q)
	if q.Truncated && f.protocol == UDP {
		if err := l.ask(x.question.name, x.question.typ, f.remote, true); err != nil {
			l.task.abandon(err.Error())
		}
		return
	}
	l.judge()
}

// newQuery reads what a flight learnt.
func newQuery(f *flight, x *dnsExchange) Query {
	q := Query{
		Name: x.question.name, Type: x.question.typ.String(), Server: f.remote, TCP: f.protocol == TCP,
		Errno: f.o.Errno, ICMP: f.o.ICMP, Tries: f.o.Tries, Elapsed: f.o.Waited,
		Code: x.answer.code, Truncated: x.answer.truncated, Addresses: x.answer.addresses,
	}
	switch {
	case f.o.Phase == PhaseDone:
	case f.o.Failure != "":
		q.Code, q.Errno = DNSUnreachable, f.o.Failure
	case f.o.Errno != "":
		q.Code = DNSUnreachable
	case f.o.EOF:
		q.Code, q.Errno = DNSUnreachable, "EOF"
	default:
		q.Code = DNSTimeout
		if f.o.DataTries > 0 {
			q.Tries = f.o.DataTries
		}
	}
	return q
}

// judge ends the lookup or the candidate as soon as what came allows it.
func (l *lookup) judge() {
	if len(l.pending) > 0 && l.thorough {
		return
	}
	address, found := l.address()
	switch {
	case len(l.pending) > 0 && !found && !l.settled():
		return
	case found && !l.thorough:
		l.end()
		l.task.ask(address)
	case found, len(l.candidates) == 0, !l.settled():
		l.end()
		l.task.deliver()
	default:
		l.end()
		l.next()
	}
}

// address returns the address to use: IPv4 before IPv6. An IPv6 address counts when no IPv4 address can come from the
// same server any more.
func (l *lookup) address() (netip.Addr, bool) {
	for _, typ := range l.types {
		for _, q := range l.current {
			if q.Type == typ.String() && len(q.Addresses) > 0 && (typ == l.types[0] || len(l.pending) == 0 || l.has(q.Server, l.types[0])) {
				return q.Addresses[0], true
			}
		}
	}
	return netip.Addr{}, false
}

func (l *lookup) has(server netip.AddrPort, typ dnsType) bool {
	for _, q := range l.current {
		if q.Server == server && q.Type == typ.String() && !q.Truncated {
			return true
		}
	}
	return false
}

// settled tells whether the candidate is known not to exist: one server has answered every question, or all have
// answered that they are in trouble. Silence does not settle it, and a resolver stops at it.
func (l *lookup) settled() bool {
	answered := map[netip.AddrPort]int{}
	trouble := len(l.pending) == 0
	for _, q := range l.current {
		if q.Truncated && !q.TCP {
			continue
		}
		if q.answered() {
			answered[q.Server]++
		}
		if q.Code == DNSTimeout || q.Code == DNSUnreachable {
			trouble = false
		}
		if answered[q.Server] == len(l.types) {
			return true
		}
	}
	return trouble
}

// end keeps the questions of the candidate and forgets those that are under way.
func (l *lookup) end() {
	l.task.o.Queries = append(l.task.o.Queries, l.current...)
	for f := range l.pending {
		delete(l.pending, f)
		f.finish(nil)
	}
}
