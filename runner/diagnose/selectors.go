package diagnose

import (
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/podknock/podknock/scenarios/policy"
)

// byMiss are the causes of a denial that the nearest miss tells. A miss with one term weighs more than one with several.
func (q *inquiry) byMiss(j *joined, weight int, advice func(*policy.End, *policy.Miss) string, kind policy.TermKind, others ...policy.TermKind) []Finding {
	if !q.denied(j) {
		return nil
	}
	for _, end := range q.deniedEnds(j) {
		miss := missWith(end, kind, others...)
		if miss == nil {
			continue
		}
		nearest := end.Misses[0].Distance
		return one(Finding{
			Because: []string{end.Sentence(), miss.Sentence()}, Advice: advice(end, miss), Fix: q.changeFix(miss.Change),
			Weight: weight - 4*(len(miss.Terms)-1) - 2*min(miss.Distance-nearest, 8),
		})
	}
	return nil
}

func (q *inquiry) selectorMisses(j *joined) []Finding {
	advice := func(end *policy.End, miss *policy.Miss) string {
		term := firstTerm(miss, policy.TermPodLabel, policy.TermSubjectLabel)
		return fmt.Sprintf("the selector %s of policy %s and the pod's labels have to be the same: correct whichever is wrong", term.Field, miss.Policy)
	}
	found := q.byMiss(j, 82, advice, policy.TermPodLabel)
	found = append(found, q.byMiss(j, 82, advice, policy.TermSubjectLabel)...)
	if q.admitted(j) || q.openUnisolated(j) {
		found = append(found, q.byHint(j, policy.HintNearlySelects, 85, func(end *policy.End, hint *policy.Hint) Finding {
			pod := q.Snapshot.pod(end.Subject)
			finding := Finding{Advice: fmt.Sprintf("policy %s selects no pod: its spec.podSelector and the labels of the pods have to be the same", hint.Policy)}
			if object := q.policyObject(hint.Policy); object != nil && pod != nil {
				if selector, ok := corrected(&object.Spec.PodSelector, pod.Labels); ok {
					finding.Fix = policyFix(hint.Policy, fmt.Sprintf("set spec.podSelector to %s", metav1.FormatLabelSelector(selector)),
						policy.Operation{Op: "replace", Path: "/spec/podSelector", Value: selector})
				}
			}
			return finding
		})...)
	}
	return found
}

// firstTerm is the first term of a miss of the given kinds.
func firstTerm(miss *policy.Miss, kinds ...policy.TermKind) policy.Term {
	for _, term := range miss.Terms {
		if slices.Contains(kinds, term.Kind) {
			return term
		}
	}
	return miss.Terms[0]
}

// corrected is a selector with the values of its labels as a pod has them. Not ok if the pod lacks one of the keys.
func corrected(selector *metav1.LabelSelector, have map[string]string) (*metav1.LabelSelector, bool) {
	fixed := selector.DeepCopy()
	for key := range fixed.MatchLabels {
		value, has := have[key]
		if !has {
			return nil, false
		}
		fixed.MatchLabels[key] = value
	}
	parsed, err := metav1.LabelSelectorAsSelector(fixed)
	return fixed, err == nil && parsed.Matches(labels.Set(have))
}

// openUnisolated: it is open on the wire or by the policies where it was not wanted.
func (q *inquiry) openUnisolated(j *joined) bool {
	return q.wanted == ExpectBlocked && j.verdict != policy.Deny
}

// byHint are the causes of an unwanted connection that a hint tells.
func (q *inquiry) byHint(j *joined, kind policy.HintKind, weight int, finish func(*policy.End, *policy.Hint) Finding) []Finding {
	for _, end := range slices.Backward(q.bothEnds(j)) {
		for i := range end.Hints {
			if hint := &end.Hints[i]; hint.Kind == kind {
				finding := finish(end, hint)
				finding.Because = append([]string{hint.Sentence()}, finding.Because...)
				finding.Weight = weight
				return one(finding)
			}
		}
	}
	return nil
}

func (q *inquiry) otherNamespace(j *joined) []Finding {
	// A policy elsewhere that selects nothing may be meant for pods to come: any mistake in the pod's own namespace is likelier.
	found := q.byMiss(j, 77, func(end *policy.End, miss *policy.Miss) string {
		return fmt.Sprintf("policies are namespaced: put policy %s into namespace %s", miss.Policy.Name, end.Subject.Namespace)
	}, policy.TermNamespace)
	if !q.admitted(j) {
		return found
	}
	return append(found, q.byHint(j, policy.HintOtherNamespace, 74, func(end *policy.End, hint *policy.Hint) Finding {
		finding := Finding{Advice: fmt.Sprintf("policies are namespaced: put policy %s into namespace %s", hint.Policy.Name, end.Subject.Namespace)}
		if object := q.policyObject(hint.Policy); object != nil {
			moved := object.DeepCopy()
			moved.Namespace = end.Subject.Namespace
			finding.Fix = &Fix{
				Object: "networkpolicy " + hint.Policy.String(), Change: "move it to namespace " + end.Subject.Namespace, Command: moveCommand(moved, hint.Policy),
			}
		}
		return finding
	})...)
}

