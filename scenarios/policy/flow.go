package policy

import (
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
)

// flow is one way of a connection, after the translation of a Service address.
type flow struct {
	source, receiver party
	port             int32
	protocol         protocol
	family           family
	// front is what the client dials if that is the address of a Service, a node port or a load balancer.
	front *front
}

// front is an address that is translated on the way.
type front struct {
	service *service
	// address is invalid if it is not known.
	address netip.Addr
	port    int32
	// masked: the receiver may see the address of a node instead of the client's.
	masked bool
	// node is the one that masks, nil if it may be any.
	node *node
}

// resolve turns a query into the ways that the connection can take, appended to room. None means that a Service has no backend.
func (e *Evaluator) resolve(query Query, room []flow) ([]flow, error) {
	proto, ok := protocolOf(query.Protocol)
	if !ok {
		return nil, fmt.Errorf("query protocol %q: not TCP, UDP or SCTP", query.Protocol)
	}
	if query.Port < 1 || query.Port > 65535 {
		return nil, fmt.Errorf("query port %d: not from 1 to 65535", query.Port)
	}
	source, err := e.source(query.From)
	if err != nil {
		return nil, err
	}
	at, err := e.target(query, proto)
	if err != nil {
		return nil, err
	}
	if at.loopback {
		at.who = source
	}
	f, err := e.family(query, source, at)
	if err != nil {
		return nil, err
	}
	base := flow{source: source, port: query.Port, protocol: proto, family: f}
	if at.service == nil {
		base.receiver = at.who
		return append(room, base), nil
	}
	return at.spread(base, room), nil
}

func (e *Evaluator) source(from Endpoint) (party, error) {
	switch from.Kind {
	case KindPod:
		if p := e.pods[objectName{from.Namespace, from.Name}]; p != nil {
			return party{pod: p}, nil
		}
	case KindNode:
		if n := e.nodes[from.Name]; n != nil {
			return party{node: n}, nil
		}
	case KindAddress:
		holder := e.byAddress[from.Address]
		switch {
		case !from.Address.IsValid():
			return party{}, fmt.Errorf("query source: no address")
		case from.Address.IsLoopback():
			return party{}, fmt.Errorf("query source %s: a loopback address belongs to everybody", from)
		case holder.conflict != "":
			return party{}, fmt.Errorf("query source %s: belongs to %s", from, holder.conflict)
		case holder.service != nil:
			return party{}, fmt.Errorf("query source %s: is the address of %s, which opens no connections", from, holder.service.endpoint)
		case holder.pod != nil:
			return party{pod: holder.pod}, nil
		case holder.node != nil:
			return party{node: holder.node}, nil
		}
		return party{address: from.Address}, nil
	case KindService:
		return party{}, fmt.Errorf("query source %s: a Service opens no connections", from)
	default:
		return party{}, fmt.Errorf("query source: unknown kind %q", from.Kind)
	}
	return party{}, fmt.Errorf("query source %s: not in the cluster", from)
}

// target is what a client dials: a party, or a Service by one of its addresses, or the client itself.
type target struct {
	who      party
	loopback bool
	service  *service
	// port is the Service's, nil if it has none of that number.
	port *servicePort
	// door says that the Service was dialled from outside, at the address or node port.
	door bool
	// address and node are what was dialled, for a door.
	address netip.Addr
	node    *node
}

func (e *Evaluator) target(query Query, proto protocol) (target, error) {
	to := query.To
	switch to.Kind {
	case KindPod:
		if p := e.pods[objectName{to.Namespace, to.Name}]; p != nil {
			return target{who: party{pod: p}}, nil
		}
	case KindService:
		if s := e.services[objectName{to.Namespace, to.Name}]; s != nil {
			return s.target(query.Port, proto)
		}
	case KindNode:
		if n := e.nodes[to.Name]; n != nil {
			return e.nodeTarget(n, query.Port, proto), nil
		}
	case KindAddress:
		return e.addressTarget(to, query.Port, proto)
	default:
		return target{}, fmt.Errorf("query target: unknown kind %q", to.Kind)
	}
	return target{}, fmt.Errorf("query target %s: not in the cluster", to)
}

func (s *service) target(number int32, proto protocol) (target, error) {
	if s.external {
		return target{}, fmt.Errorf("query target %s: an ExternalName Service is a name outside the cluster", s.endpoint)
	}
	port, _ := s.port(number, proto)
	return target{service: s, port: port}, nil
}

