package probe

import (
	"fmt"
)

// classifyErrno reads an error of the system, with the ICMP message that came with it if one did. The kernel's own
// translation is in icmp_err_convert (net/ipv4/icmp.c) and icmpv6_err_convert (net/ipv6/icmp.c).
func classifyErrno(a Attempt, o Observation, d *Destination) Reading {
	if o.Phase == PhaseExchange && a.Protocol != UDP && o.ICMP == nil {
		if r, ok := classifyCut(o); ok {
			return r
		}
	}
	switch o.Errno {
	case "ECONNREFUSED":
		if o.ICMP != nil {
			return classifyICMPRefusal(a, o, d)
		}
		return classifyReset(a, o, d)
	case "ECONNRESET", "ECONNABORTED":
		return Reading{Outcome: Reset, Reason: fmt.Sprintf("connected to %s, then reset before an answer: the application or a proxy", o.Remote)}
	case "EPIPE":
		return Reading{Outcome: Closed, Reason: fmt.Sprintf("connected to %s, which closed the connection without an answer: the application or a proxy", o.Remote)}
	case "ETIMEDOUT":
		if o.Phase == PhaseExchange {
			return classifyStall(a, o)
		}
		return classifySilence(a, o, d)
	case "ENETUNREACH", "EHOSTUNREACH", "EACCES", "EPERM", "ENOPROTOOPT", "EPROTO", "ENETDOWN", "EHOSTDOWN", "ENONET":
		return classifyUnreachable(o)
	case "EINVAL":
		if o.Call == CallConnect {
			return Reading{Outcome: Unreachable, Reason: fmt.Sprintf("own route table: blackhole towards %s", o.Remote.Addr())}
		}
	}
	return Reading{Outcome: Error, Reason: fmt.Sprintf("could not ask: %s of %s: %s", o.Call, o.Remote, o.Errno)}
}

// classifyCut reads an ICMP error on an established connection, of which the kernel keeps the errno and not the message
// (tcp_v4_err): a reset would be ECONNRESET.
func classifyCut(o Observation) (r Reading, ok bool) {
	switch o.Errno {
	case "ECONNREFUSED", "EACCES", "ENOPROTOOPT":
		return Reading{Outcome: Rejected, Origin: OriginNetwork, Reason: fmt.Sprintf(
			"connected to %s, then an ICMP error (%s): rejected on the way", o.Remote, o.Errno)}, true
	case "EHOSTUNREACH", "ENETUNREACH":
		return Reading{Outcome: Unreachable, Inconclusive: true, Reason: fmt.Sprintf(
			"connected to %s, then an ICMP error (%s): unreachable, or prohibited on the way", o.Remote, o.Errno)}, true
	}
	return Reading{}, false
}

// classifyICMPRefusal reads a port-unreachable. A kernel whose port is closed sends one for UDP, from the destination's
// own address; it answers a SYN with a reset and never with ICMP, so that for TCP every such message is a filter's.
func classifyICMPRefusal(a Attempt, o Observation, d *Destination) Reading {
	reading := func(outcome Outcome, origin Origin, why string) Reading {
		return Reading{Outcome: outcome, Origin: origin, Reason: fmt.Sprintf("%s from %s%s", describeICMP(o.ICMP), o.ICMP.Offender, why)}
	}
	port := o.Remote.Port()
	switch {
	case ownAddress(o):
		return reading(Rejected, OriginSource, ", our own address: rejected on this side")
	case o.ICMP.Offender != o.Remote.Addr().WithZone(""):
		return reading(Rejected, OriginNetwork, ", not the pod: rejected on the way")
	case a.Protocol != UDP:
		return reading(Rejected, OriginNetwork, ": a closed port answers with a reset, so a filter rejected it")
	case d.Quiet && d.NoPorts > 0:
		return reading(Refused, OriginPod, fmt.Sprintf(", and the pod counted it: nothing listens on %d", port))
	case d.Quiet || d.Listening == Yes:
		return reading(Rejected, OriginNetwork, ", but the pod did not send it: rejected on the way in the pod's name")
	case d.Listening == No:
		return reading(Refused, OriginPod, fmt.Sprintf(": nothing listens on %d", port))
	default:
		return reading(Refused, OriginUnknown, fmt.Sprintf(": nothing listens on %d, or a box on the way says so; origin unknown", port))
	}
}

// classifyReset reads a refusal without ICMP: a RST, or an ABORT of SCTP. Any box on the way can forge one.
func classifyReset(a Attempt, o Observation, d *Destination) Reading {
	packet := "RST"
	if a.Protocol == SCTP {
		packet = "ABORT"
	}
	port := o.Remote.Port()
	hops := o.ResetHops
	switch {
	case d.Quiet && d.OutRsts > 0:
		return Reading{Outcome: Refused, Origin: OriginPod, Reason: fmt.Sprintf("%s from the pod itself: nothing listens on %d", packet, port)}
	case d.Quiet || d.Listening == Yes:
		return Reading{Outcome: Rejected, Origin: OriginNetwork, Reason: packet + " that the pod did not send: rejected on the way in the pod's name"}
	case hops != nil && hops.Reset != hops.Answer:
		return Reading{Outcome: Rejected, Origin: OriginNetwork, Reason: fmt.Sprintf(
			"%s arrived with hop limit %d, answers of the same address with %d: rejected on the way in the pod's name", packet, hops.Reset, hops.Answer)}
	case d.Listening == No:
		return Reading{Outcome: Refused, Origin: OriginPod, Reason: fmt.Sprintf("%s, and the pod has no listener: nothing listens on %d", packet, port)}
	case hops != nil:
		return Reading{Outcome: Refused, Origin: OriginUnknown, Reason: fmt.Sprintf(
			"%s from as far away as the pod: nothing listens on %d, or a box beside the pod says so; origin unknown", packet, port)}
	default:
		return Reading{Outcome: Refused, Origin: OriginUnknown, Reason: fmt.Sprintf(
			"%s in the pod's name: nothing listens on %d, or a box on the way says so; origin unknown", packet, port)}
	}
}

