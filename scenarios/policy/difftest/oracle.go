package difftest

import (
	"fmt"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/scenarios/policy"
)

// oracle answers queries about one cluster by cyclonus' matcher.
type oracle struct {
	matcher    *matcher.Policy
	pods       map[policy.Endpoint]*corev1.Pod
	namespaces map[string]map[string]string
}

func newOracle(cluster policy.Cluster) *oracle {
	o := &oracle{pods: map[policy.Endpoint]*corev1.Pod{}, namespaces: map[string]map[string]string{}}
	for i := range cluster.Pods {
		pod := &cluster.Pods[i]
		o.pods[policy.Pod(pod.Namespace, pod.Name)] = pod
	}
	for _, namespace := range cluster.Namespaces {
		labels := map[string]string{corev1.LabelMetadataName: namespace.Name}
		for key, value := range namespace.Labels {
			labels[key] = value
		}
		o.namespaces[namespace.Name] = labels
	}
	var policies []*networkingv1.NetworkPolicy
	for i := range cluster.Policies {
		policies = append(policies, defaulted(&cluster.Policies[i]))
	}
	o.matcher = matcher.BuildNetworkPolicies(false, policies)
	return o
}

// defaulted is the policy as the API server stores it; the oracle reads only such.
func defaulted(given *networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy {
	stored := given.DeepCopy()
	if len(stored.Spec.PolicyTypes) == 0 {
		stored.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		if len(stored.Spec.Egress) > 0 {
			stored.Spec.PolicyTypes = append(stored.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		}
	}
	return stored
}

// peer describes an end to the oracle, with its address of the family of the query.
func (o *oracle) peer(end policy.Endpoint, family corev1.IPFamily) (*matcher.TrafficPeer, error) {
	if end.Kind == policy.KindAddress {
		return &matcher.TrafficPeer{IP: end.Address.String()}, nil
	}
	pod := o.pods[end]
	if pod == nil {
		return nil, fmt.Errorf("%s: the oracle knows pods and addresses only", end)
	}
	address := pod.Status.PodIPs[0].IP
	if family == corev1.IPv6Protocol {
		address = pod.Status.PodIPs[1].IP
	}
	return &matcher.TrafficPeer{IP: address, Internal: &matcher.InternalPeer{
		PodLabels: pod.Labels, Namespace: pod.Namespace, NamespaceLabels: o.namespaces[pod.Namespace],
	}}, nil
}

// verdict asks the oracle. Where the receiver has several names for the port each end is asked under each of them (mask oneNamePerPort).
func (o *oracle) verdict(query policy.Query) (policy.Verdict, error) {
	return o.verdictUnder(query, o.portNames(query))
}

func (o *oracle) verdictUnder(query policy.Query, names []string) (policy.Verdict, error) {
	source, err := o.peer(query.From, query.Family)
	if err != nil {
		return "", err
	}
	destination, err := o.peer(query.To, query.Family)
	if err != nil {
		return "", err
	}
	for _, ingress := range []bool{true, false} {
		admitted := false
		for _, name := range names {
			traffic := &matcher.Traffic{
				Source: source, Destination: destination,
				ResolvedPort: int(query.Port), ResolvedPortName: name, Protocol: query.Protocol,
			}
			admitted = admitted || o.matcher.IsIngressOrEgressAllowed(traffic, ingress).IsAllowed()
		}
		if !admitted {
			return policy.Deny, nil
		}
	}
	return policy.Allow, nil
}

// portNames are the names that the receiver declares for the port, or one that nobody uses.
func (o *oracle) portNames(query policy.Query) []string {
	var names []string
	if pod := o.pods[query.To]; pod != nil {
		for _, container := range pod.Spec.Containers {
			for _, port := range container.Ports {
				if port.ContainerPort == query.Port && port.Protocol == query.Protocol {
					names = append(names, port.Name)
				}
			}
		}
	}
	if len(names) == 0 {
		return []string{""}
	}
	return names
}
