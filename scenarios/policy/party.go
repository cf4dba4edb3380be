package policy

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// family indexes arrays with one entry for each IP family.
type family int

const (
	ipv4 family = iota
	ipv6
)

func familyOf(address netip.Addr) family {
	if address.Is4() {
		return ipv4
	}
	return ipv6
}

// api is the family's name in API objects.
func (f family) api() corev1.IPFamily {
	return [...]corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}[f]
}

// namespace is a namespace and its labels as the API server would have them.
type namespace struct {
	name   string
	labels labels.Set
}

// class is a set of pods that no policy can tell apart by labels: same namespace, same labels.
type class struct {
	namespace *namespace
	labels    labels.Set
	// inhabited: a pod that has not finished is of this class.
	inhabited bool
}

// portName is a named port that a pod declares.
type portName struct {
	name     string
	protocol protocol
	number   int32
	// first: no container before declares the same name and protocol.
	first bool
}

// pod is a pod, compiled.
type pod struct {
	endpoint Endpoint
	class    int
	// node is nil if it is not known.
	node *node
	// host: the pod shares the network of its node.
	host bool
	// addresses are invalid where they are not known.
	addresses [2]netip.Addr
	names     []portName
	finished  bool
	ready     bool
}

// addressed reports whether any address of the pod is known.
func (p *pod) addressed() bool { return p.addresses[ipv4].IsValid() || p.addresses[ipv6].IsValid() }

// node is a node, compiled.
type node struct {
	endpoint Endpoint
	// addresses are all of its addresses, in the order of its status.
	addresses [2][]netip.Addr
	// ranges are its pod CIDRs: traffic of the node may carry an address out of them (tunnel or bridge interfaces).
	ranges []netip.Prefix
}

// party is who a connection comes from or goes to: a pod, or a node, or else an address outside.
type party struct {
	pod     *pod
	node    *node
	address netip.Addr
}

func (p party) endpoint() Endpoint {
	switch {
	case p.pod != nil:
		return p.pod.endpoint
	case p.node != nil:
		return p.node.endpoint
	}
	return Address(p.address)
}

// hosted reports whether the party is a pod in its node's network.
func (p party) hosted() bool { return p.pod != nil && p.pod.host }

// compilePod reads what verdicts need from a pod. The node is looked up by the caller.
func compilePod(object *corev1.Pod) (*pod, error) {
	p := &pod{
		endpoint: Pod(object.Namespace, object.Name),
		host:     object.Spec.HostNetwork,
		finished: object.Status.Phase == corev1.PodSucceeded || object.Status.Phase == corev1.PodFailed,
		ready:    true,
	}
	for _, condition := range object.Status.Conditions {
		if condition.Type == corev1.PodReady {
			p.ready = condition.Status == corev1.ConditionTrue
		}
	}
	ips := object.Status.PodIPs
	if len(ips) == 0 && object.Status.PodIP != "" {
		ips = []corev1.PodIP{{IP: object.Status.PodIP}}
	}
	for _, ip := range ips {
		address, err := netip.ParseAddr(ip.IP)
		if err != nil {
			return nil, fmt.Errorf("address %q: %w", ip.IP, err)
		}
		address = address.Unmap()
		if !p.addresses[familyOf(address)].IsValid() {
			p.addresses[familyOf(address)] = address
		}
	}
	p.names = portNames(&object.Spec)
	return p, nil
}

// portNames lists the named ports of a pod in the order in which the endpoint slice controller looks them up: containers first, then the
// init containers that keep running. Ports of other init containers are gone when the pod serves.
func portNames(spec *corev1.PodSpec) []portName {
	var names []portName
	declare := func(container *corev1.Container) {
		for _, port := range container.Ports {
			if port.Name == "" {
				continue
			}
			proto, ok := protocolOf(port.Protocol)
			if !ok {
				continue
			}
			first := !slices.ContainsFunc(names, func(n portName) bool { return n.name == port.Name && n.protocol == proto })
			names = append(names, portName{name: port.Name, protocol: proto, number: port.ContainerPort, first: first})
		}
	}
	for i := range spec.Containers {
		declare(&spec.Containers[i])
	}
	for i := range spec.InitContainers {
		policy := spec.InitContainers[i].RestartPolicy
		if policy != nil && *policy == corev1.ContainerRestartPolicyAlways {
			declare(&spec.InitContainers[i])
		}
	}
	return names
}

// lookup resolves a port name as Services do: the first declaration wins.
func (p *pod) lookup(name string, proto protocol) (int32, bool) {
	for _, n := range p.names {
		if n.first && n.name == name && n.protocol == proto {
			return n.number, true
		}
	}
	return 0, false
}

// compileNode reads what verdicts need from a node. Addresses that are host names are left out.
func compileNode(object *corev1.Node) (*node, error) {
	n := &node{endpoint: Node(object.Name)}
	for _, entry := range object.Status.Addresses {
		if entry.Type != corev1.NodeInternalIP && entry.Type != corev1.NodeExternalIP {
			continue
		}
		address, err := netip.ParseAddr(entry.Address)
		if err != nil {
			return nil, fmt.Errorf("address %q: %w", entry.Address, err)
		}
		address = address.Unmap()
		n.addresses[familyOf(address)] = append(n.addresses[familyOf(address)], address)
	}
	cidrs := object.Spec.PodCIDRs
	if len(cidrs) == 0 && object.Spec.PodCIDR != "" {
		cidrs = []string{object.Spec.PodCIDR}
	}
	for _, cidr := range cidrs {
		prefix, err := parsePrefix(cidr)
		if err != nil {
			return nil, fmt.Errorf("pod CIDR: %w", err)
		}
		n.ranges = append(n.ranges, prefix)
	}
	return n, nil
}

// address is the first known one in a family.
func (n *node) address(f family) (netip.Addr, bool) {
	if len(n.addresses[f]) == 0 {
		return netip.Addr{}, false
	}
	return n.addresses[f][0], true
}
