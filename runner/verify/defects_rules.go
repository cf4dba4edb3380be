package verify

import (
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/scenarios"
)

// ruleDefects are engines that misunderstand what policies and their rules add up to.
func ruleDefects() []hypothesis {
	return []hypothesis{
		{Defect{"no-rules-allow-all", "It reads a policy without rules as one that admits everything.", scenarios.AxisDenyAll},
			misreadRules(func(rules []rule) []rule {
				if len(rules) == 0 {
					return []rule{{}}
				}
				return rules
			}), nil},
		{Defect{"empty-rule-denies", "It reads an empty rule, which admits everything, as one that admits nothing.", scenarios.AxisAllowAll},
			misreadRule(func(r *rule) bool { return len(r.peers)+len(r.ports) > 0 }), nil},
		{Defect{"ignores-policy-types", "It ignores policyTypes: every policy isolates ingress, and egress if it has egress rules.",
			scenarios.AxisPolicyTypes}, misread(func(p *networkingv1.NetworkPolicy) {
			p.Spec.PolicyTypes = nil
			p.Spec.PolicyTypes = typesOf(p)
		}), nil},
		{Defect{"isolates-both-directions", "It lets every policy isolate both directions, whatever its policyTypes.", scenarios.AxisPolicyTypes},
			misread(func(p *networkingv1.NetworkPolicy) {
				p.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
			}), nil},
		{Defect{"first-policy-only", "It applies only the first, by name, of the policies that select a pod.", scenarios.AxisStackedPolicies},
			applying(func(_ []moment, _ *podSubject, selecting []int) []int { return first(selecting) }), nil},
		{Defect{"last-policy-only", "It applies only the last, by name, of the policies that select a pod.", scenarios.AxisStackedPolicies},
			applying(func(_ []moment, _ *podSubject, selecting []int) []int { return selecting[max(0, len(selecting)-1):] }), nil},
		{Defect{"first-rule-only", "It applies only the first of a policy's rules for a direction.", scenarios.AxisSeveralRules},
			misreadRules(func(rules []rule) []rule { return first(rules) }), nil},
		{Defect{"last-rule-only", "It applies only the last of a policy's rules for a direction.", scenarios.AxisSeveralRules},
			misreadRules(func(rules []rule) []rule { return rules[max(0, len(rules)-1):] }), nil},
		{Defect{"first-peer-only", "It applies only the first of a rule's peers.", scenarios.AxisSeveralPeers},
			misreadRule(func(r *rule) bool { r.peers = first(r.peers); return true }), nil},
		{Defect{"peer-or-port", "It takes the peers and the ports of a rule for alternatives.", scenarios.AxisPeerAndPort},
			misreadRules(func(rules []rule) []rule {
				return each(rules, func(r rule) []rule {
					if len(r.peers) == 0 || len(r.ports) == 0 {
						return []rule{r}
					}
					return []rule{{peers: r.peers}, {ports: r.ports}}
				})
			}), nil},
		{Defect{"ignores-peers", "It ignores the peers of a rule: it admits everybody.", scenarios.AxisPeerAndPort},
			misreadRule(func(r *rule) bool { r.peers = nil; return true }), nil},
		{Defect{"policy-selects-all", "It ignores the podSelector of a policy: every pod of the namespace is isolated.", scenarios.AxisPolicySelector},
			misread(func(p *networkingv1.NetworkPolicy) { p.Spec.PodSelector = metav1.LabelSelector{} }), nil},
		{Defect{"policies-of-all-pods-ignored", "It ignores policies with an empty podSelector.", scenarios.AxisPolicySelector},
			dropping(func(p *networkingv1.NetworkPolicy) bool {
				return len(p.Spec.PodSelector.MatchLabels)+len(p.Spec.PodSelector.MatchExpressions) == 0
			}), nil},
	}
}

// first is at most the first of a list.
func first[T any](list []T) []T { return list[:min(1, len(list))] }

// dropping is an engine that does not see some policies.
func dropping(unseen func(*networkingv1.NetworkPolicy) bool) engine {
	return now(func(seen *cluster) {
		seen.Policies = slices.DeleteFunc(seen.Policies, func(p networkingv1.NetworkPolicy) bool { return unseen(&p) })
	})
}
