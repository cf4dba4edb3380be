package scenarios

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios/policy"
)

// The cluster's DNS as computed expectations take it to be: pods of this label in this namespace that listen on port 53. The well-known
// installers do that.
const (
	dnsNamespace = metav1.NamespaceSystem
	dnsPod       = "kube-dns"
	dnsLabel     = "k8s-app"
	dnsPort      = 53
)

// ErrNoVerdict says that the evaluator has no answer for a kind of cell, because the way of its packets is the cluster's business.
var ErrNoVerdict = errors.New("no verdict: how the packets travel is up to the cluster")

// Explain says what the policies in force at a step mean for one of its cells, in the scenario's names. For a DNS name of a Service it is
// about the Service. The error is [ErrNoVerdict] for nodes, node ports and foreign DNS names.
func (s *ExpandedStep) Explain(cell Cell) (policy.Explanation, error) {
	evaluator, err := policy.Compile(s.Cluster())
	if err != nil {
		return policy.Explanation{}, fmt.Errorf("compile the policies of step %q: %w", s.Name, err)
	}
	query, err := s.world.query(keyOfCell(cell))
	if err != nil {
		return policy.Explanation{}, err
	}
	return evaluator.Explain(query)
}

// Computed is what the policies in force at a step say that a cell should find, whatever the scenario states: [Any] where they leave it to
// the plugin or the cluster.
func (s *ExpandedStep) Computed(cell Cell) (Expected, error) {
	evaluator, err := policy.Compile(s.Cluster())
	if err != nil {
		return "", fmt.Errorf("compile the policies of step %q: %w", s.Name, err)
	}
	return s.world.computed(evaluator, keyOfCell(cell))
}

// Cluster is what exists after the step's changes, in the scenario's names, as the evaluator takes it.
func (s *ExpandedStep) Cluster() policy.Cluster { return s.world.cluster() }

// compute decides every cell by the policies in force.
func (e *expander) compute() (map[cellKey]decision, error) {
	evaluator, err := policy.Compile(e.world.cluster())
	if err != nil {
		return nil, fmt.Errorf("compile the policies: %w", err)
	}
	decided := map[cellKey]decision{}
	for _, key := range slices.Concat(e.betweenPods(), e.beyondPods(), e.namedBefore()) {
		expected, err := e.world.computed(evaluator, key)
		if err != nil {
			return nil, fmt.Errorf("judge %s: %w", e.cell(key, decision{}), err)
		}
		decided[key] = decision{expected: expected, reason: Reason{Origin: Computed}}
	}
	return decided, nil
}

// computed is what a knock finds according to the policies. It is Any where they leave that to the plugin or to the cluster.
func (w *world) computed(evaluator *policy.Evaluator, key cellKey) (Expected, error) {
	open := w.openOutcome(key.knock)
	if len(w.policies) == 0 {
		return open, nil
	}
	if key.to.Kind == EndpointServiceName {
		question := key
		question.knock = knock{to: Endpoint{Kind: EndpointDNS}, protocol: corev1.ProtocolUDP}
		resolved, err := w.computed(evaluator, question)
		switch {
		case err != nil:
			return "", err
		case resolved == Blocked:
			return Expected(probe.DNSFailure), nil
		case resolved == Any:
			return Any, nil
		}
	}
	query, err := w.query(key)
	if errors.Is(err, ErrNoVerdict) {
		return Any, nil
	}
	if err != nil {
		return "", err
	}
	verdict, err := evaluator.Verdict(query)
	switch {
	case err != nil:
		return "", err
	case verdict == policy.Deny:
		return Blocked, nil
	case verdict == policy.Allow:
		return open, nil
	}
	return Any, nil
}

// query is the question to the evaluator that a cell is about.
func (w *world) query(key cellKey) (policy.Query, error) {
	from, err := w.endpoint(key.from, key.family)
	if err != nil {
		return policy.Query{}, err
	}
	to, err := w.endpoint(key.to, key.family)
	if err != nil {
		return policy.Query{}, err
	}
	port := key.port
	if key.to.Kind == EndpointDNS {
		port = dnsPort
	}
	return policy.Query{From: from, To: to, Port: port, Protocol: key.protocol, Family: key.family}, nil
}

// endpoint is an end of a cell as the evaluator names it.
func (w *world) endpoint(endpoint Endpoint, family corev1.IPFamily) (policy.Endpoint, error) {
	switch endpoint.Kind {
	case EndpointPod:
		return policy.Pod(w.scenario.pod(endpoint.Name).Namespace, endpoint.Name), nil
	case EndpointService, EndpointServiceName:
		return policy.Service(w.scenario.service(endpoint.Name).Namespace, endpoint.Name), nil
	case EndpointDNS:
		return policy.Pod(dnsNamespace, dnsPod), nil
	case EndpointExternal:
		for _, address := range w.scenario.externalHost(endpoint.Name).Addresses {
			if familyOf(address) == family {
				return policy.Address(address), nil
			}
		}
	}
	return policy.Endpoint{}, ErrNoVerdict
}

