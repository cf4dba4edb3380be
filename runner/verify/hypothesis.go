package verify

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/scenarios"
)

// hypothesis is an engine with one defect, in some part of its work.
type hypothesis struct {
	Defect
	engine engine
	// scope is where the defect shows. Nil means everywhere.
	scope scope
}

// scope says whether a defect shows at an end of a knock: yes (admits), no (refuses), or nobody knows.
type scope func(k *knock, at end) level

// Hypotheses lists the defects that failing cells are explained by, the more likely ones first. The caller may change the result.
func Hypotheses() []Defect {
	var defects []Defect
	for _, h := range catalogue() {
		defects = append(defects, h.Defect)
	}
	return append(defects, stoppedEnforcing, someNamespaces)
}

// catalogue is every known defect. Their order is that of preference between those that explain the same cells.
func catalogue() []hypothesis {
	return slices.Concat(pathDefects(), ruleDefects(), selectorDefects(), blockDefects(), portDefects(), changeDefects())
}

func certainly(yes bool) level {
	if yes {
		return admits
	}
	return refuses
}

// inDirection is the egress of a source, or the ingress of a destination.
func inDirection(at end, direction scenarios.AxisName) bool {
	return (at == arriving) == (direction == scenarios.AxisIngress)
}

func onlyDirection(direction scenarios.AxisName) scope {
	return func(_ *knock, at end) level { return certainly(inDirection(at, direction)) }
}

func onlyProtocol(protocol corev1.Protocol) scope {
	return func(k *knock, at end) level {
		if at == asking {
			return certainly(protocol == corev1.ProtocolUDP)
		}
		return certainly(k.cell.Protocol == protocol)
	}
}

// onlyFamily is about the packets of a family. The family of a question to the DNS is that of the addresses that are asked for, and it goes to
// name servers of either family.
func onlyFamily(family corev1.IPFamily) scope {
	return func(k *knock, at end) level {
		if at == asking || k.cell.To.Kind == scenarios.EndpointDNS {
			return unsure
		}
		return certainly(k.cell.Family == family)
	}
}

// onlyPlacement is about pods: what is no pod is on no node in this sense.
func onlyPlacement(wanted placement) scope {
	return func(k *knock, at end) level {
		switch {
		case at == asking, k.cell.To.Kind == scenarios.EndpointDNS:
			return unsure
		case len(k.receivers) == 0:
			return refuses
		case k.placement == anywhere:
			return unsure
		}
		return certainly(k.placement == wanted)
	}
}

// onlyOn is about the pods of some nodes, whichever end they are.
func onlyOn(nodes []string) scope {
	return func(k *knock, at end) level {
		of := k.source
		if at == arriving {
			of = k.target
			if of == "" && len(k.receivers) > 0 {
				return unsure
			}
		}
		return certainly(slices.Contains(nodes, of))
	}
}

// onlyTranslated is about knocks on the address of a Service. The port of a node is translated on that node, or already on the client's.
func onlyTranslated(k *knock, at end) level {
	if at != asking && k.cell.To.Kind == scenarios.EndpointNodePort {
		return unsure
	}
	return certainly(at == asking || k.translated())
}

// onlyExternal is about knocks that leave the cluster. Whether the address of a node does is up to the engine.
func onlyExternal(k *knock, _ end) level {
	switch k.cell.To.Kind {
	case scenarios.EndpointNode, scenarios.EndpointNodePort:
		return unsure
	case scenarios.EndpointExternal, scenarios.EndpointHostName:
		return admits
	}
	return certainly(k.cell.From.Kind == scenarios.EndpointExternal)
}

// both is where two scopes hold.
func both(one, other scope) scope {
	switch {
	case one == nil:
		return other
	case other == nil:
		return one
	}
	return func(k *knock, at end) level { return min(one(k, at), other(k, at)) }
}
