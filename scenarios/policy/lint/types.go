package lint

import (
	"fmt"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// checkTypes compares the rules with policyTypes.
func (c *checker) checkTypes(p *networkingv1.NetworkPolicy) {
	spec, ref := &p.Spec, refOf(p)
	for _, d := range directions {
		rules := len(spec.Ingress)
		if d.policyType == networkingv1.PolicyTypeEgress {
			rules = len(spec.Egress)
		}
		if rules > 0 && !governs(p, d.policyType) {
			c.found(ruleTypesMissing, ref, "spec.policyTypes",
				fmt.Sprintf("The policy has rules in spec.%s, but its policyTypes lacks %s: they are ignored.", d.rules, d.policyType),
				fmt.Sprintf("Add %s to policyTypes, or remove the rules.", d.policyType))
		}
	}
	if len(spec.PolicyTypes) == 0 && len(spec.Egress) > 0 && spec.Ingress == nil {
		c.found(ruleTypesDefaulted, ref, "spec.egress",
			"The policy has egress rules alone and no policyTypes, which then are Ingress and Egress: nothing can connect to the pods any more.",
			"Write policyTypes: [Egress], or with Ingress if that is meant.")
	}
}

// consequences say what the API server makes of a key without a value, by the key.
var consequences = map[string]string{
	"from":              "it admits every source",
	"to":                "it admits every destination",
	"ports":             "it admits every port",
	"podSelector":       "it counts as not written",
	"namespaceSelector": "it counts as not written, and the peer means the policy's own namespace",
	"matchLabels":       "the selector matches without them",
	"matchExpressions":  "the selector matches without them",
	"ingress":           "there are no ingress rules",
	"egress":            "there are no egress rules",
	"policyTypes":       "they are taken from the rules",
	"except":            "there is no exception",
}

// checkKeys finds keys that a template, or a slip of the indentation, left without a value.
func (c *checker) checkKeys(p *networkingv1.NetworkPolicy) {
	origin := c.objects.Origin(refOf(p))
	check := func(field string) {
		key := field[strings.LastIndexByte(field, '.')+1:]
		if !origin.Empty(field) {
			return
		}
		consequence := consequences[key]
		if field == "spec.podSelector" || field == "spec.podSelector.matchLabels" && isEmpty(&p.Spec.PodSelector) {
			consequence = "the policy selects every pod of its namespace"
		}
		c.found(ruleEmptyKey, refOf(p), field, fmt.Sprintf("%s is written without a value: %s.", key, consequence),
			"Write what is meant below it, indented further, or an explicit [] or {}, or remove the key.")
	}
	selector := func(field string) {
		check(field)
		check(field + ".matchLabels")
		check(field + ".matchExpressions")
	}
	selector("spec.podSelector")
	for _, field := range []string{"spec.ingress", "spec.egress", "spec.policyTypes"} {
		check(field)
	}
	for _, r := range rulesOf(p) {
		check(r.field(r.list))
		check(r.field("ports"))
		for i, peer := range r.peers {
			selector(r.peerField(i, "podSelector"))
			selector(r.peerField(i, "namespaceSelector"))
			if peer.IPBlock != nil {
				check(r.peerField(i, "ipBlock.except"))
			}
		}
	}
}
