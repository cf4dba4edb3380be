//go:build linux && wire

package probe_test

import (
	"fmt"
	"net"
	"time"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/probe/internal/wirebed"
)

var conditions = []condition{
	{
		name: "open",
		cells: join(both(connected), []cell{
			{protocol: probe.HTTP, want: connected},
			{protocol: probe.TCP, to: "4 KiB", tweak: func(a *probe.Attempt) { a.Payload = 4 << 10 }, want: connected},
			{protocol: probe.UDP, to: "4 KiB", tweak: func(a *probe.Attempt) { a.Payload = 4 << 10 }, want: connected},
			{protocol: probe.TCP, to: "foreign host", tweak: func(a *probe.Attempt) { a.Foreign = true }, want: connected},
			{protocol: probe.HTTP, to: "foreign host", tweak: func(a *probe.Attempt) { a.Foreign = true }, want: connected},
			{protocol: probe.SCTP, want: probe.Reading{Outcome: probe.Unsupported}},
		}),
	},
	{
		name: "nothing listens",
		cells: []cell{
			{protocol: probe.TCP, tweak: toClosedPort, want: refused},
			{protocol: probe.UDP, tweak: toClosedPort, want: refused},
			{protocol: probe.HTTP, tweak: toClosedPort, want: refused},
			{protocol: probe.TCP, tweak: toClosedPort, view: quietRound, want: podRefused},
			{protocol: probe.UDP, tweak: toClosedPort, view: quietRound, want: podRefused},
			{protocol: probe.TCP, to: "comparing hop limits", want: refused, tweak: func(a *probe.Attempt) {
				a.Port, a.OpenPort = closedPort, controlPort
			}},
		},
	},
	{
		name:  "dropped on the sender's node",
		apply: func(n *network) { n.Forward(wirebed.Node1, tested+" drop") },
		cells: join(both(dropped), seen(joined, lostThere), []cell{
			{protocol: probe.HTTP, want: dropped},
			{protocol: probe.TCP, to: "foreign host", tweak: func(a *probe.Attempt) { a.Foreign = true }, want: dropped},
			{protocol: probe.UDP, to: "foreign host", tweak: func(a *probe.Attempt) { a.Foreign = true },
				want: probe.Reading{Outcome: probe.Timeout, Where: probe.WhereUnknown, Inconclusive: true}},
			{protocol: probe.TCP, to: "one socket, unconfirmed", tweak: func(a *probe.Attempt) { a.Sockets, a.Confirm = 1, -1 },
				want: probe.Reading{Outcome: probe.Timeout, Where: probe.WhereUnknown, Inconclusive: true}},
		}),
	},
	{
		name:  "dropped on the receiver's node",
		apply: func(n *network) { n.Forward(wirebed.Node2, tested+" drop") },
		cells: join(both(dropped), seen(joined, lostThere)),
	},
	{
		name:  "answer dropped",
		apply: func(n *network) { n.Forward(wirebed.Node2, answered+" drop") },
		cells: join(both(dropped), seen(joined, lostBack)),
	},
	{
		name: "reset by a box on the way",
		apply: func(n *network) {
			n.Forward(wirebed.Node1, fmt.Sprintf("tcp dport %d reject with tcp reset", testedPort))
		},
		cells: []cell{
			{protocol: probe.TCP, want: refused},
			{protocol: probe.TCP, view: quietRound, want: rejected},
			{protocol: probe.TCP, to: "comparing hop limits", tweak: comparingHops, want: rejected},
		},
	},
	{name: "rejected: port unreachable", apply: rejects("port-unreachable", "port-unreachable"), cells: both(rejected)},
	{
		name: "rejected: port unreachable, in the pod's name",
		apply: func(n *network) {
			rejects("port-unreachable", "port-unreachable")(n)
			forge(n)
		},
		cells: []cell{
			{protocol: probe.TCP, want: rejected},
			{protocol: probe.UDP, want: refused},
			{protocol: probe.TCP, view: quietRound, want: rejected},
			{protocol: probe.UDP, view: quietRound, want: rejected},
		},
	},
	{
		name: "rejected: administratively prohibited, in the pod's name",
		apply: func(n *network) {
			rejects("host-prohibited", "admin-prohibited")(n)
			forge(n)
		},
		cells: both(rejected),
	},
	{
		name:  "rejected by a filter in the pod's own namespace",
		apply: func(n *network) { n.Input(wirebed.Server, tested+" reject with icmpx type port-unreachable") },
		cells: []cell{
			{protocol: probe.TCP, want: rejected},
			{protocol: probe.UDP, want: refused},
			{protocol: probe.UDP, view: quietRound, want: rejected},
		},
	},
	{name: "network unreachable, no route", apply: rejects("net-unreachable", "no-route"), cells: both(unreachable)},
	{name: "host or address unreachable", apply: rejects("host-unreachable", "addr-unreachable"), cells: both(unreachable)},
	{name: "network prohibited", apply: rejects("net-prohibited", ""), cells: of(probe.IPv4, both(rejected))},
	{name: "host prohibited", apply: rejects("host-prohibited", ""), cells: of(probe.IPv4, both(rejected))},
	{name: "administratively prohibited", apply: rejects("admin-prohibited", "admin-prohibited"), cells: both(rejected)},
	{name: "protocol unreachable", apply: rejects("prot-unreachable", ""), cells: of(probe.IPv4, both(rejected))},
	{name: "source address failed policy", apply: rejects("", "policy-fail"), cells: of(probe.IPv6, both(rejected))},
	{name: "reject route", apply: rejects("", "reject-route"), cells: of(probe.IPv6, both(rejected))},
	{
		name:  "own route table: none",
		apply: func(n *network) { n.IP(wirebed.Client, "route del default", "route del ::/0") },
		cells: both(unreachable),
	},
	{name: "own route table: unreachable", apply: routes(wirebed.Client, "unreachable"), cells: both(unreachable)},
	{name: "own route table: prohibit", apply: routes(wirebed.Client, "prohibit"), cells: both(blockedHere)},
	{name: "own route table: blackhole", apply: routes(wirebed.Client, "blackhole"), cells: both(unreachable)},
	{name: "router's route: unreachable", apply: routes(wirebed.Node1, "unreachable"), atOnce: 2, limited: true, cells: both(unreachable)},
	{name: "router's route: prohibit", apply: routes(wirebed.Node1, "prohibit"), atOnce: 2, limited: true, cells: both(rejected)},
	{name: "router's route: blackhole", apply: routes(wirebed.Node1, "blackhole"), cells: both(dropped)},
	{
		name:  "address gone",
		apply: removeServer,
		cells: []cell{ // on a busy machine the attempt takes so long that it sees the truth, or the limit of its messages
			{protocol: probe.TCP, tweak: impatiently, want: dropped, or: unreachable, maybe: true},
			{protocol: probe.UDP, tweak: impatiently, want: dropped, or: unreachable, maybe: true},
		},
	},
	{
		name:   "address gone, and a timeout of 3.2 s",
		apply:  removeServer,
		atOnce: 40, // what the router keeps while it looks for the address
		cells: []cell{
			{protocol: probe.TCP, tweak: patiently, want: unreachable},
			{protocol: probe.UDP, tweak: patiently, want: unreachable},
		},
	},
	{
		name:  "dropped by the sender's own output filter",
		apply: func(n *network) { n.Output(wirebed.Client, tested+" drop") },
		cells: []cell{{protocol: probe.TCP, want: dropped}, {protocol: probe.UDP, want: blockedHere}},
	},
	{
		name:  "rejected by the sender's own output filter",
		apply: func(n *network) { n.Output(wirebed.Client, tested+" reject with icmpx type port-unreachable") },
		cells: both(blockedHere),
	},
	{
		name:  "accept queue full",
		apply: func(n *network) { n.fillBacklog(wirebed.Server, applicationPort) },
		cells: []cell{
			{protocol: probe.TCP, tweak: toApplication, want: dropped},
			{protocol: probe.TCP, tweak: toApplication, view: quietBatch, want: lostInPod},
		},
	},
	{
		name: "path too narrow, its messages lost",
		apply: func(n *network) {
			n.IP(wirebed.Node1, "link set right mtu 1400")
			n.IP(wirebed.Node2, "link set left mtu 1400")
			n.Output(wirebed.Node1, "icmp type destination-unreachable drop", "icmpv6 type packet-too-big drop")
		},
		cells: []cell{
			{protocol: probe.TCP, to: "64 B", tweak: func(a *probe.Attempt) { a.Payload = 64 }, want: connected},
			{protocol: probe.TCP, to: "1,000 B", tweak: func(a *probe.Attempt) { a.Payload = 1000 }, want: connected},
			{protocol: probe.TCP, to: "4 KiB", tweak: func(a *probe.Attempt) { a.Payload = 4 << 10 }, want: probe.Reading{Outcome: probe.Stalled}},
		},
	},
	{
		name: "reset after accept",
		apply: application(func(c *net.TCPConn) {
			c.SetLinger(0)
			c.Read(make([]byte, 1))
		}),
		cells: []cell{{protocol: probe.TCP, tweak: toApplication, want: probe.Reading{Outcome: probe.Reset}}},
	},
	{
		name:  "closed after accept",
		apply: application(func(c *net.TCPConn) { readRequest(c) }),
		cells: []cell{
			{protocol: probe.TCP, tweak: toApplication, want: probe.Reading{Outcome: probe.Closed}},
			{protocol: probe.HTTP, tweak: toApplication, want: probe.Reading{Outcome: probe.Closed}},
		},
	},
	{
		name: "accepted and never answered",
		apply: func(n *network) {
			application(func(c *net.TCPConn) {
				c.SetReadDeadline(time.Now().Add(10 * time.Second))
				readRequest(c)
				c.Read(make([]byte, 1))
			})(n)
			n.receive(wirebed.Server, applicationPort)
		},
		cells: []cell{
			{protocol: probe.TCP, tweak: toApplication, want: probe.Reading{Outcome: probe.Stalled}},
			{protocol: probe.HTTP, tweak: toApplication, want: probe.Reading{Outcome: probe.Stalled}},
			{protocol: probe.UDP, tweak: toApplication, want: dropped},
			{protocol: probe.UDP, tweak: toApplication, view: quietBatch, want: lostInPod},
		},
	},
	{
		name: "a proxy accepts everything and has no upstream",
		apply: func(n *network) {
			n.accept(wirebed.Node2, applicationPort, func(c *net.TCPConn) { readRequest(c) })
			n.Redirect(wirebed.Node2, fmt.Sprintf("tcp dport %d", closedPort), applicationPort)
		},
		cells: []cell{
			{protocol: probe.TCP, tweak: toClosedPort, want: probe.Reading{Outcome: probe.Closed}},
			{protocol: probe.TCP, to: "foreign host", want: connected, tweak: func(a *probe.Attempt) { a.Port, a.Foreign = closedPort, true }},
		},
	},
	{
		name: "another pod answers",
		apply: func(n *network) {
			n.respond(wirebed.Node2, probe.Identity{Pod: "other", UID: "uid-of-other"}, applicationPort)
			n.Redirect(wirebed.Node2, tested, applicationPort)
		},
		cells: join(both(probe.Reading{Outcome: probe.WrongResponder}), []cell{
			{protocol: probe.HTTP, want: probe.Reading{Outcome: probe.WrongResponder}},
			{protocol: probe.TCP, to: "any responder of ours", tweak: func(a *probe.Attempt) { a.UID = "" }, want: connected},
		}),
	},
	{
		name:  "a server of another protocol answers",
		apply: application(func(c *net.TCPConn) { c.Write([]byte("SSH-2.0-OpenSSH_9.9\r\n")); readRequest(c) }),
		cells: []cell{
			{protocol: probe.TCP, tweak: toApplication, want: probe.Reading{Outcome: probe.WrongResponder}},
			{protocol: probe.HTTP, tweak: toApplication, want: probe.Reading{Outcome: probe.WrongResponder}},
		},
	},
	{
		name:  "open, 1 % of the packets lost",
		apply: loses(1),
		cells: lossy(0.01, false, connected),
	},
	{
		name:  "open, 10 % of the packets lost",
		apply: loses(10),
		cells: lossy(0.1, true, connected),
	},
	{
		name:  "open, 30 % of the packets lost",
		apply: loses(30),
		cells: lossy(0.3, true, connected),
	},
	{
		name:  "nothing listens, 30 % of the packets lost",
		apply: loses(30),
		cells: []cell{
			{protocol: probe.TCP, tweak: func(a *probe.Attempt) { a.Port, a.Loss = closedPort, 0.3 }, maybe: true, want: refused},
			{protocol: probe.UDP, tweak: func(a *probe.Attempt) { a.Port, a.Loss = closedPort, 0.3 }, maybe: true, want: refused},
		},
	},
	{
		name: "dropped, 30 % of the other packets lost",
		apply: func(n *network) {
			loses(30)(n)
			n.Forward(wirebed.Node2, tested+" drop")
		},
		cells: lossy(0.3, true, dropped),
	},
	{
		name:  "200 ms of delay in each direction",
		apply: func(n *network) { n.Delay(200 * time.Millisecond) },
		cells: join(both(connected), []cell{
			{protocol: probe.TCP, to: "round trip known", tweak: func(a *probe.Attempt) { a.RTT = 400 * time.Millisecond }, want: connected},
			{protocol: probe.HTTP, want: connected},
			{protocol: probe.TCP, to: "closed port", tweak: toClosedPort, want: refused},
			{protocol: probe.UDP, to: "closed port", tweak: toClosedPort, want: refused},
		}),
	},
	{
		name: "dropped after 200 ms of delay in each direction",
		apply: func(n *network) {
			n.Delay(200 * time.Millisecond)
			n.Forward(wirebed.Node2, tested+" drop")
		},
		cells: both(dropped),
	},
	{name: "established, then nothing changes", cells: holding(connected, connected)},
	{
		name:      "established, then dropped, but established flows are accepted first",
		apply:     func(n *network) { n.Forward(wirebed.Node1, "ct state established accept") },
		meanwhile: func(n *network) { n.Forward(wirebed.Node1, tested+" drop") },
		cells:     holding(connected, connected),
	},
	{
		name:      "established, then dropped",
		meanwhile: func(n *network) { n.Forward(wirebed.Node1, tested+" drop") },
		cells:     holding(probe.Reading{Outcome: probe.Stalled}, dropped),
	},
	{
		name: "established, then reset",
		meanwhile: func(n *network) {
			n.Forward(wirebed.Node1, fmt.Sprintf("tcp dport %d reject with tcp reset", testedPort))
		},
		cells: holding(probe.Reading{Outcome: probe.Reset}, connected),
	},
	{
		name:      "established, then rejected: administratively prohibited",
		meanwhile: rejects("admin-prohibited", "admin-prohibited"),
		cells: join(
			of(probe.IPv4, holding(probe.Reading{Outcome: probe.Unreachable, Inconclusive: true}, rejected)),
			of(probe.IPv6, holding(rejected, rejected))),
	},
	{
		name:      "established, then rejected: port unreachable",
		meanwhile: rejects("port-unreachable", "port-unreachable"),
		cells:     holding(rejected, rejected),
	},
	{
		name: "source address translated on the way",
		apply: func(n *network) {
			n.Chain(wirebed.Node2, "nat hook postrouting priority 100", "masquerade")
		},
		cells: both(connected),
	},
}
