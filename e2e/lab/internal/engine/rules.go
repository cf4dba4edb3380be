package engine

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// rule is a rule of either direction.
type rule struct {
	ports []networkingv1.NetworkPolicyPort
	peers []networkingv1.NetworkPolicyPeer
}

// eachRule alters every rule of a policy; what edit returns false for goes.
// Where none is left the list is nil: the engine's packages take an empty one
// that is there for a permission.
func eachRule(edit func(*rule) bool) func(*networkingv1.NetworkPolicy) {
	return func(policy *networkingv1.NetworkPolicy) {
		var ingress []networkingv1.NetworkPolicyIngressRule
		for _, r := range policy.Spec.Ingress {
			if edited := (rule{r.Ports, r.From}); edit(&edited) {
				ingress = append(ingress, networkingv1.NetworkPolicyIngressRule{Ports: edited.ports, From: edited.peers})
			}
		}
		var egress []networkingv1.NetworkPolicyEgressRule
		for _, r := range policy.Spec.Egress {
			if edited := (rule{r.Ports, r.To}); edit(&edited) {
				egress = append(egress, networkingv1.NetworkPolicyEgressRule{Ports: edited.ports, To: edited.peers})
			}
		}
		policy.Spec.Ingress, policy.Spec.Egress = ingress, egress
	}
}

// admitAllWithoutRules gives a direction that has no rule an empty one.
func admitAllWithoutRules(policy *networkingv1.NetworkPolicy) {
	if len(policy.Spec.Ingress) == 0 {
		policy.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
	}
	if len(policy.Spec.Egress) == 0 {
		policy.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
	}
}

// guessPolicyTypes sets what the API server sets where nothing is stated.
func guessPolicyTypes(policy *networkingv1.NetworkPolicy) {
	policy.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
	if len(policy.Spec.Egress) > 0 {
		policy.Spec.PolicyTypes = append(policy.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
	}
}

func firstRule(policy *networkingv1.NetworkPolicy) {
	policy.Spec.Ingress, policy.Spec.Egress = first(policy.Spec.Ingress), first(policy.Spec.Egress)
}

func firstPolicy(_ *state, _ *corev1.Pod, selecting []*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
	return first(selecting)
}

// oldestNamespace applies policies in the one namespace that had one first.
func oldestNamespace(s *state, pod *corev1.Pod, selecting []*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
	if len(selecting) == 0 {
		return nil
	}
	oldest := slices.MinFunc(s.allPolicies(), func(a, b *networkingv1.NetworkPolicy) int {
		return a.CreationTimestamp.Compare(b.CreationTimestamp.Time)
	})
	if oldest.Namespace != pod.Namespace {
		return nil
	}
	return selecting
}

// olderThan applies only policies that were made when the pod was there. The
// API counts whole seconds: within one, the pod counts as there.
func olderThan(_ *state, pod *corev1.Pod, selecting []*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
	return slices.DeleteFunc(selecting, func(policy *networkingv1.NetworkPolicy) bool {
		return policy.CreationTimestamp.Before(&pod.CreationTimestamp)
	})
}
