package difftest

import (
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/scenarios/policy"
)

// Mask is a known fault of the oracle.
type Mask struct {
	Name string
	// Reason says what the oracle does and what is right.
	Reason string
	// Selector turns a selector into one that means, by the semantics of the API, what the oracle takes it for. It is what our evaluator is
	// given. Nil if the mask is not about selectors.
	Selector func(*metav1.LabelSelector)
}

// Masks are all known faults of cyclonus v0.5.6, in the order in which selectors are rewritten: the NotIn that emptyValueAbsentKey writes is
// meant as the API means it.
var Masks = []Mask{
	{
		Name: "notInAbsentKey",
		Reason: "NotIn does not match an object without the key; by the API it does (labels.Requirement.Matches: NotIn is the negation of " +
			"In). What the oracle means is NotIn together with Exists.",
		Selector: func(selector *metav1.LabelSelector) {
			for _, requirement := range selector.MatchExpressions {
				if requirement.Operator == metav1.LabelSelectorOpNotIn {
					selector.MatchExpressions = append(selector.MatchExpressions, metav1.LabelSelectorRequirement{
						Key: requirement.Key, Operator: metav1.LabelSelectorOpExists,
					})
				}
			}
		},
	},
	{
		Name: "emptyValueAbsentKey",
		Reason: "matchLabels with an empty value matches an object without the key, because a missing map entry reads as the empty string; by " +
			"the API it does not. What the oracle means is: no value but the empty one.",
		Selector: func(selector *metav1.LabelSelector) {
			for key, value := range selector.MatchLabels {
				if value == "" {
					delete(selector.MatchLabels, key)
					selector.MatchExpressions = append(selector.MatchExpressions, metav1.LabelSelectorRequirement{
						Key: key, Operator: metav1.LabelSelectorOpNotIn, Values: []string{"a", "b"},
					})
				}
			}
		},
	},
	{
		Name: "oneNamePerPort",
		Reason: "a connection has one port name, but a pod may declare a port under several; each end is asked under each name, and one that " +
			"is admitted is enough.",
	},
	{
		Name: "self",
		Reason: "a pod that talks to itself is judged by its policies; by the API it cannot be blocked (concept page: \"a Pod cannot block " +
			"access to itself\"). Such queries are compared with allow.",
	},
}

// maskSelectors rewrites every selector of the cluster's policies by the masks, in a copy.
func maskSelectors(cluster policy.Cluster, masks []Mask) policy.Cluster {
	var masked []networkingv1.NetworkPolicy
	for i := range cluster.Policies {
		object := cluster.Policies[i].DeepCopy()
		eachSelector(object, func(selector *metav1.LabelSelector) {
			for _, mask := range masks {
				if mask.Selector != nil {
					mask.Selector(selector)
				}
			}
		})
		masked = append(masked, *object)
	}
	cluster.Policies = masked
	return cluster
}

func eachSelector(object *networkingv1.NetworkPolicy, do func(*metav1.LabelSelector)) {
	do(&object.Spec.PodSelector)
	peers := func(list []networkingv1.NetworkPolicyPeer) {
		for i := range list {
			for _, selector := range []*metav1.LabelSelector{list[i].PodSelector, list[i].NamespaceSelector} {
				if selector != nil {
					do(selector)
				}
			}
		}
	}
	for i := range object.Spec.Ingress {
		peers(object.Spec.Ingress[i].From)
	}
	for i := range object.Spec.Egress {
		peers(object.Spec.Egress[i].To)
	}
}
