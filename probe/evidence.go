package probe

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// Evidence is what a destination knows about the attempts that a question names: its log of arrivals, and the
// kernel's tables at the time of asking.
type Evidence struct {
	Time time.Time `json:"time"`
	// Arrivals are those of the log that the question names, oldest first.
	Arrivals []Arrival `json:"arrivals,omitempty"`
	// ArrivalsComplete says that no arrival in question was overwritten or left out, so that a missing one proves that
	// nothing came.
	ArrivalsComplete bool `json:"arrivalsComplete"`
	// Sockets are the listening sockets of the pod, and those that received a SYN from one of the ports in question. None are here if the question
	// names no attempt.
	Sockets []SocketRow `json:"sockets,omitempty"`
	// OtherSYNs are the ports of the pod that received a SYN from another port than those in question.
	OtherSYNs []uint16 `json:"otherSyns,omitempty"`
	// SocketsComplete says that no such row was left out.
	SocketsComplete bool     `json:"socketsComplete"`
	Counters        Counters `json:"counters"`
	// Mark is the number of the newest arrival, for EvidenceQuestion.After of a later question.
	Mark uint64 `json:"mark"`
}

// EvidenceQuestion names attempts by what they left behind at the destination. One that names none asks for the mark and the counters alone: the
// kernel's tables are those of the whole machine, and cost milliseconds to go through.
type EvidenceQuestion struct {
	// Nonces are those of the attempts.
	Nonces []Nonce `json:"nonces,omitempty"`
	// Ports are the source ports of the attempts' sockets, for what arrived without saying its nonce.
	Ports []uint16 `json:"ports,omitempty"`
	// After leaves out the arrivals up to that mark. Who takes the mark before the attempts need not wonder whether
	// the log was long enough, nor whether an arrival is of an earlier attempt from the same port.
	After uint64 `json:"after,omitempty"`
}

// MaxQuestion bounds the nonces and the ports of one question, each, so that the answer fits a line of the control
// protocol.
const MaxQuestion = 2048

const (
	maxEvidenceArrivals = MaxQuestion
	maxEvidenceSockets  = MaxQuestion
)

// Witness gathers evidence in the pod that it runs in. The zero value knows no arrivals.
type Witness struct {
	// Arrivals is the responder's log. Nil means that there is no responder.
	Arrivals *ArrivalLog
	// ProcNet is the directory of the kernel's tables; it defaults to /proc/self/net.
	ProcNet string
}

func (w *Witness) procNet() string {
	if w.ProcNet != "" {
		return w.ProcNet
	}
	return "/proc/self/net"
}

// Counters reads the counters of the network namespace.
func (w *Witness) Counters() (Counters, error) { return readCounters(w.procNet()) }

// Evidence answers the question. It fails if the question is too large or the kernel's tables cannot be read.
func (w *Witness) Evidence(q EvidenceQuestion) (Evidence, error) {
	if len(q.Nonces) > MaxQuestion || len(q.Ports) > MaxQuestion {
		return Evidence{}, fmt.Errorf("evidence: question names %d nonces and %d ports, at most %d of each are allowed",
			len(q.Nonces), len(q.Ports), MaxQuestion)
	}
	nonces := make(map[Nonce]bool, len(q.Nonces))
	for _, n := range q.Nonces {
		nonces[n] = true
	}
	ports := make(map[uint16]bool, len(q.Ports))
	for _, p := range q.Ports {
		ports[p] = true
	}

	e := Evidence{Time: time.Now().UTC()}
	if w.Arrivals != nil {
		e.Mark = w.Arrivals.Mark()
		e.Arrivals, e.ArrivalsComplete = w.Arrivals.Find(q.After, maxEvidenceArrivals, func(a Arrival) bool {
			return !a.Nonce.IsZero() && nonces[a.Nonce] || ports[a.Remote.Port()]
		})
	}
	var err error
	if e.Counters, err = w.Counters(); err != nil {
		return Evidence{}, err
	}
	if len(q.Nonces)+len(q.Ports) == 0 {
		return e, nil
	}
	others := make(map[uint16]bool)
	e.Sockets, e.SocketsComplete, err = readSockets(w.procNet(), maxEvidenceSockets, func(row SocketRow) bool {
		if row.State == SocketSYNReceived && !ports[row.Remote.Port()] {
			others[row.Local.Port()] = true
			return false
		}
		return true
	})
	if err != nil {
		return Evidence{}, err
	}
	e.OtherSYNs = slices.Sorted(maps.Keys(others))
	return e, nil
}

