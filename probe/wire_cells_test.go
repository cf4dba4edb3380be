//go:build linux && wire

package probe_test

import (
	"fmt"
	"net"
	"time"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/probe/internal/wirebed"
)

// tested matches packets towards the tested port, answered those that come back from it.
var (
	tested   = fmt.Sprintf("meta l4proto { tcp, udp } th dport %d", testedPort)
	answered = fmt.Sprintf("meta l4proto { tcp, udp } th sport %d", testedPort)
)

var (
	connected   = probe.Reading{Outcome: probe.Connected}
	unreachable = probe.Reading{Outcome: probe.Unreachable}
	dropped     = probe.Reading{Outcome: probe.Timeout, Where: probe.WhereUnknown}
	lostThere   = probe.Reading{Outcome: probe.Timeout, Where: probe.WhereForward}
	lostBack    = probe.Reading{Outcome: probe.Timeout, Where: probe.WhereReturn}
	lostInPod   = probe.Reading{Outcome: probe.Timeout, Where: probe.WhereDestination}
	refused     = probe.Reading{Outcome: probe.Refused, Origin: probe.OriginUnknown}
	podRefused  = probe.Reading{Outcome: probe.Refused, Origin: probe.OriginPod}
	rejected    = probe.Reading{Outcome: probe.Rejected, Origin: probe.OriginNetwork}
	blockedHere = probe.Reading{Outcome: probe.Rejected, Origin: probe.OriginSource}
)

// both asks over TCP and UDP.
func both(want probe.Reading) []cell {
	return []cell{{protocol: probe.TCP, want: want}, {protocol: probe.UDP, want: want}}
}

// seen asks over TCP and UDP and judges by more than the prober's own observation.
func seen(v view, want probe.Reading) []cell {
	return []cell{{protocol: probe.TCP, view: v, want: want}, {protocol: probe.UDP, view: v, want: want}}
}

// rejects has node1 answer the tested port with an ICMP error, of one type for each family. An empty type rejects nothing.
func rejects(icmp, icmpv6 string) func(*network) {
	return func(n *network) {
		if icmp != "" {
			n.Forward(wirebed.Node1, "meta nfproto ipv4 "+tested+" reject with icmp type "+icmp)
		}
		if icmpv6 != "" {
			n.Forward(wirebed.Node1, "meta nfproto ipv6 "+tested+" reject with icmpv6 type "+icmpv6)
		}
	}
}

// forge gives the ICMP errors that node1 sends the server's address as their source.
func forge(n *network) {
	n.Chain(wirebed.Node1, "filter hook postrouting priority 0",
		fmt.Sprintf("icmp type destination-unreachable ip saddr set %s", wirebed.Server4),
		fmt.Sprintf("icmpv6 type destination-unreachable ip6 saddr set %s", wirebed.Server6))
}

// of restricts cells to one family.
func of(family probe.Family, cells []cell) []cell {
	for i := range cells {
		cells[i].family = family
	}
	return cells
}

func join(groups ...[]cell) (cells []cell) {
	for _, group := range groups {
		cells = append(cells, group...)
	}
	return cells
}

func toClosedPort(a *probe.Attempt) { a.Port = closedPort }

func comparingHops(a *probe.Attempt) { a.OpenPort = controlPort }

// routes gives the place routes to the server's two addresses, such as "unreachable".
func routes(place wirebed.Place, kind string) func(*network) {
	return func(n *network) {
		n.IP(place, fmt.Sprintf("route add %s %s/32", kind, wirebed.Server4), fmt.Sprintf("route add %s %s/128", kind, wirebed.Server6))
	}
}

// application starts a program at the server that is no responder of ours.
func application(handle func(*net.TCPConn)) func(*network) {
	return func(n *network) { n.accept(wirebed.Server, applicationPort, handle) }
}

const applicationPort = 6060

func toApplication(a *probe.Attempt) { a.Port = applicationPort }

// loses drops packets at random in each direction, those of the tested protocols alone.
func loses(percent int) func(*network) {
	return func(n *network) {
		n.Forward(wirebed.Node1, fmt.Sprintf("meta l4proto { tcp, udp, icmp, icmpv6 } numgen random mod 1000 < %d drop", 10*percent))
	}
}

// lossy asks over TCP and UDP with the loss known. Where maybe is set the result may be inconclusive, but never wrong.
func lossy(loss float64, maybe bool, want probe.Reading) []cell {
	cells := both(want)
	for i := range cells {
		cells[i].maybe, cells[i].tweak = maybe, func(a *probe.Attempt) { a.Loss = loss }
	}
	return cells
}

// holding asks, holds the connection and asks again. The condition changes meanwhile.
func holding(overTCP, overUDP probe.Reading) []cell {
	hold := func(a *probe.Attempt) { a.Hold = 4 * time.Second }
	return []cell{
		{protocol: probe.TCP, to: "held", tweak: hold, want: overTCP},
		{protocol: probe.UDP, to: "held", tweak: hold, want: overUDP},
	}
}

// removeServer takes the server's addresses away, while the router still has a route to them.
func removeServer(n *network) {
	n.IP(wirebed.Server, fmt.Sprintf("address del %s/24 dev left", wirebed.Server4), fmt.Sprintf("address del %s/64 dev left", wirebed.Server6))
	n.IP(wirebed.Node2, "neighbour flush all")
}

func patiently(a *probe.Attempt) { a.Timeout = 3200 * time.Millisecond }

func impatiently(a *probe.Attempt) { a.ICMPWait = -1 }