func (e *Evaluator) nodeTarget(n *node, number int32, proto protocol) target {
	if behind, ok := e.doors[door{port: number, protocol: proto}]; ok {
		return target{service: behind.service, port: &behind.service.ports[behind.port], door: true, node: n}
	}
	return target{who: party{node: n}}
}

func (e *Evaluator) addressTarget(to Endpoint, number int32, proto protocol) (target, error) {
	if !to.Address.IsValid() {
		return target{}, fmt.Errorf("query target: no address")
	}
	if to.Address.IsLoopback() {
		return target{loopback: true}, nil
	}
	if behind, ok := e.doors[door{address: to.Address, port: number, protocol: proto}]; ok {
		return target{service: behind.service, port: &behind.service.ports[behind.port], door: true, address: to.Address}, nil
	}
	holder := e.byAddress[to.Address]
	switch {
	case holder.conflict != "":
		return target{}, fmt.Errorf("query target %s: belongs to %s", to, holder.conflict)
	case holder.service != nil:
		return holder.service.target(number, proto)
	case holder.pod != nil:
		return target{who: party{pod: holder.pod}}, nil
	case holder.node != nil:
		at := e.nodeTarget(holder.node, number, proto)
		at.address = to.Address
		return at, nil
	}
	return target{who: party{address: to.Address}}, nil
}

// spread appends a flow for each backend of the target's Service.
func (t *target) spread(base flow, room []flow) []flow {
	s := t.service
	if s.headless && !t.door {
		for _, member := range s.members {
			if member.families[base.family] {
				base.receiver = member.who
				room = append(room, base)
			}
		}
		return room
	}
	if t.port == nil {
		return room
	}
	base.front = t.front(base.family)
	for _, b := range t.port.backends {
		switch {
		case !b.families[base.family]:
			continue
		case t.door && s.local && t.node != nil && b.who.pod != nil && b.who.pod.node != nil && b.who.pod.node != t.node:
			continue
		}
		base.receiver, base.port = b.who, b.port
		room = append(room, base)
	}
	return room
}

// front is what the client sees of the target.
func (t *target) front(f family) *front {
	seen := &front{service: t.service, port: t.port.number, address: t.service.addresses[f]}
	if !t.door {
		return seen
	}
	seen.masked, seen.node, seen.address = !t.service.local, t.node, t.address
	if t.node != nil {
		seen.port = t.port.nodePort
		if !seen.address.IsValid() {
			seen.address, _ = t.node.address(f)
		}
	}
	return seen
}

// family decides which addresses the connection uses.
func (e *Evaluator) family(query Query, source party, at target) (family, error) {
	var asked []family
	switch query.Family {
	case corev1.IPv4Protocol:
		asked = append(asked, ipv4)
	case corev1.IPv6Protocol:
		asked = append(asked, ipv6)
	case "":
	default:
		return 0, fmt.Errorf("query family %q: not IPv4 or IPv6", query.Family)
	}
	for _, end := range [...]Endpoint{query.From, query.To} {
		if end.Kind == KindAddress {
			asked = append(asked, familyOf(end.Address))
		}
	}
	for _, f := range asked {
		if f != asked[0] {
			return 0, fmt.Errorf("query from %s to %s: mixes IPv4 and IPv6", query.From, query.To)
		}
	}
	candidates := asked
	if len(candidates) == 0 {
		candidates = []family{ipv4, ipv6}
		if at.service != nil && !at.door {
			candidates = at.service.families
		}
	}
	for _, f := range candidates {
		if source.has(f) && at.has(f) {
			return f, nil
		}
	}
	return 0, fmt.Errorf("query from %s to %s: no common address family", query.From, query.To)
}

// has reports whether the party may have an address of a family: it has one, or none is known.
func (p party) has(f family) bool {
	switch {
	case p.pod != nil:
		return p.pod.has(f)
	case p.node != nil:
		return len(p.node.addresses[f]) > 0 || len(p.node.addresses[ipv4])+len(p.node.addresses[ipv6]) == 0
	}
	return familyOf(p.address) == f
}

func (p *pod) has(f family) bool { return p.addresses[f].IsValid() || !p.addressed() }

func (t *target) has(f family) bool {
	switch {
	case t.service == nil:
		return t.who.has(f)
	case t.address.IsValid():
		return familyOf(t.address) == f
	case t.node != nil:
		return party{node: t.node}.has(f)
	}
	for _, served := range t.service.families {
		if served == f {
			return true
		}
	}
	return false
}
