package diagnose

import (
	"fmt"
	"slices"

	"github.com/podknock/podknock/scenarios/policy"
)

// addsUp: one policy would deny, another admits, and that is what counts.
func (q *inquiry) addsUp(j *joined) []Finding {
	if !q.admitted(j) {
		return nil
	}
	for _, end := range slices.Backward(q.bothEnds(j)) {
		if end.Deciding == nil {
			continue
		}
		for _, selection := range end.Selecting {
			if selection.Verdict != policy.Deny {
				continue
			}
			return one(Finding{
				Because: []string{end.Sentence(), fmt.Sprintf("policy %s alone would deny it", selection.Policy)},
				Advice: fmt.Sprintf("no policy takes back what another admits, and their order means nothing: narrow %s of policy %s, or delete that policy",
					ruleName(end), end.Deciding.Policy),
				Fix:    q.removeRule(end),
				Weight: 78,
			})
		}
	}
	return nil
}

// ruleName is the place of the rule that admits.
func ruleName(end *policy.End) string {
	return fmt.Sprintf("spec.%s[%d]", direction(end.Direction), end.Deciding.Rule)
}

// removeRule takes away the rule that admits.
func (q *inquiry) removeRule(end *policy.End) *Fix {
	return policyFix(end.Deciding.Policy, "remove "+ruleName(end), policy.Operation{
		Op: "remove", Path: fmt.Sprintf("/spec/%s/%d", direction(end.Direction), end.Deciding.Rule),
	})
}

// admittedByRule: what was to be blocked is admitted by a rule, and no mistake is to be seen in it.
func (q *inquiry) admittedByRule(j *joined) []Finding {
	if !q.admitted(j) {
		return nil
	}
	for _, end := range slices.Backward(q.bothEnds(j)) {
		if end.Deciding != nil {
			return one(Finding{
				Because: []string{end.Sentence()},
				Advice:  fmt.Sprintf("%s of policy %s admits it: narrow or remove that rule", ruleName(end), end.Deciding.Policy),
				Fix:     q.removeRule(end), Weight: 50,
			})
		}
	}
	return nil
}

// notIsolated: what was to be blocked is free, because no policy selects either end.
func (q *inquiry) notIsolated(j *joined) []Finding {
	if !q.admitted(j) {
		return nil
	}
	for _, end := range q.bothEnds(j) {
		if end.Basis != policy.BasisNotIsolated && end.Basis != policy.BasisNotPod {
			return nil
		}
	}
	ends := q.bothEnds(j)
	if len(ends) == 0 {
		return nil
	}
	subject := q.Question.Pod
	if subject.Kind != policy.KindPod {
		subject = q.Question.From
	}
	finding := Finding{
		Because: []string{ends[0].Sentence(), ends[1].Sentence()},
		Advice:  "no policy selects either end: write one that does, in the namespace of the pod that it is to protect", Weight: 48,
	}
	if pod := q.Snapshot.pod(subject); pod != nil && subject == q.Question.Pod {
		finding.Fix = denyAllFix(pod.Namespace)
	}
	return one(finding)
}

// denyAllFix is the policy that closes a namespace for ingress.
func denyAllFix(namespace string) *Fix {
	return &Fix{
		Object: "networkpolicy " + namespace + "/default-deny-ingress", Change: "close the namespace for ingress; what it needs has to be admitted then",
		Command: fmt.Sprintf("kubectl apply -f - <<'EOF'\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: default-deny-ingress, namespace: %s}\n"+
			"spec: {podSelector: {}, policyTypes: [Ingress]}\nEOF", namespace),
	}
}

// oneEnd: one end has been opened by a rule, and the other is closed.
func (q *inquiry) oneEnd(j *joined) []Finding {
	if !q.denied(j) {
		return nil
	}
	ends := q.deniedEnds(j)
	if len(ends) != 1 {
		return nil
	}
	for _, other := range q.bothEnds(j) {
		if other == ends[0] || other.Basis != policy.BasisRule {
			continue
		}
		finding := Finding{
			Because: []string{other.Sentence(), ends[0].Sentence()},
			Advice:  fmt.Sprintf("a connection needs both ends: admit it in the %s of %s too", direction(ends[0].Direction), ends[0].Subject),
			Weight:  70,
		}
		if len(ends[0].Misses) > 0 {
			miss := &ends[0].Misses[0]
			if miss.Terms[0].Kind == policy.TermNoRules || len(miss.Terms) > 1 {
				finding.Weight = 84
			}
			finding.Fix = q.changeFix(miss.Change)
		}
		return one(finding)
	}
	return nil
}

// noRule is what is left to say about a denial: nobody admits it.
func (q *inquiry) noRule(j *joined) []Finding {
	if !q.denied(j) {
		return nil
	}
	ends := q.deniedEnds(j)
	if len(ends) == 0 {
		return nil
	}
	end := ends[0]
	finding := Finding{Because: []string{end.Sentence()}, Advice: fmt.Sprintf("no rule admits it in the %s of %s", direction(end.Direction), end.Subject), Weight: 55}
	if len(end.Misses) > 0 {
		miss := &end.Misses[0]
		finding.Because = append(finding.Because, miss.Sentence())
		finding.Fix = q.changeFix(miss.Change)
	}
	return one(finding)
}
