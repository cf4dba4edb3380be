package policy

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// hints lists likely mistakes in the policies around an end: those that do not apply though they nearly would, and a rule that admits more
// than it seems to.
func (e *Evaluator) hints(f *flow, d direction, deciding *Match) []Hint {
	var found []Hint
	subject := f.subject(d).pod
	at := &e.classes[subject.class]
	for _, p := range e.policies {
		selects, home := e.selects(p, subject.class), p.ref.Namespace == at.namespace.name
		switch {
		case selects && !p.governs[d] && len(p.rules[d]) > 0:
			found = append(found, Hint{Kind: HintPolicyTypes, Policy: p.ref, Field: "spec.policyTypes", Terms: []Term{p.typeTerm(d)}})
		case selects && d == ingress && p.defaultedIngress():
			found = append(found, Hint{Kind: HintDefaultedIngress, Policy: p.ref, Field: "spec.policyTypes"})
		case selects || !p.governs[d] || p.selectsAll() || e.inhabited(p):
			continue
		case home && e.nearlySelects(p, subject):
			terms := labelTerms(TermSubjectLabel, &p.object.Spec.PodSelector, at.labels, "spec.podSelector")
			found = append(found, Hint{Kind: HintNearlySelects, Policy: p.ref, Field: "spec.podSelector", Terms: terms})
		case !home && p.subjects.has(subject.class):
			found = append(found, Hint{
				Kind: HintOtherNamespace, Policy: p.ref, Field: "metadata.namespace", Terms: []Term{p.namespaceTerm(at.namespace.name)},
			})
		}
	}
	if deciding != nil {
		if hint := e.splitPeer(f, d, deciding); hint != nil {
			found = append(found, *hint)
		}
	}
	slices.SortStableFunc(found, func(a, b Hint) int { return compareRefs(a.Policy, b.Policy) })
	return found
}

// defaultedIngress reports whether the policy is about egress only and isolates ingress because it does not say so.
func (p *policy) defaultedIngress() bool {
	spec := &p.object.Spec
	return len(spec.PolicyTypes) == 0 && len(spec.Egress) > 0 && len(spec.Ingress) == 0
}

// nearlySelects reports whether the pod is one of those in the policy's namespace that miss its podSelector by the least.
func (e *Evaluator) nearlySelects(p *policy, candidate *pod) bool {
	miss := func(class int) int {
		return totalDistance(labelTerms(TermSubjectLabel, &p.object.Spec.PodSelector, e.classes[class].labels, ""))
	}
	own := miss(candidate.class)
	for i := range e.classes {
		if e.classes[i].inhabited && e.classes[i].namespace.name == p.ref.Namespace && miss(i) < own {
			return false
		}
	}
	return true
}

// splitPeer finds the dash too many: a rule has one peer with only a namespaceSelector and one with only a podSelector, either admits the flow,
// and one peer with both would not.
func (e *Evaluator) splitPeer(f *flow, d direction, deciding *Match) *Hint {
	who := f.peer(d).pod
	if who == nil || deciding.Peer == All {
		return nil
	}
	i := slices.IndexFunc(e.policies, func(p *policy) bool { return p.ref == deciding.Policy })
	p := e.policies[i]
	peers := p.peersOf(d, deciding.Rule)
	at := &e.classes[who.class]
	for other := range peers {
		a, b := &peers[deciding.Peer], &peers[other]
		if a.PodSelector != nil {
			a, b = b, a
		}
		split := a.NamespaceSelector != nil && a.PodSelector == nil && b.PodSelector != nil && b.NamespaceSelector == nil
		if !split || selectsEverything(a.NamespaceSelector) || selectsEverything(b.PodSelector) {
			continue
		}
		if len(unmet(a.NamespaceSelector, at.namespace.labels))+len(unmet(b.PodSelector, at.labels)) == 0 {
			continue
		}
		return &Hint{
			Kind: HintSplitPeer, Policy: p.ref,
			Field: fmt.Sprintf("spec.%s[%d].%s[%d]", d.field(), deciding.Rule, d.peerField(), max(deciding.Peer, other)),
		}
	}
	return nil
}

func selectsEverything(selector *metav1.LabelSelector) bool {
	return len(selector.MatchLabels)+len(selector.MatchExpressions) == 0
}