// Destination joins the evidence with one attempt and its observation: what does the destination know about it? The
// evidence has to come from the pod itself, from a question after the attempt that named its nonce and ports. A
// Service may translate the port: port is the pod's own, zero means the one that was asked.
func (e Evidence) Destination(a Attempt, o Observation, port uint16) Destination {
	if port == 0 {
		port = o.Remote.Port()
	}
	transport := transportOf(a.Protocol)
	d := Destination{
		Arrived:   e.arrived(transport, o, port),
		Listening: e.listening(transport, netip.AddrPortFrom(o.Remote.Addr(), port)),
	}
	if transport == TCP {
		d.SYNReceived = e.synReceived(o, port)
	}
	return d
}

// arrived tells whether the log has the attempt. What came with another nonce is another attempt, whose source port
// was free again: only an arrival that said no nonce is known by its ports.
func (e Evidence) arrived(transport Protocol, o Observation, port uint16) Known {
	for _, arrival := range e.Arrivals {
		if !arrival.Nonce.IsZero() {
			if arrival.Nonce == o.Nonce {
				return Yes
			}
			continue
		}
		if arrival.Protocol == transport && arrival.Local.Port() == port && fromAttempt(arrival.Remote, o) {
			return Yes
		}
	}
	if e.ArrivalsComplete {
		return No
	}
	return Unknown
}

// synReceived tells whether a SYN of the attempt waits for its handshake to end. Such a row lives for a minute
// (tcp_synack_retries in tcp(7)). Behind source address translation it carries another address or port: so a row
// that is not the attempt's proves nothing, but no row at all does.
func (e Evidence) synReceived(o Observation, port uint16) Known {
	known := No
	if !e.SocketsComplete || slices.Contains(e.OtherSYNs, port) {
		known = Unknown
	}
	for _, row := range e.Sockets {
		if row.State != SocketSYNReceived || row.Local.Port() != port {
			continue
		}
		if fromAttempt(row.Remote, o) {
			return Yes
		}
		known = Unknown
	}
	return known
}

func fromAttempt(remote netip.AddrPort, o Observation) bool {
	if remote.Addr() != o.Local.Addr() {
		return false
	}
	return remote.Port() == o.Local.Port() || slices.Contains(o.Ports, remote.Port())
}

// listening tells whether a socket takes what is sent to that address and port. A socket that is bound to another
// address, such as loopback, does not. Whether one bound to [::] takes IPv4 too (IPV6_V6ONLY) cannot be seen.
func (e Evidence) listening(transport Protocol, asked netip.AddrPort) Known {
	if transport != TCP && transport != UDP {
		return Unknown // the kernel's table of SCTP is not read
	}
	known := No
	if !e.SocketsComplete {
		known = Unknown
	}
	for _, row := range e.Sockets {
		if row.State != SocketListening || row.Protocol != transport || row.Local.Port() != asked.Port() {
			continue
		}
		bound := row.Local.Addr()
		if bound == asked.Addr() || bound.IsUnspecified() && bound.Is4() == asked.Addr().Is4() {
			return Yes
		}
		if bound == netip.IPv6Unspecified() {
			known = Unknown
		}
	}
	return known
}

// transportOf returns the protocol that carries p to a responder.
func transportOf(p Protocol) Protocol {
	switch p {
	case HTTP:
		return TCP
	case DNS:
		return UDP
	}
	return p
}

// InQuietRound adds what the counters of the destination say about an attempt that was made alone between before
// and after. Packets received are counted for UDP alone: the control stream moves Tcp InSegs itself, and a segment
// that TCP takes is either answered or counted in ListenDrops.
func (d Destination) InQuietRound(protocol Protocol, before, after Counters) Destination {
	added := after.Since(before)
	d.Quiet = true
	d.OutRsts = int(added.OutRsts)
	d.NoPorts = int(added.NoPorts)
	d.ListenDrops = int(added.ListenDrops)
	if transportOf(protocol) == UDP {
		d.InPackets = int(added.InDatagrams + added.NoPorts + added.InErrors)
	}
	return d
}
