package verify

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/scenarios"
)

// nobodyLabel is on no pod and no namespace.
const nobodyLabel = "nobody.podknock.dev/has-this"

// selectorDefects are engines that misunderstand whom a selector means.
func selectorDefects() []hypothesis {
	return []hypothesis{
		{Defect{"and-as-or", "It reads a peer with both selectors as all that either of them selects.", scenarios.AxisCombinedSelector},
			misreadPeers(func(peer networkingv1.NetworkPolicyPeer) []networkingv1.NetworkPolicyPeer {
				if peer.NamespaceSelector == nil || peer.PodSelector == nil {
					return []networkingv1.NetworkPolicyPeer{peer}
				}
				return []networkingv1.NetworkPolicyPeer{{NamespaceSelector: peer.NamespaceSelector}, {PodSelector: peer.PodSelector}}
			}), nil},
		{Defect{"or-as-and", "It reads two peers, one for namespaces and one for pods, as one that needs both.", scenarios.AxisSeveralPeers},
			misreadRule(joinPeers), nil},
		{Defect{"ignores-namespace-selector", "It ignores a namespaceSelector: every namespace matches.", scenarios.AxisNamespaceSelector},
			misreadPeers(func(peer networkingv1.NetworkPolicyPeer) []networkingv1.NetworkPolicyPeer {
				if peer.NamespaceSelector != nil {
					peer.NamespaceSelector = &metav1.LabelSelector{}
				}
				return []networkingv1.NetworkPolicyPeer{peer}
			}), nil},
		{Defect{"ignores-pod-selector", "It ignores the podSelector of a peer: every pod matches.", scenarios.AxisPodSelector},
			misreadPeers(func(peer networkingv1.NetworkPolicyPeer) []networkingv1.NetworkPolicyPeer {
				if peer.PodSelector != nil {
					peer.PodSelector = &metav1.LabelSelector{}
				}
				return []networkingv1.NetworkPolicyPeer{peer}
			}), nil},
		{Defect{"pod-selector-of-all-namespaces", "It takes a peer with a podSelector alone for the pods of all namespaces.", scenarios.AxisPodSelector},
			misreadPeers(func(peer networkingv1.NetworkPolicyPeer) []networkingv1.NetworkPolicyPeer {
				if peer.PodSelector != nil && peer.NamespaceSelector == nil {
					peer.NamespaceSelector = &metav1.LabelSelector{}
				}
				return []networkingv1.NetworkPolicyPeer{peer}
			}), nil},
		{Defect{"ignores-match-expressions", "It ignores matchExpressions.", scenarios.AxisMatchIn},
			misreadSelectors(func(s *metav1.LabelSelector) { s.MatchExpressions = nil }), nil},
		{Defect{"notin-needs-key", "It lets NotIn match only what has the key.", scenarios.AxisMatchNotInAbsent},
			misreadSelectors(func(s *metav1.LabelSelector) {
				for _, e := range s.MatchExpressions {
					if e.Operator == metav1.LabelSelectorOpNotIn {
						s.MatchExpressions = append(s.MatchExpressions,
							metav1.LabelSelectorRequirement{Key: e.Key, Operator: metav1.LabelSelectorOpExists})
					}
				}
			}), nil},
		ignoredOperator("exists-always", "It lets Exists match also what lacks the key.", scenarios.AxisMatchExists, metav1.LabelSelectorOpExists),
		ignoredOperator("does-not-exist-always", "It lets DoesNotExist match also what has the key.", scenarios.AxisMatchDoesNotExist,
			metav1.LabelSelectorOpDoesNotExist),
		ignoredOperator("in-always", "It lets In match any value, and no value.", scenarios.AxisMatchIn, metav1.LabelSelectorOpIn),
		ignoredOperator("notin-always", "It lets NotIn match any value.", scenarios.AxisMatchNotIn, metav1.LabelSelectorOpNotIn),
		{Defect{"in-first-value-only", "It knows only the first of the values of In.", scenarios.AxisMatchIn},
			firstValueOf(metav1.LabelSelectorOpIn), nil},
		{Defect{"notin-first-value-only", "It knows only the first of the values of NotIn.", scenarios.AxisMatchNotIn},
			firstValueOf(metav1.LabelSelectorOpNotIn), nil},
		{Defect{"first-label-only", "It compares only the first, by key, of the labels in matchLabels.", scenarios.AxisSeveralLabels},
			misreadSelectors(func(s *metav1.LabelSelector) {
				for i, key := range slices.Sorted(maps.Keys(s.MatchLabels)) {
					if i > 0 {
						delete(s.MatchLabels, key)
					}
				}
			}), nil},
		{Defect{"empty-label-values-ignored", "It takes a label with an empty value for absent.", scenarios.AxisMatchExists},
			relabelling(func(labels map[string]string) {
				maps.DeleteFunc(labels, func(_, value string) bool { return value == "" })
			}), nil},
		{Defect{"namespace-name-label-missing", "It does not know the label kubernetes.io/metadata.name of namespaces.", scenarios.AxisNamespaceName},
			misreadSelectors(func(s *metav1.LabelSelector) {
				if value, ok := s.MatchLabels[corev1.LabelMetadataName]; ok {
					delete(s.MatchLabels, corev1.LabelMetadataName)
					s.MatchLabels[nobodyLabel] = value
				}
				for i := range s.MatchExpressions {
					if s.MatchExpressions[i].Key == corev1.LabelMetadataName {
						s.MatchExpressions[i].Key = nobodyLabel
					}
				}
			}), nil},
		{Defect{"pods-by-name-prefix", "It takes pods whose names differ only behind the last hyphen for one another.", scenarios.AxisPolicySelector},
			selecting(func(_ []moment, s *podSubject) []int { return s.selecting(s.namesake().Labels) }), nil},
		{Defect{"remote-pods-unknown", "It recognises as peers only pods of its own node.", scenarios.AxisOtherNode},
			misread(forgetPods), onlyPlacement(otherNode)},
	}
}

