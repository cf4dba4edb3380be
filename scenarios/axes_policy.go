package scenarios

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// policyAxes are what a cell's expectation rests on in the policies in force: how the policies pick the pods at its ends, and all that the
// rules for them use, because any part of a policy may be what an engine reads wrong.
func (w *world) policyAxes(c Cell) []AxisName {
	if len(w.policies) == 0 {
		return nil
	}
	names := []AxisName{AxisPolicySelector}
	egress, ingress, answers := false, false, false
	if c.From.Kind == EndpointPod {
		var found []AxisName
		found, egress = w.endAxes(c.From.Name, networkingv1.PolicyTypeEgress)
		names = append(names, found...)
		answers = len(w.isolating(c.From.Name, networkingv1.PolicyTypeIngress)) > 0
	}
	for _, pod := range w.receivers(c.To) {
		found, isolated := w.endAxes(pod, networkingv1.PolicyTypeIngress)
		names, ingress = append(names, found...), ingress || isolated
		answers = answers || len(w.isolating(pod, networkingv1.PolicyTypeEgress)) > 0
	}
	if egress {
		names = append(names, AxisEgress)
	}
	if ingress {
		names = append(names, AxisIngress)
	}
	if egress && ingress {
		names = append(names, AxisBothEnds)
	}
	if answers {
		names = append(names, AxisReplies)
	}
	return names
}

// endAxes are what the policies use that select a pod, and whether they isolate it in a direction.
func (w *world) endAxes(name string, direction networkingv1.PolicyType) (names []AxisName, isolated bool) {
	for _, policy := range w.selecting(name) {
		if governed, inferred := governs(policy, direction); !governed || !inferred {
			names = append(names, AxisPolicyTypes)
		}
	}
	isolating := w.isolating(name, direction)
	for _, policy := range isolating {
		names = append(names, selectorAxes(&policy.Spec.PodSelector)...)
		names = append(names, rulesAxes(rulesOf(policy, direction))...)
	}
	if len(isolating) > 1 {
		names = append(names, AxisStackedPolicies)
	}
	return names, len(isolating) > 0
}

// selecting are the policies in force that select a pod.
func (w *world) selecting(name string) []*networkingv1.NetworkPolicy {
	pod, ok := w.pods[name]
	if !ok {
		return nil
	}
	var found []*networkingv1.NetworkPolicy
	for _, policy := range w.policies {
		selector, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
		if err == nil && policy.Namespace == w.scenario.pod(name).Namespace && selector.Matches(labels.Set(pod.labels)) {
			found = append(found, policy)
		}
	}
	return found
}

// isolating are the policies in force that isolate a pod in a direction.
func (w *world) isolating(name string, direction networkingv1.PolicyType) []*networkingv1.NetworkPolicy {
	return slices.DeleteFunc(w.selecting(name), func(p *networkingv1.NetworkPolicy) bool {
		governed, _ := governs(p, direction)
		return !governed
	})
}

// governs reports whether a policy is about a direction, and whether it would be by the API server's default of policyTypes.
func governs(policy *networkingv1.NetworkPolicy, direction networkingv1.PolicyType) (governed, inferred bool) {
	inferred = direction == networkingv1.PolicyTypeIngress || len(policy.Spec.Egress) > 0
	if len(policy.Spec.PolicyTypes) == 0 {
		return inferred, inferred
	}
	return slices.Contains(policy.Spec.PolicyTypes, direction), inferred
}

// policyRule is a rule of either direction.
type policyRule struct {
	peers []networkingv1.NetworkPolicyPeer
	ports []networkingv1.NetworkPolicyPort
}

func rulesOf(policy *networkingv1.NetworkPolicy, direction networkingv1.PolicyType) []policyRule {
	var rules []policyRule
	if direction == networkingv1.PolicyTypeIngress {
		for _, rule := range policy.Spec.Ingress {
			rules = append(rules, policyRule{rule.From, rule.Ports})
		}
		return rules
	}
	for _, rule := range policy.Spec.Egress {
		rules = append(rules, policyRule{rule.To, rule.Ports})
	}
	return rules
}

// rulesAxes are what the rules of a policy for one direction use.
func rulesAxes(rules []policyRule) []AxisName {
	var names []AxisName
	switch {
	case len(rules) == 0:
		names = append(names, AxisDenyAll)
	case len(rules) > 1:
		names = append(names, AxisSeveralRules)
	}
	for _, rule := range rules {
		switch {
		case len(rule.peers) == 0 && len(rule.ports) == 0:
			names = append(names, AxisAllowAll)
		case len(rule.peers) > 0 && len(rule.ports) > 0:
			names = append(names, AxisPeerAndPort)
		}
		if len(rule.peers) > 1 {
			names = append(names, AxisSeveralPeers)
		}
		if len(rule.ports) > 0 {
			names = append(names, AxisPorts)
		}
		if len(rule.ports) > 1 {
			names = append(names, AxisSeveralPorts)
		}
		for _, peer := range rule.peers {
			names = append(names, peerAxes(peer)...)
		}
		for _, port := range rule.ports {
			names = append(names, portAxes(port)...)
		}
	}
	return names
}

func peerAxes(peer networkingv1.NetworkPolicyPeer) []AxisName {
	var names []AxisName
	if block := peer.IPBlock; block != nil {
		names = append(names, AxisIPBlock)
		if len(block.Except) > 0 {
			names = append(names, AxisIPBlockExcept)
		}
	}
	if peer.PodSelector != nil {
		names = append(names, AxisPodSelector)
		names = append(names, selectorAxes(peer.PodSelector)...)
	}
	if selector := peer.NamespaceSelector; selector != nil {
		names = append(names, AxisNamespaceSelector)
		names = append(names, selectorAxes(selector)...)
		if selects(selector, corev1.LabelMetadataName) {
			names = append(names, AxisNamespaceName)
		}
		if peer.PodSelector != nil {
			names = append(names, AxisCombinedSelector)
		}
	}
	return names
}

// selects reports whether a selector names a label.
func selects(selector *metav1.LabelSelector, key string) bool {
	_, named := selector.MatchLabels[key]
	return named || slices.ContainsFunc(selector.MatchExpressions, func(r metav1.LabelSelectorRequirement) bool { return r.Key == key })
}

// selectorAxes are the forms of requirements that a selector has.
func selectorAxes(selector *metav1.LabelSelector) []AxisName {
	var names []AxisName
	if len(selector.MatchLabels)+len(selector.MatchExpressions) > 1 {
		names = append(names, AxisSeveralLabels)
	}
	for _, expression := range selector.MatchExpressions {
		switch expression.Operator {
		case metav1.LabelSelectorOpIn:
			names = append(names, AxisMatchIn)
		case metav1.LabelSelectorOpNotIn:
			names = append(names, AxisMatchNotIn)
		case metav1.LabelSelectorOpExists:
			names = append(names, AxisMatchExists)
		case metav1.LabelSelectorOpDoesNotExist:
			names = append(names, AxisMatchDoesNotExist)
		}
	}
	return names
}

func portAxes(port networkingv1.NetworkPolicyPort) []AxisName {
	var names []AxisName
	switch {
	case port.Port == nil:
	case port.Port.Type == intstr.String:
		names = append(names, AxisNamedPort)
	case port.EndPort != nil:
		names = append(names, AxisEndPort)
	default:
		names = append(names, AxisPortNumber)
	}
	if port.Protocol == nil {
		names = append(names, AxisProtocolDefault)
	}
	return names
}
