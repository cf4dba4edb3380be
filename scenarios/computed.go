package scenarios

import (
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
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