// cluster is the world as API objects, with the scenario's names.
func (w *world) cluster() policy.Cluster {
	var cluster policy.Cluster
	addresses := addressPool{known: !w.blocksTouchPrivate()}
	for i := range w.scenario.Namespaces {
		namespace := &w.scenario.Namespaces[i]
		if labels, ok := w.namespaces[namespace.Name]; ok {
			cluster.Namespaces = append(cluster.Namespaces, namespaceObject(namespace.Name, labels))
		}
	}
	for _, pod := range w.livingPods() {
		object := corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, Labels: w.pods[pod.Name].labels},
			Spec: corev1.PodSpec{
				NodeName: w.scenario.nodeOf(pod.Name), HostNetwork: pod.HostNetwork,
				Containers: []corev1.Container{{Name: "probe", Ports: containerPorts(pod.Ports)}},
			},
		}
		if !pod.HostNetwork {
			addresses.assign(&object)
		}
		cluster.Pods = append(cluster.Pods, object)
	}
	if w.scenario.namespace(dnsNamespace) == nil {
		cluster.Namespaces = append(cluster.Namespaces, namespaceObject(dnsNamespace, nil))
	}
	dns := dnsObject()
	addresses.assign(&dns)
	cluster.Pods = append(cluster.Pods, dns)
	for i := range w.scenario.Services {
		if service := &w.scenario.Services[i]; w.lives(Ref{Kind: RefNamespace, Name: service.Namespace}) {
			object := serviceObject(service)
			addresses.assignService(&object)
			cluster.Services = append(cluster.Services, object)
		}
	}
	for _, key := range sortedPolicyKeys(w.policies) {
		cluster.Policies = append(cluster.Policies, *w.policies[key])
	}
	return cluster
}

// nodeOf names the node of a pod as far as the scenario says which pods share one. It is empty for pods that may be anywhere.
func (s *Scenario) nodeOf(name string) string {
	root := name
	for {
		pod := s.pod(root)
		if pod.SameNodeAs == "" {
			break
		}
		root = pod.SameNodeAs
	}
	for i := range s.Pods {
		pod := &s.Pods[i]
		if pod.Name == root && pod.OtherNodeThan != "" || pod.SameNodeAs == root {
			return "node-of-" + root
		}
	}
	return ""
}

func namespaceObject(name string, labels map[string]string) corev1.Namespace {
	return corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
}

func dnsObject() corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: dnsNamespace, Name: dnsPod, Labels: map[string]string{dnsLabel: dnsPod}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "dns", Ports: []corev1.ContainerPort{
			{Name: "dns", ContainerPort: dnsPort, Protocol: corev1.ProtocolUDP},
			{Name: "dns-tcp", ContainerPort: dnsPort, Protocol: corev1.ProtocolTCP},
		}}}},
	}
}

func containerPorts(ports []Port) []corev1.ContainerPort {
	result := make([]corev1.ContainerPort, len(ports))
	for i, port := range ports {
		result[i] = corev1.ContainerPort{Name: port.Name, ContainerPort: port.Number, Protocol: port.Protocol}
	}
	return result
}

// serviceObject is a Service with the scenario's names. Ports without a name get one, because the API wants names where there are several.
func serviceObject(service *Service) corev1.Service {
	object := corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: service.Namespace, Name: service.Name},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, Selector: service.Selector},
	}
	switch service.Type {
	case Headless:
		object.Spec.ClusterIP = corev1.ClusterIPNone
	case NodePort:
		object.Spec.Type = corev1.ServiceTypeNodePort
	}
	for i, port := range service.Ports {
		target := intstr.FromString(port.Target)
		if number, err := strconv.ParseInt(port.Target, 10, 32); err == nil {
			target = intstr.FromInt32(int32(number))
		}
		name := port.Name
		if name == "" {
			name = "port-" + strconv.Itoa(i+1)
		}
		object.Spec.Ports = append(object.Spec.Ports, corev1.ServicePort{
			Name: name, Port: port.Number, TargetPort: target, Protocol: port.Protocol,
		})
	}
	return object
}

// addressPool gives pods and Services addresses for the evaluator, or none if they are not known well enough.
type addressPool struct {
	known bool
	next  uint16
}

// assign gives a pod an address of each family, in ranges such as clusters use.
func (p *addressPool) assign(pod *corev1.Pod) {
	if !p.known {
		return
	}
	for _, address := range p.take() {
		pod.Status.PodIPs = append(pod.Status.PodIPs, corev1.PodIP{IP: address})
	}
	pod.Status.PodIP = pod.Status.PodIPs[0].IP
}

// assignService does the same for a Service that has addresses.
func (p *addressPool) assignService(service *corev1.Service) {
	if p.known && service.Spec.ClusterIP == "" {
		service.Spec.ClusterIPs = p.take()
		service.Spec.ClusterIP = service.Spec.ClusterIPs[0]
	}
}

// take gives the next address of each family.
func (p *addressPool) take() []string {
	p.next++
	high, low := byte(p.next>>8), byte(p.next)
	return []string{
		netip.AddrFrom4([4]byte{10, 244, high, low}).String(),
		netip.AddrFrom16([16]byte{0: 0xfd, 14: high, 15: low}).String(),
	}
}

// privateRanges are where pods, nodes and Services have their addresses: RFC 1918, RFC 6598 and RFC 4193.
var privateRanges = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("fc00::/7"),
}

// blocksTouchPrivate reports whether some ipBlock may hold the address of a pod. Only then does it matter which addresses the pods have,
// and no scenario can know them.
func (w *world) blocksTouchPrivate() bool {
	touches := func(peers []networkingv1.NetworkPolicyPeer) bool {
		return slices.ContainsFunc(peers, func(peer networkingv1.NetworkPolicyPeer) bool {
			if peer.IPBlock == nil {
				return false
			}
			block, err := netip.ParsePrefix(peer.IPBlock.CIDR)
			return err != nil || slices.ContainsFunc(privateRanges, block.Overlaps)
		})
	}
	for _, policy := range w.policies {
		for _, rule := range policy.Spec.Ingress {
			if touches(rule.From) {
				return true
			}
		}
		for _, rule := range policy.Spec.Egress {
			if touches(rule.To) {
				return true
			}
		}
	}
	return false
}
