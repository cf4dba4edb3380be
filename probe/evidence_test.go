package probe

import (
	"net/netip"
	"testing"

	. "github.com/onsi/gomega"
)

func TestEvidenceDestination(t *testing.T) {
	at := netip.MustParseAddrPort
	nonce := NewNonce()
	knock := Observation{
		Nonce: nonce, Remote: at("10.244.1.7:8080"), Local: at("10.244.2.9:40000"), Ports: []uint16{40000, 40001, 40002},
	}
	listening := func(address string) SocketRow {
		return SocketRow{Protocol: TCP, State: SocketListening, Local: at(address)}
	}
	halfOpen := func(remote string) SocketRow {
		return SocketRow{Protocol: TCP, State: SocketSYNReceived, Local: at("10.244.1.7:8080"), Remote: at(remote)}
	}
	for _, tc := range []struct {
		name     string
		evidence Evidence
		protocol Protocol
		port     uint16
		want     Destination
	}{
		{"logs that were cut prove nothing", Evidence{}, TCP, 0, Destination{}},
		{"whole logs without a trace prove that nothing came",
			Evidence{ArrivalsComplete: true, SocketsComplete: true}, TCP, 0, Destination{Arrived: No, SYNReceived: No, Listening: No}},
		{"the nonce arrived, from whatever address",
			Evidence{Arrivals: []Arrival{{Protocol: TCP, Nonce: nonce, Remote: at("192.0.2.1:1")}}}, TCP, 0, Destination{Arrived: Yes}},
		{"a connection from one of the source ports arrived and said nothing",
			Evidence{Arrivals: []Arrival{{Protocol: TCP, Remote: at("10.244.2.9:40001"), Local: at("10.244.1.7:8080")}}}, HTTP, 0, Destination{Arrived: Yes}},
		{"a datagram from the same port is not the connection",
			Evidence{Arrivals: []Arrival{{Protocol: UDP, Remote: at("10.244.2.9:40001"), Local: at("10.244.1.7:8080")}}, ArrivalsComplete: true}, TCP, 0, Destination{Arrived: No}},
		{"the same port of another host is not the attempt",
			Evidence{Arrivals: []Arrival{{Protocol: TCP, Remote: at("10.244.2.8:40001"), Local: at("10.244.1.7:8080")}}, ArrivalsComplete: true}, TCP, 0, Destination{Arrived: No}},
		{"an earlier attempt from the same port, which said its own nonce, is not the attempt",
			Evidence{Arrivals: []Arrival{{Protocol: TCP, Nonce: NewNonce(), Remote: at("10.244.2.9:40001"), Local: at("10.244.1.7:8080")}}, ArrivalsComplete: true},
			TCP, 0, Destination{Arrived: No}},
		{"a connection to another port is not the attempt",
			Evidence{Arrivals: []Arrival{{Protocol: TCP, Remote: at("10.244.2.9:40001"), Local: at("10.244.1.7:9090")}}, ArrivalsComplete: true},
			TCP, 0, Destination{Arrived: No}},
		{"the third SYN came, and its handshake did not end",
			Evidence{Sockets: []SocketRow{halfOpen("10.244.2.9:40002")}}, TCP, 0, Destination{SYNReceived: Yes}},
		{"a SYN of an unknown address may be ours behind address translation",
			Evidence{Sockets: []SocketRow{halfOpen("192.0.2.1:1")}, SocketsComplete: true}, TCP, 0, Destination{SYNReceived: Unknown, Listening: No}},
		{"a SYN from a port that was not asked about may be ours behind address translation",
			Evidence{OtherSYNs: []uint16{8080}, SocketsComplete: true}, TCP, 0, Destination{SYNReceived: Unknown, Listening: No}},
		{"a SYN for another port is not the attempt's",
			Evidence{Sockets: []SocketRow{halfOpen("10.244.2.9:40002")}, SocketsComplete: true}, TCP, 9090, Destination{SYNReceived: No, Listening: No}},
		{"a socket listens on every address",
			Evidence{Sockets: []SocketRow{listening("0.0.0.0:8080")}}, TCP, 0, Destination{Listening: Yes}},
		{"a socket listens on the pod's address",
			Evidence{Sockets: []SocketRow{listening("10.244.1.7:8080")}}, TCP, 0, Destination{Listening: Yes}},
		{"a Service translated the port",
			Evidence{Sockets: []SocketRow{listening("0.0.0.0:9376")}, SocketsComplete: true}, TCP, 9376, Destination{SYNReceived: No, Listening: Yes}},
		{"a socket on loopback takes nothing from outside",
			Evidence{Sockets: []SocketRow{listening("127.0.0.1:8080")}, SocketsComplete: true}, TCP, 0, Destination{SYNReceived: No, Listening: No}},
		{"a socket on [::] may or may not take IPv4",
			Evidence{Sockets: []SocketRow{listening("[::]:8080")}, SocketsComplete: true}, TCP, 0, Destination{SYNReceived: No, Listening: Unknown}},
		{"a TCP socket takes no datagrams",
			Evidence{Sockets: []SocketRow{listening("0.0.0.0:8080")}, SocketsComplete: true}, UDP, 0, Destination{Listening: No}},
		{"the sockets of SCTP are not looked at",
			Evidence{ArrivalsComplete: true, SocketsComplete: true}, SCTP, 0, Destination{Arrived: No}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(tc.evidence.Destination(Attempt{Protocol: tc.protocol}, knock, tc.port)).To(Equal(tc.want))
		})
	}
}