// classifyUnreachable reads the errors that say no route, or that say a policy.
func classifyUnreachable(o Observation) Reading {
	if o.ICMP != nil && o.ICMP.Version != 0 {
		from := fmt.Sprintf("%s from %s", describeICMP(o.ICMP), o.ICMP.Offender)
		switch {
		case ownAddress(o) && !prohibits(o.ICMP):
			return Reading{Outcome: Unreachable, Reason: from + ", our own address: nobody has the address, or this side has no route"}
		case !prohibits(o.ICMP) && o.Errno != "EPERM":
			return Reading{Outcome: Unreachable, Reason: from + ": no route, or nobody has the address"}
		case ownAddress(o):
			return Reading{Outcome: Rejected, Origin: OriginSource, Reason: from + ", our own address: rejected on this side"}
		case o.ICMP.Offender == o.Remote.Addr().WithZone(""):
			return Reading{Outcome: Rejected, Origin: OriginNetwork, Reason: from + ", the pod's address, but no pod says that: rejected on the way"}
		default:
			return Reading{Outcome: Rejected, Origin: OriginNetwork, Reason: from + ", not the pod: rejected on the way"}
		}
	}
	switch own := o.Call == CallConnect || o.Call == CallSend; {
	case o.Errno == "EPERM":
		return Reading{Outcome: Rejected, Origin: OriginSource, Reason: fmt.Sprintf("%s: EPERM: blocked on this side by a filter or hook, before the packet left", o.Call)}
	case o.Errno == "EACCES" && own:
		return Reading{Outcome: Rejected, Origin: OriginSource, Reason: fmt.Sprintf("own route table: towards %s is prohibited", o.Remote.Addr())}
	case o.Errno == "EACCES" || o.Errno == "ENOPROTOOPT":
		return Reading{Outcome: Rejected, Origin: OriginNetwork, Reason: o.Errno + ": prohibited on the way"}
	case own:
		return Reading{Outcome: Unreachable, Reason: fmt.Sprintf("own route table: no route to %s (%s)", o.Remote.Addr(), o.Errno)}
	default:
		return Reading{Outcome: Unreachable, Reason: fmt.Sprintf("%s after %s: no route, or nobody has the address", o.Errno, brief(o.Waited))}
	}
}

// ownAddress tells whether the ICMP message was sent by this side.
func ownAddress(o Observation) bool {
	return o.ICMP.Offender == o.Local.Addr().WithZone("") && o.Local.Addr() != o.Remote.Addr()
}

// prohibits tells the codes that state a policy from those that state a missing route or host.
func prohibits(m *ICMP) bool {
	switch {
	case m.Version == 4 && m.Type == icmpUnreachable:
		switch m.Code {
		case 2, 3, 9, 10, 13: // protocol, port; network, host, communication administratively prohibited
			return true
		}
	case m.Version == 6 && m.Type == icmp6Unreachable:
		switch m.Code {
		case 1, 4, 5, 6: // administratively prohibited, port, source address failed policy, reject route
			return true
		}
	case m.Version == 6 && m.Type == icmp6ParameterProblem:
		return true
	}
	return false
}

// ICMP types, from RFC 792 and RFC 4443.
const (
	icmpUnreachable       = 3
	icmp6Unreachable      = 1
	icmp6ParameterProblem = 4
)

var icmpNames = map[ICMP]string{
	{Version: 4, Type: 3, Code: 0}:  "network unreachable",
	{Version: 4, Type: 3, Code: 1}:  "host unreachable",
	{Version: 4, Type: 3, Code: 2}:  "protocol unreachable",
	{Version: 4, Type: 3, Code: 3}:  "port unreachable",
	{Version: 4, Type: 3, Code: 9}:  "network administratively prohibited",
	{Version: 4, Type: 3, Code: 10}: "host administratively prohibited",
	{Version: 4, Type: 3, Code: 13}: "administratively prohibited",
	{Version: 4, Type: 11, Code: 0}: "time to live exceeded",
	{Version: 6, Type: 1, Code: 0}:  "no route",
	{Version: 6, Type: 1, Code: 1}:  "administratively prohibited",
	{Version: 6, Type: 1, Code: 3}:  "address unreachable",
	{Version: 6, Type: 1, Code: 4}:  "port unreachable",
	{Version: 6, Type: 1, Code: 5}:  "source address failed policy",
	{Version: 6, Type: 1, Code: 6}:  "reject route",
	{Version: 6, Type: 3, Code: 0}:  "hop limit exceeded",
}

func describeICMP(m *ICMP) string {
	name, ok := icmpNames[ICMP{Version: m.Version, Type: m.Type, Code: m.Code}]
	if !ok {
		name = "error"
	}
	protocol := "ICMP"
	if m.Version == 6 {
		protocol = "ICMPv6"
	}
	return fmt.Sprintf("%s %s (%d/%d)", protocol, name, m.Type, m.Code)
}
