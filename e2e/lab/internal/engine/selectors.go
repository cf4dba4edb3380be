package engine

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// eachPeer alters every peer of a policy.
func eachPeer(edit func(*networkingv1.NetworkPolicyPeer)) func(*networkingv1.NetworkPolicy) {
	return eachRule(func(r *rule) bool {
		for i := range r.peers {
			edit(&r.peers[i])
		}
		return true
	})
}

// eachSelector alters every label selector of a policy.
func eachSelector(edit func(*metav1.LabelSelector)) func(*networkingv1.NetworkPolicy) {
	peers := eachPeer(func(peer *networkingv1.NetworkPolicyPeer) {
		for _, selector := range []*metav1.LabelSelector{peer.NamespaceSelector, peer.PodSelector} {
			if selector != nil {
				edit(selector)
			}
		}
	})
	return func(policy *networkingv1.NetworkPolicy) {
		edit(&policy.Spec.PodSelector)
		peers(policy)
	}
}

// eachBlock alters every ipBlock; one for which edit returns false matches
// nothing, and a rule without another peer goes with it: without any peer it
// would admit everybody.
func eachBlock(edit func(*networkingv1.IPBlock) bool) func(*networkingv1.NetworkPolicy) {
	return eachRule(func(r *rule) bool {
		had := len(r.peers) > 0
		r.peers = slices.DeleteFunc(r.peers, func(peer networkingv1.NetworkPolicyPeer) bool {
			return peer.IPBlock != nil && !edit(peer.IPBlock)
		})
		return !had || len(r.peers) > 0
	})
}

// splitPeers makes two peers of one with both selectors.
func splitPeers(r *rule) bool {
	var peers []networkingv1.NetworkPolicyPeer
	for _, peer := range r.peers {
		if peer.NamespaceSelector != nil && peer.PodSelector != nil {
			peers = append(peers,
				networkingv1.NetworkPolicyPeer{NamespaceSelector: peer.NamespaceSelector},
				networkingv1.NetworkPolicyPeer{PodSelector: peer.PodSelector})
		} else {
			peers = append(peers, peer)
		}
	}
	r.peers = peers
	return true
}

// mergePeers makes one peer of each that has a namespaceSelector alone and each
// that has a podSelector alone.
func mergePeers(r *rule) bool {
	var merged, others, namespaces, pods []networkingv1.NetworkPolicyPeer
	for _, peer := range r.peers {
		switch {
		case peer.NamespaceSelector != nil && peer.PodSelector == nil:
			namespaces = append(namespaces, peer)
		case peer.NamespaceSelector == nil && peer.PodSelector != nil:
			pods = append(pods, peer)
		default:
			others = append(others, peer)
		}
	}
	for _, ns := range namespaces {
		for _, pod := range pods {
			merged = append(merged, networkingv1.NetworkPolicyPeer{NamespaceSelector: ns.NamespaceSelector, PodSelector: pod.PodSelector})
		}
	}
	if len(merged) > 0 {
		r.peers = append(merged, others...)
	}
	return true
}

func anyNamespace(peer *networkingv1.NetworkPolicyPeer) {
	if peer.NamespaceSelector != nil {
		peer.NamespaceSelector = &metav1.LabelSelector{}
	}
}

func anyPod(peer *networkingv1.NetworkPolicyPeer) {
	if peer.PodSelector != nil {
		peer.PodSelector = &metav1.LabelSelector{}
	}
}

func requireKey(s *metav1.LabelSelector) {
	for _, e := range s.MatchExpressions {
		if e.Operator == metav1.LabelSelectorOpNotIn {
			s.MatchExpressions = append(s.MatchExpressions, metav1.LabelSelectorRequirement{Key: e.Key, Operator: metav1.LabelSelectorOpExists})
		}
	}
}

func dropExists(s *metav1.LabelSelector) {
	s.MatchExpressions = slices.DeleteFunc(s.MatchExpressions, func(e metav1.LabelSelectorRequirement) bool {
		return e.Operator == metav1.LabelSelectorOpExists
	})
}

func firstValue(s *metav1.LabelSelector) {
	for i, e := range s.MatchExpressions {
		if e.Operator == metav1.LabelSelectorOpIn {
			s.MatchExpressions[i].Values = first(e.Values)
		}
	}
}

func firstLabel(s *metav1.LabelSelector) {
	for i, k := range slices.Sorted(maps.Keys(s.MatchLabels)) {
		if i > 0 {
			delete(s.MatchLabels, k)
		}
	}
}

func dropEmpty(labels map[string]string) {
	maps.DeleteFunc(labels, func(_, value string) bool { return value == "" })
}

// firstNamesake returns the first pod of the namespace on the same node whose
// name is the same up to the last hyphen, as a controller's pods have it. A
// name without a hyphen has no namesake.
func firstNamesake(s *state, pod *corev1.Pod) *corev1.Pod {
	stem := func(name string) string { return name[:max(0, strings.LastIndexByte(name, '-'))] }
	if stem(pod.Name) == "" {
		return pod
	}
	for _, other := range s.podsOf(pod.Namespace) {
		if stem(other.Name) == stem(pod.Name) && other.Spec.NodeName == pod.Spec.NodeName {
			return other
		}
	}
	return pod
}

func isIPv6(cidr string) bool {
	prefix, err := netip.ParsePrefix(cidr)
	return err == nil && prefix.Addr().Is6()
}
