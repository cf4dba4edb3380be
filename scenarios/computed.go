package scenarios

import (
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

// Evaluator judges the cells of one step by the policies in force. It is immutable and safe for concurrent use.
type Evaluator struct {
	world  *world
	policy *policy.Evaluator
}

// Evaluator compiles the policies in force after the step's changes.
func (s *ExpandedStep) Evaluator() (*Evaluator, error) {
	evaluator, err := s.world.evaluator()
	if err != nil {
		return nil, fmt.Errorf("step %q: %w", s.Name, err)
	}
	return evaluator, nil
}

func (w *world) evaluator() (*Evaluator, error) {
	compiled, err := policy.Compile(w.cluster())
	if err != nil {
		return nil, fmt.Errorf("compile the policies: %w", err)
	}
	return &Evaluator{world: w, policy: compiled}, nil
}

// Explain says what the policies mean for a cell, in the scenario's names. For a DNS name of a Service it is about the Service. The error is
// [ErrNoVerdict] for nodes, node ports and foreign DNS names.
func (e *Evaluator) Explain(cell Cell) (policy.Explanation, error) {
	query, err := e.world.query(keyOfCell(cell))
	if err != nil {
		return policy.Explanation{}, err
	}
	return e.policy.Explain(query)
}

// Expected is what a cell should find according to the policies, whatever the scenario states: [Any] where they leave it to the plugin or to
// the cluster.
func (e *Evaluator) Expected(cell Cell) (Expected, error) { return e.expected(keyOfCell(cell)) }

// Cluster is what exists after the step's changes, in the scenario's names, as the evaluator takes it.
func (s *ExpandedStep) Cluster() policy.Cluster { return s.world.cluster() }

// compute decides every cell by the policies in force.
func (e *expander) compute() (map[cellKey]decision, error) {
	evaluator, err := e.world.evaluator()
	if err != nil {
		return nil, err
	}
	decided := map[cellKey]decision{}
	for _, key := range slices.Concat(e.betweenPods(), e.beyondPods(), e.namedBefore()) {
		expected, err := evaluator.expected(key)
		if err != nil {
			return nil, fmt.Errorf("judge %s: %w", e.cell(key, decision{}), err)
		}
		decided[key] = decision{expected: expected, reason: Reason{Origin: Computed}}
	}
	return decided, nil
}

func (e *Evaluator) expected(key cellKey) (Expected, error) {
	open := e.world.openOutcome(key.knock)
	if len(e.world.policies) == 0 {
		return open, nil
	}
	if key.to.Kind == EndpointServiceName {
		question := key
		question.knock = knock{to: Endpoint{Kind: EndpointDNS}, protocol: corev1.ProtocolUDP}
		resolved, err := e.expected(question)
		switch {
		case err != nil:
			return "", err
		case resolved == Blocked:
			return Expected(probe.DNSFailure), nil
		case resolved == Any:
			return Any, nil
		}
	}
	if key.to.Kind == EndpointNodePort {
		return e.world.throughNode(key, open), nil
	}
	query, err := e.world.query(key)
	if errors.Is(err, ErrNoVerdict) {
		return Any, nil
	}
	if err != nil {
		return "", err
	}
	verdict, err := e.policy.Verdict(query)
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

// throughNode is what a knock on the port of a node should find, whose packets the node may send on under an address of its own. Two cases
// leave no doubt: no policy isolates either end, or the source may send nothing at all and the node is another than its own.
func (w *world) throughNode(key cellKey, open Expected) Expected {
	if key.from.Kind != EndpointPod || w.scenario.pod(key.from.Name).HostNetwork {
		return Any
	}
	sends := w.isolating(key.from.Name, networkingv1.PolicyTypeEgress)
	receives := 0
	for _, pod := range w.receivers(key.to) {
		receives += len(w.isolating(pod, networkingv1.PolicyTypeIngress))
	}
	silent := !slices.ContainsFunc(sends, func(p *networkingv1.NetworkPolicy) bool { return len(p.Spec.Egress) > 0 })
	switch {
	case len(sends) == 0 && receives == 0:
		return open
	case len(sends) > 0 && silent && w.scenario.placedApart(key.from.Name, key.to.Node):
		return Blocked
	}
	return Any
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
				Containers: []corev1.Container{{Name: "probe", Ports: containerPorts(pod.firstPorts())}},
			},
		}
		if len(pod.SidecarPorts) > 0 {
			object.Spec.Containers = append(object.Spec.Containers, corev1.Container{Name: "sidecar", Ports: containerPorts(pod.SidecarPorts)})
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

// nodeOf names the node of a pod, as far as the scenario decides whether that is the node of a pod on the host network. Only such pairs
// can be on the same node in a way that matters to policies. It is empty where the scheduler decides.
func (s *Scenario) nodeOf(name string) string {
	host := ""
	for _, pod := range s.Pods {
		switch root := s.placedWith(pod.Name); {
		case !pod.HostNetwork || root == host:
		case host != "":
			return "" // two such nodes, which may or may not be the same
		default:
			host = root
		}
	}
	root := s.placedWith(name)
	if root == host {
		return "node"
	}
	for _, pod := range s.Pods {
		if pod.OtherNodeThan == "" {
			continue
		}
		one, other := s.placedWith(pod.Name), s.placedWith(pod.OtherNodeThan)
		if one == root && other == host || one == host && other == root {
			return "other-node"
		}
	}
	return ""
}

// placedWith is the pod that decides the node of a pod: itself or, by sameNodeAs, another.
func (s *Scenario) placedWith(name string) string {
	for s.pod(name).SameNodeAs != "" {
		name = s.pod(name).SameNodeAs
	}
	return name
}
