package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// service is a Service, compiled.
type service struct {
	endpoint Endpoint
	// addresses are its cluster addresses; invalid where they are not known.
	addresses [2]netip.Addr
	// families are in the Service's order of preference.
	families []family
	// headless: its name resolves to the addresses of its members, which are dialled directly.
	headless bool
	// external: an alias for a name outside the cluster (type ExternalName).
	external bool
	// local: connections from outside are handed to backends of the node they arrive at and keep their source (externalTrafficPolicy).
	local   bool
	members []backend
	ports   []servicePort
}

// servicePort is one port of a Service and where it leads.
type servicePort struct {
	number   int32
	protocol protocol
	nodePort int32
	backends []backend
}

// backend is where a connection to a Service can end.
type backend struct {
	who party
	// port is that of the receiver; 0 for the members of a headless Service, which are dialled at the port that the client names.
	port     int32
	families [2]bool
}

// door is an address and port that lead to a Service from outside the cluster; a node port is a door at every node and has no address.
type door struct {
	address  netip.Addr
	port     int32
	protocol protocol
}

// entrance is what is behind a door.
type entrance struct {
	service *service
	port    int
}

// port finds a port of the Service.
func (s *service) port(number int32, proto protocol) (*servicePort, bool) {
	for i := range s.ports {
		if s.ports[i].number == number && s.ports[i].protocol == proto {
			return &s.ports[i], true
		}
	}
	return nil, false
}

func (c *compiler) services() {
	slicesOf := map[objectName][]*discoveryv1.EndpointSlice{}
	for i := range c.cluster.EndpointSlices {
		slice := &c.cluster.EndpointSlices[i]
		name := objectName{slice.Namespace, slice.Labels[discoveryv1.LabelServiceName]}
		slicesOf[name] = append(slicesOf[name], slice)
	}
	objects := map[objectName]*corev1.Service{}
	for i := range c.cluster.Services {
		object := &c.cluster.Services[i]
		name := objectName{object.Namespace, object.Name}
		var err error
		switch {
		case object.Name == "":
			err = errUnnamed
		case object.Namespace == "":
			err = errNoNamespace
		case objects[name] != nil:
			err = errDuplicate
		}
		if err != nil {
			c.fault("service", object.Namespace+"/"+object.Name, err)
			continue
		}
		objects[name] = object
	}
	for _, name := range sortedKeys(objects, compareNames) {
		if err := c.service(objects[name], slicesOf[name]); err != nil {
			c.fault("service", name.namespace+"/"+name.name, err)
		}
	}
}

func (c *compiler) service(object *corev1.Service, endpointSlices []*discoveryv1.EndpointSlice) error {
	compiled := &service{
		endpoint: Service(object.Namespace, object.Name),
		headless: object.Spec.ClusterIP == corev1.ClusterIPNone,
		external: object.Spec.Type == corev1.ServiceTypeExternalName,
		local:    object.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal,
	}
	if err := compiled.readAddresses(&object.Spec); err != nil {
		return err
	}
	for _, port := range object.Spec.Ports {
		proto, ok := protocolOf(port.Protocol)
		if !ok {
			return fmt.Errorf("port %d: unknown protocol %q", port.Port, port.Protocol)
		}
		compiled.ports = append(compiled.ports, servicePort{number: port.Port, protocol: proto, nodePort: port.NodePort})
	}
	var err error
	if len(endpointSlices) > 0 {
		err = c.backendsFromSlices(compiled, object, endpointSlices)
	} else {
		c.backendsFromSelector(compiled, object)
	}
	if err != nil {
		return err
	}
	for f := range compiled.addresses {
		if compiled.addresses[f].IsValid() {
			c.claim(compiled.addresses[f], owner{service: compiled})
		}
	}
	c.evaluator.services[objectName{object.Namespace, object.Name}] = compiled
	return c.doors(compiled, &object.Spec, &object.Status)
}

func (s *service) readAddresses(spec *corev1.ServiceSpec) error {
	addresses := spec.ClusterIPs
	if len(addresses) == 0 && spec.ClusterIP != "" {
		addresses = []string{spec.ClusterIP}
	}
	for _, spelled := range addresses {
		if spelled == corev1.ClusterIPNone {
			continue
		}
		address, err := netip.ParseAddr(spelled)
		if err != nil {
			return fmt.Errorf("cluster address %q: %w", spelled, err)
		}
		address = address.Unmap()
		s.addresses[familyOf(address)] = address
		s.families = append(s.families, familyOf(address))
	}
	if len(s.families) > 0 {
		return nil
	}
	for _, listed := range spec.IPFamilies {
		switch listed {
		case corev1.IPv4Protocol:
			s.families = append(s.families, ipv4)
		case corev1.IPv6Protocol:
			s.families = append(s.families, ipv6)
		default:
			return fmt.Errorf("unknown IP family %q", listed)
		}
	}
	if len(s.families) == 0 {
		s.families = []family{ipv4, ipv6}
	}
	return nil
}

// backendsFromSelector does what the endpoint slice controller will do: the ready pods of the namespace that the selector matches, each at
// the target port as that pod declares it.
func (c *compiler) backendsFromSelector(s *service, object *corev1.Service) {
	if len(object.Spec.Selector) == 0 {
		return
	}
	selector := labels.SelectorFromSet(object.Spec.Selector)
	for _, name := range sortedKeys(c.evaluator.pods, compareNames) {
		p := c.evaluator.pods[name]
		switch {
		case name.namespace != object.Namespace, p.finished, !selector.Matches(c.evaluator.classes[p.class].labels),
			!p.ready && !object.Spec.PublishNotReadyAddresses:
			continue
		}
		member := backend{who: party{pod: p}, families: [2]bool{p.has(ipv4), p.has(ipv6)}}
		s.members = append(s.members, member)
		for i, port := range object.Spec.Ports {
			number, found := targetPort(p, port, s.ports[i].protocol)
			if !found {
				continue
			}
			member.port = number
			s.ports[i].backends = append(s.ports[i].backends, member)
		}
	}
}