// joinPeers makes one peer of each that has a namespaceSelector alone and each that has a podSelector alone.
func joinPeers(r *rule) bool {
	var joined, namespaces, pods []networkingv1.NetworkPolicyPeer
	for _, peer := range r.peers {
		switch {
		case peer.NamespaceSelector != nil && peer.PodSelector == nil:
			namespaces = append(namespaces, peer)
		case peer.NamespaceSelector == nil && peer.PodSelector != nil:
			pods = append(pods, peer)
		default:
			joined = append(joined, peer)
		}
	}
	if len(namespaces) == 0 || len(pods) == 0 {
		return true
	}
	for _, of := range namespaces {
		for _, pod := range pods {
			joined = append(joined, networkingv1.NetworkPolicyPeer{NamespaceSelector: of.NamespaceSelector, PodSelector: pod.PodSelector})
		}
	}
	r.peers = joined
	return true
}

// ignoredOperator is a defect of an engine that ignores the expressions with one operator.
func ignoredOperator(name, about string, axis scenarios.AxisName, operator metav1.LabelSelectorOperator) hypothesis {
	return hypothesis{Defect{name, about, axis}, misreadSelectors(func(s *metav1.LabelSelector) {
		s.MatchExpressions = slices.DeleteFunc(s.MatchExpressions, func(e metav1.LabelSelectorRequirement) bool { return e.Operator == operator })
	}), nil}
}

func firstValueOf(operator metav1.LabelSelectorOperator) engine {
	return misreadSelectors(func(s *metav1.LabelSelector) {
		for i, e := range s.MatchExpressions {
			if e.Operator == operator {
				s.MatchExpressions[i].Values = first(e.Values)
			}
		}
	})
}

// forgetPods makes a policy one whose peers are all strangers: selectors match nobody, and nobody has ports with names to send to.
func forgetPods(p *networkingv1.NetworkPolicy) {
	nobody := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: nobodyLabel, Operator: metav1.LabelSelectorOpExists}}}
	forget := func(peers []networkingv1.NetworkPolicyPeer) {
		for i := range peers {
			if peers[i].IPBlock == nil {
				peers[i] = networkingv1.NetworkPolicyPeer{PodSelector: nobody}
			}
		}
	}
	for i := range p.Spec.Ingress {
		forget(p.Spec.Ingress[i].From)
	}
	for i := range p.Spec.Egress {
		forget(p.Spec.Egress[i].To)
		for j, port := range p.Spec.Egress[i].Ports {
			if port.Port != nil && port.Port.StrVal != "" {
				p.Spec.Egress[i].Ports[j].Port.StrVal = "unknown"
			}
		}
	}
}

// misreadSelectors is an engine that reads every selector of a policy wrongly.
func misreadSelectors(read func(*metav1.LabelSelector)) engine {
	return misread(func(p *networkingv1.NetworkPolicy) {
		read(&p.Spec.PodSelector)
		rewriteRules(p, func(rules []rule) []rule {
			for _, r := range rules {
				for _, peer := range r.peers {
					for _, selector := range []*metav1.LabelSelector{peer.NamespaceSelector, peer.PodSelector} {
						if selector != nil {
							read(selector)
						}
					}
				}
			}
			return rules
		})
	})
}

// relabelling is an engine that sees other labels on pods and namespaces than they have.
func relabelling(change func(labels map[string]string)) engine {
	return now(func(seen *cluster) {
		for i := range seen.Pods {
			seen.Pods[i].Labels = maps.Clone(seen.Pods[i].Labels)
			change(seen.Pods[i].Labels)
		}
		for i := range seen.Namespaces {
			seen.Namespaces[i].Labels = maps.Clone(seen.Namespaces[i].Labels)
			change(seen.Namespaces[i].Labels)
		}
	})
}
