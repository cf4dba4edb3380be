package verify

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/scenarios"
)

// enforcesNothing is the name of the defect of an engine that is not there.
const enforcesNothing = "enforces-nothing"

// pathDefects are engines that do not look at some traffic, or at the wrong moment.
func pathDefects() []hypothesis {
	open := engine{idle: true}
	return []hypothesis{
		{Defect{enforcesNothing, "It enforces no policy.", ""}, open, nil},
		{Defect{"ignores-ingress", "It does not enforce ingress: whatever comes in is let in.", scenarios.AxisIngress},
			open, onlyDirection(scenarios.AxisIngress)},
		{Defect{"ignores-egress", "It does not enforce egress: whatever goes out is let out.", scenarios.AxisEgress},
			open, onlyDirection(scenarios.AxisEgress)},
		{Defect{"tcp-unfiltered", "It does not filter TCP.", scenarios.AxisTCP}, open, onlyProtocol(corev1.ProtocolTCP)},
		{Defect{"udp-unfiltered", "It does not filter UDP.", scenarios.AxisUDP}, open, onlyProtocol(corev1.ProtocolUDP)},
		{Defect{"sctp-unfiltered", "It does not filter SCTP.", scenarios.AxisSCTP}, open, onlyProtocol(corev1.ProtocolSCTP)},
		{Defect{"ipv4-unfiltered", "It does not filter IPv4.", scenarios.AxisIPv4}, open, onlyFamily(corev1.IPv4Protocol)},
		{Defect{"ipv6-unfiltered", "It does not filter IPv6.", scenarios.AxisIPv6}, open, onlyFamily(corev1.IPv6Protocol)},
		{Defect{"same-node-unfiltered", "It does not filter the traffic between pods of one node.", scenarios.AxisSameNode},
			open, onlyPlacement(sameNode)},
		{Defect{"other-node-unfiltered", "It does not filter the traffic between pods of different nodes.", scenarios.AxisOtherNode},
			open, onlyPlacement(otherNode)},
		{Defect{"services-unfiltered", "It does not filter traffic to the address of a Service.", scenarios.AxisClusterIP},
			open, onlyTranslated},
		{Defect{"services-egress-unfiltered", "It does not enforce egress for traffic to the address of a Service.", scenarios.AxisClusterIP},
			open, both(onlyTranslated, onlyDirection(scenarios.AxisEgress))},
		{Defect{"services-unfiltered-where-translated",
			"It does not filter traffic to the address of a Service where that is translated, which is the client's node.", scenarios.AxisClusterIP},
			open, onlyWhereTranslated},
		{Defect{"external-unfiltered", "It does not filter traffic with addresses outside the cluster.", scenarios.AxisExternal},
			open, onlyExternal},
		{Defect{"stateless", "It judges the answers of a connection like new connections.", scenarios.AxisReplies},
			engine{forgetful: true}, nil},
	}
}

// onlyWhereTranslated is about knocks on the address of a Service, on the node of the client.
func onlyWhereTranslated(k *knock, at end) level {
	if at == arriving {
		return min(onlyTranslated(k, at), onlyPlacement(sameNode)(k, at))
	}
	return onlyTranslated(k, at)
}