// targetPort is the pod's port behind a Service's port; without a targetPort the same number.
func targetPort(p *pod, port corev1.ServicePort, proto protocol) (int32, bool) {
	switch {
	case port.TargetPort.Type == intstr.String:
		return p.lookup(port.TargetPort.StrVal, proto)
	case port.TargetPort.IntVal == 0:
		return port.Port, true
	}
	return port.TargetPort.IntVal, true
}

// backendsFromSlices reads the ready endpoints. One pod in slices of both families is one backend.
func (c *compiler) backendsFromSlices(s *service, object *corev1.Service, endpointSlices []*discoveryv1.EndpointSlice) error {
	slices.SortFunc(endpointSlices, func(a, b *discoveryv1.EndpointSlice) int { return strings.Compare(a.Name, b.Name) })
	for _, slice := range endpointSlices {
		families := [2]bool{
			ipv4: slice.AddressType == discoveryv1.AddressTypeIPv4,
			ipv6: slice.AddressType == discoveryv1.AddressTypeIPv6,
		}
		if families == [2]bool{} {
			continue
		}
		for _, endpoint := range slice.Endpoints {
			if endpoint.Conditions.Ready != nil && !*endpoint.Conditions.Ready {
				continue
			}
			who, err := c.receiver(slice.Namespace, endpoint)
			if err != nil {
				return fmt.Errorf("endpoint slice %q: %w", slice.Name, err)
			}
			s.members = addBackend(s.members, backend{who: who, families: families})
			for i, port := range object.Spec.Ports {
				for _, offered := range slice.Ports {
					if s.ports[i].offeredAs(port.Name, offered) {
						s.ports[i].backends = addBackend(s.ports[i].backends, backend{who: who, port: *offered.Port, families: families})
					}
				}
			}
		}
	}
	sortBackends(s.members)
	for i := range s.ports {
		sortBackends(s.ports[i].backends)
	}
	return nil
}

// offeredAs reports whether an endpoint slice's port is that of the Service: the same name and protocol.
func (p *servicePort) offeredAs(name string, offered discoveryv1.EndpointPort) bool {
	if offered.Port == nil {
		return false
	}
	offeredName, offeredProtocol := "", corev1.ProtocolTCP
	if offered.Name != nil {
		offeredName = *offered.Name
	}
	if offered.Protocol != nil {
		offeredProtocol = *offered.Protocol
	}
	return offeredName == name && offeredProtocol == p.protocol.api()
}

// receiver is the pod that an endpoint refers to, or whose address it has, or else the node or the address itself.
func (c *compiler) receiver(home string, endpoint discoveryv1.Endpoint) (party, error) {
	if ref := endpoint.TargetRef; ref != nil && ref.Kind == "Pod" {
		namespace := ref.Namespace
		if namespace == "" {
			namespace = home
		}
		if p := c.evaluator.pods[objectName{namespace, ref.Name}]; p != nil {
			return party{pod: p}, nil
		}
	}
	if len(endpoint.Addresses) == 0 {
		return party{}, errors.New("endpoint without an address")
	}
	address, err := netip.ParseAddr(endpoint.Addresses[0])
	if err != nil {
		return party{}, fmt.Errorf("endpoint address %q: %w", endpoint.Addresses[0], err)
	}
	address = address.Unmap()
	switch holder := c.evaluator.byAddress[address]; {
	case holder.pod != nil:
		return party{pod: holder.pod}, nil
	case holder.node != nil:
		return party{node: holder.node}, nil
	}
	return party{address: address}, nil
}

func addBackend(backends []backend, added backend) []backend {
	for i := range backends {
		if backends[i].who == added.who && backends[i].port == added.port {
			backends[i].families[ipv4] = backends[i].families[ipv4] || added.families[ipv4]
			backends[i].families[ipv6] = backends[i].families[ipv6] || added.families[ipv6]
			return backends
		}
	}
	return append(backends, added)
}

func sortBackends(backends []backend) {
	slices.SortFunc(backends, func(a, b backend) int {
		if order := strings.Compare(a.who.endpoint().String(), b.who.endpoint().String()); order != 0 {
			return order
		}
		return int(a.port - b.port)
	})
}

// doors records node ports, external addresses and load balancer addresses. The first Service, by name, has a door.
func (c *compiler) doors(s *service, spec *corev1.ServiceSpec, status *corev1.ServiceStatus) error {
	spelled := slices.Clone(spec.ExternalIPs)
	for _, point := range status.LoadBalancer.Ingress {
		if point.IP != "" {
			spelled = append(spelled, point.IP)
		}
	}
	var addresses []netip.Addr
	for _, text := range spelled {
		address, err := netip.ParseAddr(text)
		if err != nil {
			return fmt.Errorf("external address %q: %w", text, err)
		}
		addresses = append(addresses, address.Unmap())
	}
	open := func(at door, port int) {
		if _, taken := c.evaluator.doors[at]; !taken {
			c.evaluator.doors[at] = entrance{service: s, port: port}
		}
	}
	for i, port := range s.ports {
		if port.nodePort != 0 {
			open(door{port: port.nodePort, protocol: port.protocol}, i)
		}
		for _, address := range addresses {
			open(door{address: address, port: port.number, protocol: port.protocol}, i)
		}
	}
	return nil
}
