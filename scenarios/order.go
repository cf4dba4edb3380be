package scenarios

import (
	"cmp"
	"slices"
)

// compareCells orders cells by source, target, port, protocol and family, each as the file lists them.
func (e *expander) compareCells(a, b Cell) int {
	return cmp.Or(
		e.compareEndpoints(a.From, b.From),
		e.compareEndpoints(a.To, b.To),
		cmp.Compare(e.portRank(a), e.portRank(b)),
		cmp.Compare(a.Port, b.Port),
		cmp.Compare(b.Protocol, a.Protocol), // UDP before TCP, as DNS asks
		slices.Index(e.families, a.Family)-slices.Index(e.families, b.Family),
	)
}

// endpointOrder is the order of kinds in a matrix.
var endpointOrder = []EndpointKind{
	EndpointPod, EndpointService, EndpointServiceName, EndpointNodePort, EndpointNode, EndpointDNS, EndpointHostName, EndpointExternal,
}

func (e *expander) compareEndpoints(a, b Endpoint) int {
	rankA, rankB := e.endpointRank(a), e.endpointRank(b)
	return cmp.Or(slices.Compare(rankA[:], rankB[:]), cmp.Compare(a.Name, b.Name))
}

// endpointRank is the place of an endpoint: its kind, its place in its section of the file, and that of the pod whose node it is.
func (e *expander) endpointRank(endpoint Endpoint) [3]int {
	rank, ok := e.endpointRanks[endpoint]
	if !ok {
		rank = [3]int{
			slices.Index(endpointOrder, endpoint.Kind), e.nameRank(endpoint),
			slices.Index(e.scenario.podNames(), endpoint.Node),
		}
		e.endpointRanks[endpoint] = rank
	}
	return rank
}

// nameRank is the place of an endpoint in its section of the file.
func (e *expander) nameRank(endpoint Endpoint) int {
	switch endpoint.Kind {
	case EndpointPod:
		return slices.Index(e.scenario.podNames(), endpoint.Name)
	case EndpointService, EndpointServiceName, EndpointNodePort:
		return slices.IndexFunc(e.scenario.Services, func(s Service) bool { return s.Name == endpoint.Name })
	case EndpointExternal:
		return slices.IndexFunc(e.scenario.External, func(x External) bool { return x.Name == endpoint.Name })
	}
	return 0
}

// portRank is the place of a cell's port among those that the target declares; undeclared ones come last.
func (e *expander) portRank(c Cell) int {
	k := knock{c.To, c.Port, c.Protocol}
	rank, ok := e.portRanks[k]
	if !ok {
		ports, _ := e.scenario.declaredPorts(c.To)
		rank = slices.IndexFunc(ports, func(p Port) bool { return p.Number == c.Port && p.Protocol == c.Protocol })
		if rank < 0 {
			rank = len(ports)
		}
		e.portRanks[k] = rank
	}
	return rank
}
