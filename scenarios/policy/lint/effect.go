package lint

import (
	"fmt"
	"net/netip"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// checkEffect compares a policy with each other one of its namespace.
func (c *checker) checkEffect(p *networkingv1.NetworkPolicy) {
	for _, other := range c.policies {
		if other == p || other.Namespace != p.Namespace || !selectsMore(&other.Spec.PodSelector, &p.Spec.PodSelector) {
			continue
		}
		if c.checkDenial(p, other) {
			return
		}
		if isEmpty(&p.Spec.PodSelector) && len(p.Spec.Ingress)+len(p.Spec.Egress) == 0 {
			continue // a default deny is there for the day on which the others go
		}
		// Of two that say the same, the later one by name is the one too many.
		if subsumes(other, p) && (!subsumes(p, other) || !selectsMore(&p.Spec.PodSelector, &other.Spec.PodSelector) || other.Name < p.Name) {
			c.found(ruleNoEffect, refOf(p), "metadata.name",
				fmt.Sprintf("Policy %s selects the same pods and admits all that this one admits.", other.Name), "Remove one of them, unless it is there for its time.")
			return
		}
	}
}

// checkDenial finds a policy that is to deny what another one admits to everybody.
func (c *checker) checkDenial(p, other *networkingv1.NetworkPolicy) bool {
	for _, d := range directions {
		if !governs(p, d.policyType) || !governs(other, d.policyType) || len(p.Spec.Ingress)+len(p.Spec.Egress) > 0 {
			continue
		}
		for _, r := range rulesOf(other) {
			if r.policyType == d.policyType && admitsEverybody(&r) {
				c.found(ruleDeny, refOf(p), "spec.podSelector",
					fmt.Sprintf("The policy has no rules, but policies add up: %s of policy %s admits everybody to the same pods.", r.field(""), other.Name),
					fmt.Sprintf("Narrow %s of policy %s: no policy takes away what another one admits.", r.field(""), other.Name))
				return true
			}
		}
	}
	return false
}

// admitsEverybody reports whether a rule admits every pod on every port.
func admitsEverybody(r *ruleView) bool {
	if len(r.ports) > 0 {
		return false
	}
	for i := range r.peers {
		if isEmpty(r.peers[i].NamespaceSelector) && (r.peers[i].PodSelector == nil || isEmpty(r.peers[i].PodSelector)) {
			return true
		}
	}
	return len(r.peers) == 0
}

// subsumes reports whether a policy isolates and admits whatever another one does, as far as their form tells.
func subsumes(wide, narrow *networkingv1.NetworkPolicy) bool {
	for _, d := range directions {
		if governs(narrow, d.policyType) && !governs(wide, d.policyType) {
			return false
		}
	}
	wider := rulesOf(wide)
	for _, r := range rulesOf(narrow) {
		if !governs(narrow, r.policyType) {
			continue
		}
		covered := false
		for i := range wider {
			covered = covered || wider[i].policyType == r.policyType && ruleCovers(&wider[i], &r)
		}
		if !covered {
			return false
		}
	}
	return true
}

func ruleCovers(wide, narrow *ruleView) bool {
	return listCovers(wide.peers, narrow.peers, peerCovers) && listCovers(wide.ports, narrow.ports, portCovers)
}

// listCovers reports whether each item of a list is covered by one of another. An empty list stands for everything.
func listCovers[T any](wide, narrow []T, covers func(wide, narrow *T) bool) bool {
	if len(wide) == 0 {
		return true
	}
	if len(narrow) == 0 {
		return false
	}
	for i := range narrow {
		covered := false
		for j := range wide {
			covered = covered || covers(&wide[j], &narrow[i])
		}
		if !covered {
			return false
		}
	}
	return true
}

func peerCovers(wide, narrow *networkingv1.NetworkPolicyPeer) bool {
	if (wide.IPBlock == nil) != (narrow.IPBlock == nil) || (wide.NamespaceSelector == nil) != (narrow.NamespaceSelector == nil) {
		return false
	}
	if wide.IPBlock != nil {
		outer, err := netip.ParsePrefix(wide.IPBlock.CIDR)
		inner, err2 := netip.ParsePrefix(narrow.IPBlock.CIDR)
		return err == nil && err2 == nil && len(wide.IPBlock.Except) == 0 && outer.Bits() <= inner.Bits() && outer.Overlaps(inner)
	}
	if wide.NamespaceSelector != nil && !selectsMore(wide.NamespaceSelector, narrow.NamespaceSelector) {
		return false
	}
	return wide.PodSelector == nil || narrow.PodSelector != nil && selectsMore(wide.PodSelector, narrow.PodSelector) ||
		narrow.PodSelector == nil && isEmpty(wide.PodSelector)
}

func portCovers(wide, narrow *networkingv1.NetworkPolicyPort) bool {
	if protocolOf(wide) != protocolOf(narrow) {
		return false
	}
	switch {
	case wide.Port == nil:
		return true
	case narrow.Port == nil || wide.Port.Type != narrow.Port.Type:
		return false
	case wide.Port.Type == intstr.String:
		return wide.Port.StrVal == narrow.Port.StrVal
	}
	first, last := rangeOf(wide)
	from, to := rangeOf(narrow)
	return first <= from && to <= last
}