func TestDestinationInQuietRound(t *testing.T) {
	g := NewWithT(t)
	before := Counters{InSegs: 5, OutRsts: 1, InDatagrams: 3}
	after := Counters{InSegs: 6, OutRsts: 2, InDatagrams: 4, NoPorts: 1, InErrors: 1, ListenDrops: 1}
	known := Destination{Arrived: No}
	g.Expect(known.InQuietRound(TCP, before, after)).To(Equal(
		Destination{Arrived: No, Quiet: true, OutRsts: 1, NoPorts: 1, ListenDrops: 1}))
	g.Expect(known.InQuietRound(UDP, before, after)).To(Equal(
		Destination{Arrived: No, Quiet: true, OutRsts: 1, NoPorts: 1, ListenDrops: 1, InPackets: 3}))
}

func TestWitness(t *testing.T) {
	t.Run("too large a question is refused", func(t *testing.T) {
		g := NewWithT(t)
		w := Witness{ProcNet: procNetFixture}
		_, err := w.Evidence(EvidenceQuestion{Ports: make([]uint16, MaxQuestion+1)})
		g.Expect(err).To(MatchError("evidence: question names 0 nonces and 2049 ports, at most 2048 of each are allowed"))
	})
	t.Run("tables that cannot be read are an error", func(t *testing.T) {
		g := NewWithT(t)
		w := Witness{ProcNet: t.TempDir()}
		_, err := w.Evidence(EvidenceQuestion{})
		g.Expect(err).To(HaveOccurred())
	})
	t.Run("without a responder nothing is known about arrivals", func(t *testing.T) {
		g := NewWithT(t)
		w := Witness{ProcNet: procNetFixture}
		e, err := w.Evidence(EvidenceQuestion{})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(e.ArrivalsComplete).To(BeFalse())
	})
	t.Run("a question that names no attempt gets counters and no tables", func(t *testing.T) {
		g := NewWithT(t)
		w := Witness{ProcNet: procNetFixture}
		e, err := w.Evidence(EvidenceQuestion{})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(e.Counters.InSegs).To(BeEquivalentTo(32847))
		g.Expect(e.Sockets).To(BeEmpty())
		g.Expect(e.SocketsComplete).To(BeFalse(), "that none is here proves nothing")
	})
	t.Run("a row of a port in question is told apart", func(t *testing.T) {
		g := NewWithT(t)
		w := Witness{ProcNet: procNetFixture}
		e, err := w.Evidence(EvidenceQuestion{Ports: []uint16{40000}})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(e.Sockets).To(ContainElement(HaveField("State", SocketSYNReceived)))
		g.Expect(e.OtherSYNs).To(Equal([]uint16{443}))
	})
	t.Run("the log is searched by nonce and by port, after the mark", func(t *testing.T) {
		g := NewWithT(t)
		w := Witness{Arrivals: &ArrivalLog{}, ProcNet: procNetFixture}
		nonce := NewNonce()
		from := func(port uint16) netip.AddrPort { return netip.AddrPortFrom(testSource.Addr(), port) }
		w.Arrivals.add(Arrival{Remote: from(1), Nonce: nonce})
		w.Arrivals.add(Arrival{Remote: from(2), Nonce: nonce})
		w.Arrivals.add(Arrival{Remote: from(3)})
		w.Arrivals.add(Arrival{Remote: from(4)})
		e, err := w.Evidence(EvidenceQuestion{Nonces: []Nonce{nonce}, Ports: []uint16{4}, After: 1})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(e.Mark).To(Equal(uint64(4)))
		g.Expect(e.ArrivalsComplete).To(BeTrue())
		g.Expect(e.Arrivals).To(Equal([]Arrival{{Number: 2, Remote: from(2), Nonce: nonce}, {Number: 4, Remote: from(4)}}))
		g.Expect(e.Sockets).To(HaveLen(4), "those that listen")
		g.Expect(e.OtherSYNs).To(Equal([]uint16{443, 8080}))
		g.Expect(e.Counters.OutRsts).To(Equal(uint64(11)))
	})
}
