package policy

import (
	"cmp"
	"slices"
)

// misses lists the rules that came near a denied flow, closest first.
func (e *Evaluator) misses(f *flow, d direction) []Miss {
	var found []Miss
	subject := f.subject(d).pod
	for _, p := range e.policies {
		switch {
		case p.governs[d] && e.selects(p, subject.class):
			found = append(found, e.missesOf(p, f, d)...)
		case e.selects(p, subject.class):
			found = append(found, e.missByType(p, f, d)...)
		case p.governs[d] && p.ref.Namespace == e.classes[subject.class].namespace.name:
			found = append(found, e.missBySubject(p, f, d)...)
		case p.governs[d]:
			found = append(found, e.missByNamespace(p, f, d)...)
		}
	}
	for i := range found {
		found[i].Distance = totalDistance(found[i].Terms)
	}
	slices.SortStableFunc(found, func(a, b Miss) int {
		return cmp.Or(cmp.Compare(a.Distance, b.Distance), compareRefs(a.Policy, b.Policy), cmp.Compare(a.Rule, b.Rule))
	})
	return found
}

// missesOf is one miss for each rule of a policy that governs the end, at the nearest peer and the nearest port.
func (e *Evaluator) missesOf(p *policy, f *flow, d direction) []Miss {
	if len(p.rules[d]) == 0 {
		term := Term{Kind: TermNoRules, Field: "spec." + d.field(), Absent: true}
		return []Miss{{Policy: p.ref, Rule: All, Peer: All, Port: All, Terms: []Term{term}, Change: e.addRule(p, f, d)}}
	}
	var found []Miss
	for i := range p.rules[d] {
		r := &p.rules[d][i]
		peer, peerTerms := nearest(len(r.peers), func(item int) []Term { return e.peerTerms(p, f, d, i, item) })
		port, portTerms := nearest(len(r.ports), func(item int) []Term { return e.portTerms(p, f, d, i, item) })
		miss := Miss{Policy: p.ref, Rule: i, Peer: peer, Port: port, Terms: slices.Concat(portTerms, peerTerms)}
		miss.Change = e.repair(p, f, d, place{rule: i, peer: peer}, peerTerms, portTerms)
		found = append(found, miss)
	}
	return found
}

// missByType is a policy whose rules would admit the flow if its policyTypes listed the direction.
func (e *Evaluator) missByType(p *policy, f *flow, d direction) []Miss {
	match := e.matchIn(p, f, d, yes)
	if match == nil {
		return nil
	}
	return []Miss{{
		Policy: p.ref, Rule: match.Rule, Peer: match.Peer, Port: match.Port,
		Terms: []Term{p.typeTerm(d)},
		Change: Change{
			Policy: p.ref, Result: Allow,
			Operations: []Operation{{Op: "add", Path: "/spec/policyTypes/-", Value: d.policyType()}},
		},
	}}
}

// typeTerm says that policyTypes lacks a direction.
func (p *policy) typeTerm(d direction) Term {
	term := Term{Kind: TermPolicyTypes, Field: "spec.policyTypes", Wanted: []string{string(d.policyType())}}
	for _, listed := range policyTypes(&p.object.Spec) {
		term.Found = string(listed)
	}
	return term
}

// missBySubject is a policy that selects no pod at all, and would admit the flow if it selected the subject: most likely a slip in its
// podSelector.
func (e *Evaluator) missBySubject(p *policy, f *flow, d direction) []Miss {
	if e.inhabited(p) {
		return nil
	}
	match := e.matchIn(p, f, d, yes)
	if match == nil {
		return nil
	}
	set, selector := e.classes[f.subject(d).pod.class].labels, &p.object.Spec.PodSelector
	terms := labelTerms(TermSubjectLabel, selector, set, "spec.podSelector")
	operations, ok := correctLabels(selector, set, "/spec/podSelector")
	if !ok {
		operations = []Operation{{Op: "replace", Path: "/spec/podSelector", Value: selectorFor(set)}}
	}
	return []Miss{{
		Policy: p.ref, Rule: match.Rule, Peer: match.Peer, Port: match.Port, Terms: terms,
		Change: Change{Policy: p.ref, Operations: operations, Result: Allow},
	}}
}

// missByNamespace is a policy that selects no pod where it is, and would select the subject and admit the flow in the subject's namespace.
func (e *Evaluator) missByNamespace(p *policy, f *flow, d direction) []Miss {
	subject := f.subject(d).pod
	home := e.classes[subject.class].namespace.name
	if !p.subjects.has(subject.class) || e.inhabited(p) || p.selectsAll() {
		return nil
	}
	moved := p.object.DeepCopy()
	moved.Namespace = home
	compiled, err := e.reader().policy(moved)
	if err != nil {
		return nil
	}
	match := e.matchIn(compiled, f, d, yes)
	if match == nil {
		return nil
	}
	return []Miss{{
		Policy: p.ref, Rule: match.Rule, Peer: match.Peer, Port: match.Port,
		Terms: []Term{p.namespaceTerm(home)},
		Change: Change{
			Policy: p.ref, Result: Allow,
			Operations: []Operation{{Op: "replace", Path: "/metadata/namespace", Value: home}},
		},
	}}
}

func (p *policy) namespaceTerm(home string) Term {
	return Term{Kind: TermNamespace, Field: "metadata.namespace", Wanted: []string{p.ref.Namespace}, Found: home}
}

// selectsAll reports whether the policy's podSelector is empty.
func (p *policy) selectsAll() bool {
	return selectsEverything(&p.object.Spec.PodSelector)
}

// inhabited reports whether a policy selects any pod that has not finished.
func (e *Evaluator) inhabited(p *policy) bool {
	for i := range e.classes {
		if e.classes[i].inhabited && e.selects(p, i) {
			return true
		}
	}
	return false
}
