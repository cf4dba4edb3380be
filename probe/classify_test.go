package probe

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

var (
	testRemote  = netip.MustParseAddrPort("10.0.0.7:8080")
	testLocal   = netip.MustParseAddrPort("10.0.1.9:40000")
	testRouter  = netip.MustParseAddr("192.0.2.11")
	testRemote6 = netip.MustParseAddrPort("[2001:db8::7]:8080")
)

// observed completes an observation with what every attempt to testRemote has.
func observed(o Observation) Observation {
	if !o.Remote.IsValid() {
		o.Remote = testRemote
	}
	o.Local = testLocal
	if o.Phase == "" {
		o.Phase = PhaseConnect
	}
	return o
}

// silent is the observation of silence at the default timing.
func silent(o Observation) Observation {
	o.Tries, o.Rounds, o.Waited = 8, 2, 2*time.Second
	return observed(o)
}

func unreachable4(code uint8, offender netip.Addr, errno string) *ICMP {
	return &ICMP{Version: 4, Type: 3, Code: code, Offender: offender, Errno: errno}
}

func TestClassify(t *testing.T) {
	tcp := Attempt{Protocol: TCP, Host: "10.0.0.7", Port: 8080, UID: "uid-1"}
	udp := Attempt{Protocol: UDP, Host: "10.0.0.7", Port: 8080, UID: "uid-1"}
	foreign := func(a Attempt) Attempt { a.Foreign = true; return a }
	nonce := Nonce{1}
	pod := &Identity{Pod: "payroll", Namespace: "app", UID: "uid-1", Nonce: nonce, Source: testLocal}

	for _, tc := range []struct {
		name    string
		attempt Attempt
		o       Observation
		d       *Destination
		want    Reading // without ErrorProbability where zero
	}{
		// What we could not ask is no evidence.
		{"cancelled", tcp, observed(Observation{Failure: "cancelled: context canceled"}), nil,
			Reading{Outcome: Error, Reason: "could not ask: cancelled: context canceled"}},
		{"an error that says nothing about the network", tcp, observed(Observation{Errno: "EIO", Call: CallReceive}), nil,
			Reading{Outcome: Error, Reason: "could not ask: receive of 10.0.0.7:8080: EIO"}},
		{"a failure stays a failure whatever the pod says", tcp, observed(Observation{Failure: "out of descriptors"}), &Destination{Arrived: Yes},
			Reading{Outcome: Error, Reason: "could not ask: out of descriptors"}},
		{"no SCTP in the kernel", Attempt{Protocol: SCTP, Host: "10.0.0.7", Port: 1}, observed(Observation{Errno: "EPROTONOSUPPORT", Call: CallSocket}), nil,
			Reading{Outcome: Unsupported, Reason: "this system does not speak SCTP to 10.0.0.7: EPROTONOSUPPORT"}},

		// Silence.
		{"silence", tcp, silent(Observation{}), nil,
			Reading{Outcome: Timeout, Where: WhereUnknown, Reason: "no answer to 8 SYNs in 2s and 2 rounds: dropped, or address gone"}},
		{"silence longer than the search for a neighbour", tcp, observed(Observation{Tries: 15, Rounds: 2, Waited: 6400 * time.Millisecond}), nil,
			Reading{Outcome: Timeout, Where: WhereUnknown, Reason: "no answer to 15 SYNs in 6.4s and 2 rounds: dropped"}},
		{"silence after one SYN", tcp, observed(Observation{Tries: 1, Rounds: 1, Waited: 800 * time.Millisecond}), nil,
			Reading{Outcome: Timeout, Where: WhereUnknown, Inconclusive: true,
				Reason: "no answer to 1 SYN in 800ms: dropped, or address gone (or lost: the chance is 0.02)"}},
		{"silence of a pod that is gone", tcp, silent(Observation{}), &Destination{Gone: true},
			Reading{Outcome: Unreachable, Reason: "no answer to 8 SYNs in 2s and 2 rounds: the pod is gone"}},
		{"silence, and nothing arrived", tcp, silent(Observation{}), &Destination{Arrived: No, SYNReceived: No, Listening: Yes},
			Reading{Outcome: Timeout, Where: WhereForward, Reason: "no answer to 8 SYNs in 2s and 2 rounds: nothing reached the pod: dropped on the way to it"}},
		{"silence, nothing in the log of a pod that does not listen", tcp, silent(Observation{}), &Destination{Arrived: No, SYNReceived: No, Listening: No},
			Reading{Outcome: Timeout, Where: WhereUnknown, Reason: "no answer to 8 SYNs in 2s and 2 rounds: dropped, or address gone"}},
		{"silence, nothing counted by a pod that does not listen", tcp, silent(Observation{}), &Destination{Arrived: No, SYNReceived: No, Listening: No, Quiet: true},
			Reading{Outcome: Timeout, Where: WhereForward, Reason: "no answer to 8 SYNs in 2s and 2 rounds: nothing reached the pod: dropped on the way to it"}},
		{"silence, and the SYN arrived", tcp, silent(Observation{}), &Destination{Arrived: No, SYNReceived: Yes, Listening: Yes},
			Reading{Outcome: Timeout, Where: WhereReturn, Reason: "no answer to 8 SYNs in 2s and 2 rounds: the pod received it, so its answer was dropped"}},
		{"silence, and the pod's reset was dropped", tcp, silent(Observation{}), &Destination{Quiet: true, OutRsts: 8, InPackets: 8},
			Reading{Outcome: Timeout, Where: WhereReturn, Reason: "no answer to 8 SYNs in 2s and 2 rounds: the pod refused it, and the refusal was dropped"}},
		{"silence of a full accept queue", tcp, silent(Observation{}), &Destination{Quiet: true, ListenDrops: 8, InPackets: 8, Listening: Yes},
			Reading{Outcome: Timeout, Where: WhereDestination, Reason: "no answer to 8 SYNs in 2s and 2 rounds: the pod's accept queue is full"}},
		{"silence, and the pod counted segments that may be anybody's", tcp, silent(Observation{}), &Destination{Quiet: true, InPackets: 8},
			Reading{Outcome: Timeout, Where: WhereUnknown, Reason: "no answer to 8 SYNs in 2s and 2 rounds: dropped, or address gone"}},
		{"silence, segments that may be anybody's, and nothing in the log", tcp, silent(Observation{}), &Destination{Quiet: true, InPackets: 8, Arrived: No, SYNReceived: No, Listening: Yes},
			Reading{Outcome: Timeout, Where: WhereForward, Reason: "no answer to 8 SYNs in 2s and 2 rounds: nothing reached the pod: dropped on the way to it"}},
		{"silence inside the pod", udp, silent(Observation{Phase: PhaseExchange}), &Destination{Quiet: true, InPackets: 8},
			Reading{Outcome: Timeout, Where: WhereDestination, Reason: "no answer to 8 datagrams in 2s and 2 rounds: it reached the pod's network namespace, which did not answer"}},
		{"silence of UDP, and the datagram arrived", udp, silent(Observation{Phase: PhaseExchange}), &Destination{Arrived: Yes},
			Reading{Outcome: Timeout, Where: WhereReturn, Reason: "no answer to 8 datagrams in 2s and 2 rounds: the pod received it, so its answer was dropped"}},
		{"silence of UDP, and nothing arrived", udp, silent(Observation{Phase: PhaseExchange}), &Destination{Arrived: No, Listening: Yes},
			Reading{Outcome: Timeout, Where: WhereForward, Reason: "no answer to 8 datagrams in 2s and 2 rounds: nothing reached the pod: dropped on the way to it"}},
		{"silence of a foreign UDP host", foreign(udp), silent(Observation{Phase: PhaseExchange}), nil,
			Reading{Outcome: Timeout, Where: WhereUnknown, Inconclusive: true, Reason: "no answer to 8 datagrams in 2s and 2 rounds: dropped, or received and not answered"}},
		{"silence while ICMP is rate limited", udp, silent(Observation{Phase: PhaseExchange, ICMPLimited: true}), nil,
			Reading{Outcome: Timeout, Where: WhereUnknown, Inconclusive: true,
				Reason: "no answer to 8 datagrams in 2s and 2 rounds while ICMP errors were rate limited: dropped, or refused without a word"}},
		{"silence while ICMP is rate limited, but the pod counted the datagrams", udp, silent(Observation{Phase: PhaseExchange, ICMPLimited: true}), &Destination{Quiet: true, NoPorts: 8, InPackets: 8},
			Reading{Outcome: Refused, Origin: OriginPod, Reason: "the pod counted 8 datagrams to a port without listener; its ICMP errors are rate limited: nothing listens on 8080"}},
		{"the kernel gave up", tcp, silent(Observation{Errno: "ETIMEDOUT", Call: CallPending}), nil,
			Reading{Outcome: Timeout, Where: WhereUnknown, Reason: "no answer to 8 SYNs in 2s and 2 rounds: dropped, or address gone"}},

		// Resets.
		{"a reset", tcp, observed(Observation{Errno: "ECONNREFUSED", Call: CallPending}), nil,
			Reading{Outcome: Refused, Origin: OriginUnknown, Reason: "RST in the pod's name: nothing listens on 8080, or a box on the way says so; origin unknown"}},
		{"a reset that the pod counted", tcp, observed(Observation{Errno: "ECONNREFUSED"}), &Destination{Quiet: true, OutRsts: 1, InPackets: 1},
			Reading{Outcome: Refused, Origin: OriginPod, Reason: "RST from the pod itself: nothing listens on 8080"}},
		{"a reset that the pod did not send", tcp, observed(Observation{Errno: "ECONNREFUSED"}), &Destination{Quiet: true},
			Reading{Outcome: Rejected, Origin: OriginNetwork, Reason: "RST that the pod did not send: rejected on the way in the pod's name"}},
		{"a reset although the pod listens", tcp, observed(Observation{Errno: "ECONNREFUSED"}), &Destination{Listening: Yes},
			Reading{Outcome: Rejected, Origin: OriginNetwork, Reason: "RST that the pod did not send: rejected on the way in the pod's name"}},
		{"a reset, and the pod does not listen", tcp, observed(Observation{Errno: "ECONNREFUSED"}), &Destination{Listening: No},
			Reading{Outcome: Refused, Origin: OriginPod, Reason: "RST, and the pod has no listener: nothing listens on 8080"}},
		{"a reset from nearer than the pod", tcp, observed(Observation{Errno: "ECONNREFUSED", ResetHops: &HopLimit{Reset: 64, Answer: 62}}), nil,
			Reading{Outcome: Rejected, Origin: OriginNetwork, Reason: "RST arrived with hop limit 64, answers of the same address with 62: rejected on the way in the pod's name"}},
		{"a reset from as far as the pod", tcp, observed(Observation{Errno: "ECONNREFUSED", ResetHops: &HopLimit{Reset: 62, Answer: 62}}), nil,
			Reading{Outcome: Refused, Origin: OriginUnknown, Reason: "RST from as far away as the pod: nothing listens on 8080, or a box beside the pod says so; origin unknown"}},
		{"an abort", Attempt{Protocol: SCTP, Host: "10.0.0.7", Port: 8080}, observed(Observation{Errno: "ECONNREFUSED"}), nil,
			Reading{Outcome: Refused, Origin: OriginUnknown, Reason: "ABORT in the pod's name: nothing listens on 8080, or a box on the way says so; origin unknown"}},

		// ICMP.
		{"a port unreachable from a router", tcp, observed(Observation{Errno: "ECONNREFUSED", ICMP: unreachable4(3, testRouter, "ECONNREFUSED")}), nil,
			Reading{Outcome: Rejected, Origin: OriginNetwork, Reason: "ICMP port unreachable (3/3) from 192.0.2.11, not the pod: rejected on the way"}},
		{"a port unreachable from ourselves", tcp, observed(Observation{Errno: "ECONNREFUSED", ICMP: unreachable4(3, testLocal.Addr(), "ECONNREFUSED")}), nil,
			Reading{Outcome: Rejected, Origin: OriginSource, Reason: "ICMP port unreachable (3/3) from 10.0.1.9, our own address: rejected on this side"}},
		{"a port unreachable for TCP in the pod's name", tcp, observed(Observation{Errno: "ECONNREFUSED", ICMP: unreachable4(3, testRemote.Addr(), "ECONNREFUSED")}), nil,
			Reading{Outcome: Rejected, Origin: OriginNetwork, Reason: "ICMP port unreachable (3/3) from 10.0.0.7: a closed port answers with a reset, so a filter rejected it"}},
		{"a port unreachable for UDP", udp, observed(Observation{Phase: PhaseExchange, Errno: "ECONNREFUSED", ICMP: unreachable4(3, testRemote.Addr(), "ECONNREFUSED")}), nil,
			Reading{Outcome: Refused, Origin: OriginUnknown, Reason: "ICMP port unreachable (3/3) from 10.0.0.7: nothing listens on 8080, or a box on the way says so; origin unknown"}},
		{"a port unreachable for UDP that the pod counted", udp, observed(Observation{Phase: PhaseExchange, Errno: "ECONNREFUSED", ICMP: unreachable4(3, testRemote.Addr(), "ECONNREFUSED")}), &Destination{Quiet: true, NoPorts: 1},
			Reading{Outcome: Refused, Origin: OriginPod, Reason: "ICMP port unreachable (3/3) from 10.0.0.7, and the pod counted it: nothing listens on 8080"}},
		{"a port unreachable for UDP that the pod did not send", udp, observed(Observation{Phase: PhaseExchange, Errno: "ECONNREFUSED", ICMP: unreachable4(3, testRemote.Addr(), "ECONNREFUSED")}), &Destination{Quiet: true},
			Reading{Outcome: Rejected, Origin: OriginNetwork, Reason: "ICMP port unreachable (3/3) from 10.0.0.7, but the pod did not send it: rejected on the way in the pod's name"}},
		{"a port unreachable for UDP, and the pod does not listen", udp, observed(Observation{Phase: PhaseExchange, Errno: "ECONNREFUSED", ICMP: unreachable4(3, testRemote.Addr(), "ECONNREFUSED")}), &Destination{Listening: No},
			Reading{Outcome: Refused, Origin: OriginPod, Reason: "ICMP port unreachable (3/3) from 10.0.0.7: nothing listens on 8080"}},
		{"prohibited by a router", tcp, observed(Observation{Errno: "EHOSTUNREACH", ICMP: unreachable4(13, testRouter, "EHOSTUNREACH")}), nil,
			Reading{Outcome: Rejected, Origin: OriginNetwork, Reason: "ICMP administratively prohibited (3/13) from 192.0.2.11, not the pod: rejected on the way"}},
		{"prohibited in the pod's name", tcp, observed(Observation{Errno: "EHOSTUNREACH", ICMP: unreachable4(10, testRemote.Addr(), "EHOSTUNREACH")}), nil,
			Reading{Outcome: Rejected, Origin: OriginNetwork, Reason: "ICMP host administratively prohibited (3/10) from 10.0.0.7, the pod's address, but no pod says that: rejected on the way"}},
		{"protocol unreachable", tcp, observed(Observation{Errno: "ENOPROTOOPT", ICMP: unreachable4(2, testRouter, "ENOPROTOOPT")}), nil,
			Reading{Outcome: Rejected, Origin: OriginNetwork, Reason: "ICMP protocol unreachable (3/2) from 192.0.2.11, not the pod: rejected on the way"}},
		{"host unreachable", tcp, observed(Observation{Errno: "EHOSTUNREACH", ICMP: unreachable4(1, testRouter, "EHOSTUNREACH")}), nil,
			Reading{Outcome: Unreachable, Reason: "ICMP host unreachable (3/1) from 192.0.2.11: no route, or nobody has the address"}},
		{"nobody on our own link has the address", tcp, observed(Observation{Errno: "EHOSTUNREACH", ICMP: unreachable4(1, testLocal.Addr(), "EHOSTUNREACH")}), nil,
			Reading{Outcome: Unreachable, Reason: "ICMP host unreachable (3/1) from 10.0.1.9, our own address: nobody has the address, or this side has no route"}},
		{"a routing loop", tcp, observed(Observation{Errno: "EHOSTUNREACH", ICMP: &ICMP{Version: 4, Type: 11, Offender: testRouter}}), nil,
			Reading{Outcome: Unreachable, Reason: "ICMP time to live exceeded (11/0) from 192.0.2.11: no route, or nobody has the address"}},
		{"ICMPv6 prohibited", tcp, observed(Observation{Remote: testRemote6, Errno: "EACCES", ICMP: &ICMP{Version: 6, Type: 1, Code: 1, Offender: testRouter}}), nil,
			Reading{Outcome: Rejected, Origin: OriginNetwork, Reason: "ICMPv6 administratively prohibited (1/1) from 192.0.2.11, not the pod: rejected on the way"}},
		{"ICMPv6 no route", tcp, observed(Observation{Remote: testRemote6, Errno: "ENETUNREACH", ICMP: &ICMP{Version: 6, Type: 1, Offender: testRouter}}), nil,
			Reading{Outcome: Unreachable, Reason: "ICMPv6 no route (1/0) from 192.0.2.11: no route, or nobody has the address"}},
		{"a soft error at the deadline", tcp, observed(Observation{Errno: "EHOSTUNREACH", Call: CallSoft, Waited: 800 * time.Millisecond}), nil,
			Reading{Outcome: Unreachable, Reason: "EHOSTUNREACH after 800ms: no route, or nobody has the address"}},

		// This side.
		{"no route of our own", tcp, observed(Observation{Errno: "ENETUNREACH", Call: CallConnect}), nil,
			Reading{Outcome: Unreachable, Reason: "own route table: no route to 10.0.0.7 (ENETUNREACH)"}},
		{"a prohibiting route of our own", tcp, observed(Observation{Errno: "EACCES", Call: CallConnect}), nil,
			Reading{Outcome: Rejected, Origin: OriginSource, Reason: "own route table: towards 10.0.0.7 is prohibited"}},
		{"a black hole of our own", tcp, observed(Observation{Errno: "EINVAL", Call: CallConnect}), nil,
			Reading{Outcome: Unreachable, Reason: "own route table: blackhole towards 10.0.0.7"}},
		{"a load balancer in connect without backend", tcp, observed(Observation{Errno: "EHOSTUNREACH", Call: CallConnect}), nil,
			Reading{Outcome: Unreachable, Reason: "own route table: no route to 10.0.0.7 (EHOSTUNREACH)"}},
		{"a hook that forbids", tcp, observed(Observation{Errno: "EPERM", Call: CallConnect}), nil,
			Reading{Outcome: Rejected, Origin: OriginSource, Reason: "connect: EPERM: blocked on this side by a filter or hook, before the packet left"}},
		{"an output filter that rejects UDP", udp, observed(Observation{Phase: PhaseExchange, Errno: "EPERM", Call: CallSend, ICMP: unreachable4(3, testLocal.Addr(), "ECONNREFUSED")}), nil,
			Reading{Outcome: Rejected, Origin: OriginSource, Reason: "ICMP port unreachable (3/3) from 10.0.1.9, our own address: rejected on this side"}},

		// Connected, and then.
		{"reset after accept", tcp, observed(Observation{Phase: PhaseExchange, Errno: "ECONNRESET", Call: CallReceive}), nil,
			Reading{Outcome: Reset, Reason: "connected to 10.0.0.7:8080, then reset before an answer: the application or a proxy"}},
		{"closed after accept", tcp, observed(Observation{Phase: PhaseExchange, EOF: true}), nil,
			Reading{Outcome: Closed, Reason: "connected to 10.0.0.7:8080, which closed the connection without an answer: the application or a proxy"}},
		{"closed after accept, and our bytes met a reset", tcp, observed(Observation{Phase: PhaseExchange, Errno: "EPIPE"}), nil,
			Reading{Outcome: Closed, Reason: "connected to 10.0.0.7:8080, which closed the connection without an answer: the application or a proxy"}},
		{"accepted and not answered", tcp, observed(Observation{Phase: PhaseExchange, Tries: 5, DataTries: 10, Waited: 2 * time.Second}), nil,
			Reading{Outcome: Stalled, Reason: "connected to 10.0.0.7:8080, then silence for 2s: the application or a proxy does not answer"}},
		{"a large request that is not acknowledged", Attempt{Protocol: TCP, Host: "10.0.0.7", Port: 8080, Payload: 4096}, observed(Observation{Phase: PhaseExchange, DataTries: 10, Waited: 2 * time.Second, TCPInfo: &TCPInfo{Unacked: 3}}), nil,
			Reading{Outcome: Stalled, Reason: "connected to 10.0.0.7:8080, then silence for 2s: our data was not acknowledged, 4096 bytes of it: a too small MTU, or the path closed"}},
		{"an ICMP error on an established connection", tcp, observed(Observation{Phase: PhaseExchange, Errno: "ECONNREFUSED", Call: CallReceive}), nil,
			Reading{Outcome: Rejected, Origin: OriginNetwork, Reason: "connected to 10.0.0.7:8080, then an ICMP error (ECONNREFUSED): rejected on the way"}},
		{"a vague ICMP error on an established connection", tcp, observed(Observation{Phase: PhaseExchange, Errno: "EHOSTUNREACH", Call: CallReceive}), nil,
			Reading{Outcome: Unreachable, Inconclusive: true, Reason: "connected to 10.0.0.7:8080, then an ICMP error (EHOSTUNREACH): unreachable, or prohibited on the way"}},
		{"a held flow that is dropped, though its first question arrived", udp, silent(Observation{Phase: PhaseExchange, Held: true}), &Destination{Arrived: Yes},
			Reading{Outcome: Timeout, Where: WhereUnknown, Reason: "held connection: no answer to 8 datagrams in 2s and 2 rounds: dropped, or address gone"}},

		// Answers.
		{"somebody else's protocol", tcp, observed(Observation{Phase: PhaseDone, ForeignAnswer: "SSH-2.0-OpenSSH"}), nil,
			Reading{Outcome: WrongResponder, Reason: `10.0.0.7:8080 answered with "SSH-2.0-OpenSSH", which is no responder of ours`}},
		{"a foreign server that speaks no HTTP", foreign(Attempt{Protocol: HTTP}), observed(Observation{Phase: PhaseDone, ForeignAnswer: "220 mail"}), nil,
			Reading{Outcome: WrongResponder, Reason: `10.0.0.7:8080 answered with "220 mail", which is no HTTP`}},
		{"another pod", tcp, observed(Observation{Phase: PhaseDone, Nonce: nonce, Identity: &Identity{Pod: "other", UID: "uid-2", Nonce: nonce}}), nil,
			Reading{Outcome: WrongResponder, Reason: `pod other with UID "uid-2" answered, want UID "uid-1"`}},
		{"another run", tcp, observed(Observation{Phase: PhaseDone, Nonce: nonce, Identity: pod, Unsigned: true}), nil,
			Reading{Outcome: WrongResponder, Reason: "10.0.0.7:8080 answered as pod app/payroll, but without the signature of this run"}},
		{"the answer to another question", tcp, observed(Observation{Phase: PhaseDone, Nonce: Nonce{2}, Identity: pod}), nil,
			Reading{Outcome: WrongResponder, Reason: "pod app/payroll answered another question: nonce 0100000000000000, want 0200000000000000"}},
		{"the expected pod", tcp, observed(Observation{Phase: PhaseDone, Nonce: nonce, Identity: pod, Connect: 200 * time.Microsecond, Exchange: 300 * time.Microsecond}), nil,
			Reading{Outcome: Connected, Reason: "pod app/payroll answered in 500us"}},
		{"the expected pod behind source NAT", tcp, observed(Observation{Phase: PhaseDone, Nonce: nonce, Connect: time.Millisecond,
			Identity: &Identity{Pod: "payroll", UID: "uid-1", Nonce: nonce, Source: netip.MustParseAddrPort("192.0.2.11:999")}}), nil,
			Reading{Outcome: Connected, Reason: "pod payroll answered in 1ms; it saw us as 192.0.2.11:999, not 10.0.1.9:40000: source NAT or a proxy"}},
		{"a foreign handshake", foreign(tcp), observed(Observation{Phase: PhaseDone, Connect: 12 * time.Millisecond}), nil,
			Reading{Outcome: Connected, Reason: "handshake with 10.0.0.7:8080 finished in 12ms"}},
		{"a foreign HTTP server in trouble", foreign(Attempt{Protocol: HTTP}), observed(Observation{Phase: PhaseDone, HTTPStatus: 503, Connect: time.Millisecond}), nil,
			Reading{Outcome: Connected, Reason: "10.0.0.7:8080 answered HTTP 503 in 1ms"}},

		// Names.
		{"a name that does not exist", Attempt{Protocol: TCP, Host: "db", Port: 1}, Observation{Phase: PhaseLookup, Queries: []Query{
			{Name: "db.app.svc", Type: "A", Server: testRemote, Code: DNSNXDomain}, {Name: "db.app.svc", Type: "AAAA", Server: testRemote, Code: DNSNXDomain}}}, nil,
			Reading{Outcome: DNSFailure, Reason: `looking up "db": nxdomain from 10.0.0.7:8080 for db.app.svc`}},
		{"a name server that is silent, asked too seldom", Attempt{Protocol: DNS, Host: "db"}, Observation{Phase: PhaseLookup, Queries: []Query{
			{Name: "db", Type: "A", Server: testRemote, Code: DNSTimeout, Tries: 1, Elapsed: 800 * time.Millisecond}}}, nil,
			Reading{Outcome: DNSFailure, Inconclusive: true, Reason: `looking up "db": timeout: 10.0.0.7:8080 did not answer 1 question over UDP in 800ms`}},
		{"one server of two knows the name", Attempt{Protocol: DNS, Host: "db"}, Observation{Phase: PhaseLookup, Queries: []Query{
			{Name: "db", Type: "A", Server: testRemote, Code: DNSServFail}, {Name: "db", Type: "A", Server: testRemote6, Code: DNSNoError, Addresses: []netip.Addr{testRouter}}}}, nil,
			Reading{Outcome: Connected, Reason: `"db" has 1 address record, but 1 of 2 questions failed: servfail from 10.0.0.7:8080 for db`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			got := Classify(tc.attempt, tc.o, tc.d)
			if got.Outcome == Timeout || got.Outcome == Stalled {
				g.Expect(got.ErrorProbability > MaxErrorProbability).To(Equal(tc.o.Tries == 1))
				got.ErrorProbability = 0
			}
			g.Expect(got).To(Equal(tc.want))
			g.Expect(Outcomes()).To(ContainElement(got.Outcome))
		})
	}
}

func TestResultSurvivesTheWireAndIsSmall(t *testing.T) {
	g := NewWithT(t)
	o := silent(Observation{Start: time.Unix(1e9, 0).UTC(), Elapsed: 2 * time.Second, Nonce: Nonce{1, 2}, Ports: []uint16{40000, 40001, 40002, 40003, 40004},
		TCPInfo: &TCPInfo{State: "SYN_SENT", Retransmits: 2, TotalRetrans: 2, Unacked: 1, PathMTU: 1500}})
	attempt := Attempt{ID: "17", Protocol: TCP, Host: "10.0.0.7", Port: 8080}
	want := Result{ID: attempt.ID, Reading: Classify(attempt, o, nil), Observation: o}
	line, err := json.Marshal(want)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(len(line)).To(BeNumerically("<", 800), string(line))

	var got Result
	g.Expect(json.Unmarshal(line, &got)).To(Succeed())
	g.Expect(got).To(Equal(want))
	g.Expect(Classify(attempt, got.Observation, nil)).To(Equal(want.Reading), "the reading follows from the record")
}