func (q *inquiry) namespaceLabel(j *joined) []Finding {
	return q.byMiss(j, 83, func(end *policy.End, miss *policy.Miss) string {
		term := firstTerm(miss, policy.TermNamespaceLabel)
		return fmt.Sprintf("namespace %s is not matched by %s: use the label kubernetes.io/metadata.name, which every namespace has, or label the namespace",
			end.Peer.Namespace, term.Field)
	}, policy.TermNamespaceLabel)
}

func (q *inquiry) peerNamespace(j *joined) []Finding {
	return q.byMiss(j, 83, func(end *policy.End, miss *policy.Miss) string {
		return fmt.Sprintf("a podSelector alone means pods of the policy's own namespace: add a namespaceSelector for %s to the same item", end.Peer.Namespace)
	}, policy.TermPeerNamespace, policy.TermPodLabel)
}

func (q *inquiry) policyTypesMissing(j *joined) []Finding {
	found := q.byMiss(j, 81, func(end *policy.End, miss *policy.Miss) string {
		return fmt.Sprintf("add %s to the policyTypes of policy %s", end.Direction, miss.Policy)
	}, policy.TermPolicyTypes)
	if !q.admitted(j) {
		return found
	}
	return append(found, q.byHint(j, policy.HintPolicyTypes, 83, func(end *policy.End, hint *policy.Hint) Finding {
		return Finding{
			Advice: fmt.Sprintf("the %s rules of policy %s are ignored: list %s in its policyTypes", direction(end.Direction), hint.Policy, end.Direction),
			Fix: policyFix(hint.Policy, fmt.Sprintf("add %s to spec.policyTypes", end.Direction),
				policy.Operation{Op: "add", Path: "/spec/policyTypes/-", Value: end.Direction}),
		}
	})...)
}

// defaultedIngress: a policy about egress isolates ingress too. The API server writes the defaults into the object, so that only what its author
// applied tells whether he meant it.
func (q *inquiry) defaultedIngress(j *joined) []Finding {
	if !q.denied(j) {
		return nil
	}
	for _, end := range q.deniedEnds(j) {
		if end.Direction != networkingv1.PolicyTypeIngress {
			continue
		}
		for _, selection := range end.Selecting {
			object := q.policyObject(selection.Policy)
			if object == nil || len(object.Spec.Ingress) > 0 || len(object.Spec.Egress) == 0 {
				continue
			}
			weight, because := 60, "it has egress rules and none for ingress, and isolates ingress too"
			if applied := object.Annotations["kubectl.kubernetes.io/last-applied-configuration"]; applied != "" {
				if strings.Contains(applied, `"policyTypes"`) {
					weight = 45
				} else {
					weight, because = 88, "it was applied without policyTypes, which isolates ingress too"
				}
			}
			if len(end.Selecting) > 1 {
				weight -= 20
			}
			return one(Finding{
				Because: []string{end.Sentence(), fmt.Sprintf("policy %s: %s", selection.Policy, because)},
				Advice:  fmt.Sprintf("if policy %s is about egress alone, say policyTypes: [Egress]", selection.Policy),
				Fix: policyFix(selection.Policy, "set spec.policyTypes to [Egress]", policy.Operation{
					Op: "add", Path: "/spec/policyTypes", Value: []string{string(networkingv1.PolicyTypeEgress)},
				}),
				Weight: weight,
			})
		}
	}
	return nil
}

func (q *inquiry) splitPeer(j *joined) []Finding {
	if !q.admitted(j) {
		return nil
	}
	return q.byHint(j, policy.HintSplitPeer, 86, func(end *policy.End, hint *policy.Hint) Finding {
		finding := Finding{Advice: "remove the dash before the second selector, so that both stand in one item"}
		object := q.policyObject(hint.Policy)
		if object == nil || end.Deciding == nil {
			return finding
		}
		peers := peersOf(object, end.Direction, end.Deciding.Rule)
		joined, rest := joinPeers(peers)
		if joined == nil {
			return finding
		}
		finding.Fix = policyFix(hint.Policy, "join the two items into one", policy.Operation{
			Op: "replace", Path: fmt.Sprintf("/spec/%s/%d/%s", direction(end.Direction), end.Deciding.Rule, peerField(end.Direction)),
			Value: append(rest, *joined),
		})
		return finding
	})
}

func peersOf(object *networkingv1.NetworkPolicy, d networkingv1.PolicyType, rule int) []networkingv1.NetworkPolicyPeer {
	if d == networkingv1.PolicyTypeEgress {
		return object.Spec.Egress[rule].To
	}
	return object.Spec.Ingress[rule].From
}

// joinPeers makes one of the first item with only a namespaceSelector and the first with only a podSelector.
func joinPeers(peers []networkingv1.NetworkPolicyPeer) (joined *networkingv1.NetworkPolicyPeer, rest []networkingv1.NetworkPolicyPeer) {
	namespaces := slices.IndexFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool { return p.NamespaceSelector != nil && p.PodSelector == nil })
	pods := slices.IndexFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool { return p.PodSelector != nil && p.NamespaceSelector == nil })
	if namespaces < 0 || pods < 0 {
		return nil, nil
	}
	for i := range peers {
		if i != namespaces && i != pods {
			rest = append(rest, peers[i])
		}
	}
	return &networkingv1.NetworkPolicyPeer{NamespaceSelector: peers[namespaces].NamespaceSelector, PodSelector: peers[pods].PodSelector}, rest
}
