package policy

import (
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// field is the direction's list of rules in a policy's spec.
func (d direction) field() string {
	if d == egress {
		return "egress"
	}
	return "ingress"
}

// peerField is the list of peers in a rule of the direction.
func (d direction) peerField() string {
	if d == egress {
		return "to"
	}
	return "from"
}

// peerTerms says what of a peer does not match; none if it does.
func (e *Evaluator) peerTerms(p *policy, f *flow, d direction, rule, item int) []Term {
	compiled, who := &p.rules[d][rule].peers[item], f.peer(d)
	if e.covers(compiled, who, f.family).level > no {
		return nil
	}
	object := &p.peersOf(d, rule)[item]
	path := fmt.Sprintf("spec.%s[%d].%s[%d]", d.field(), rule, d.peerField(), item)
	if compiled.block != nil {
		return []Term{compiled.block.term(object.IPBlock, who, f.family, path+".ipBlock")}
	}
	if who.pod == nil {
		return []Term{{Kind: TermPeerKind, Field: path, Found: who.endpoint().String()}}
	}
	var terms []Term
	at := &e.classes[who.pod.class]
	switch {
	case object.NamespaceSelector != nil:
		terms = append(terms, labelTerms(TermNamespaceLabel, object.NamespaceSelector, at.namespace.labels, path+".namespaceSelector")...)
	case at.namespace.name != p.ref.Namespace:
		terms = append(terms, Term{
			Kind: TermPeerNamespace, Field: path + ".podSelector", Wanted: []string{p.ref.Namespace}, Found: at.namespace.name,
		})
	}
	if object.PodSelector != nil {
		terms = append(terms, labelTerms(TermPodLabel, object.PodSelector, at.labels, path+".podSelector")...)
	}
	if len(terms) == 0 {
		terms = append(terms, Term{Kind: TermPlugin, Field: path, Found: who.endpoint().String()})
	}
	return terms
}

// term says why a block does not match a party.
func (b *block) term(object *networkingv1.IPBlock, who party, f family, path string) Term {
	term := Term{Kind: TermBlock, Field: path + ".cidr", Wanted: []string{object.CIDR}, Found: who.endpoint().String()}
	address, known := who.addressIn(f)
	if !known {
		if familyOf(b.prefix.Addr()) == f {
			term.Kind = TermPlugin
		}
		return term
	}
	term.Found = address.String()
	if !b.prefix.Contains(address) {
		return term
	}
	if except := b.exception(address); except >= 0 {
		return Term{
			Kind: TermExcept, Field: fmt.Sprintf("%s.except[%d]", path, except), Wanted: []string{object.Except[except]}, Found: address.String(),
		}
	}
	term.Kind = TermPlugin
	return term
}

// labelTerms lists the requirements of a selector that a label set does not fulfil.
func labelTerms(kind TermKind, selector *metav1.LabelSelector, set labels.Set, path string) []Term {
	var terms []Term
	for _, failed := range unmet(selector, set) {
		key := failed.requirement.Key
		field := fmt.Sprintf("%s.matchExpressions[%d]", path, failed.expression)
		if failed.expression == All {
			field = fmt.Sprintf("%s.matchLabels[%s]", path, key)
		}
		terms = append(terms, Term{
			Kind: kind, Field: field, Key: key, Operator: failed.requirement.Operator, Wanted: slices.Clone(failed.requirement.Values),
			Found: set[key], Absent: !set.Has(key),
		})
	}
	return terms
}

// unmetRequirement is a part of a selector that failed. A matchLabels entry is an In; its expression is All.
type unmetRequirement struct {
	requirement metav1.LabelSelectorRequirement
	expression  int
}

// unmet lists what of a selector a label set does not fulfil: matchLabels by key, then matchExpressions in order. Each part is judged as a
// selector of its own, by the same code as the whole.
func unmet(selector *metav1.LabelSelector, set labels.Set) []unmetRequirement {
	parts := make([]unmetRequirement, 0, len(selector.MatchLabels)+len(selector.MatchExpressions))
	for _, key := range sortedKeys(selector.MatchLabels, strings.Compare) {
		parts = append(parts, unmetRequirement{metav1.LabelSelectorRequirement{
			Key: key, Operator: metav1.LabelSelectorOpIn, Values: []string{selector.MatchLabels[key]},
		}, All})
	}
	for i, requirement := range selector.MatchExpressions {
		parts = append(parts, unmetRequirement{requirement, i})
	}
	return slices.DeleteFunc(parts, func(part unmetRequirement) bool {
		compiled, err := metav1.LabelSelectorAsSelector(&metav1.LabelSelector{
			MatchExpressions: []metav1.LabelSelectorRequirement{part.requirement},
		})
		return err != nil || compiled.Matches(set)
	})
}

// portTerms says what of a port does not match; none if it does.
func (e *Evaluator) portTerms(p *policy, f *flow, d direction, rule, item int) []Term {
	compiled := &p.rules[d][rule].ports[item]
	if compiled.match(f.receiver, f.port, f.protocol, &e.plugin).level > no {
		return nil
	}
	path := fmt.Sprintf("spec.%s[%d].ports[%d]", d.field(), rule, item)
	var terms []Term
	if compiled.protocol != f.protocol {
		terms = append(terms, Term{
			Kind: TermProtocol, Field: path + ".protocol",
			Wanted: []string{string(compiled.protocol.api())}, Found: string(f.protocol.api()),
		})
	}
	same := *compiled
	same.protocol = f.protocol
	if same.match(f.receiver, f.port, f.protocol, &e.plugin).level > no {
		return terms
	}
	term := Term{Kind: TermPort, Field: path + ".port", Wanted: []string{compiled.String()}, Found: spellPort(f.port, f.protocol)}
	switch {
	case compiled.name != "":
		term = namedPortTerm(term, compiled.name, f)
	case f.front != nil && compiled.from <= f.front.port && f.front.port <= compiled.to:
		term.Kind = TermServicePort
	}
	return append(terms, term)
}

// namedPortTerm tells what the receiver declares under the name.
func namedPortTerm(term Term, name string, f *flow) Term {
	term.Kind, term.Found, term.Absent = TermNamedPort, "", true
	if f.receiver.pod == nil {
		return term
	}
	var declared []string
	for _, port := range f.receiver.pod.names {
		if port.name == name {
			declared = append(declared, spellPort(port.number, port.protocol))
		}
	}
	if len(declared) > 0 {
		term.Found, term.Absent = strings.Join(declared, ", "), false
	}
	return term
}

// String is how terms spell a port of a rule: "80/TCP", "8000-8080/TCP", "http/TCP".
func (p *port) String() string {
	switch {
	case p.any:
		return "any/" + string(p.protocol.api())
	case p.name != "":
		return p.name + "/" + string(p.protocol.api())
	case p.from != p.to:
		return fmt.Sprintf("%d-%d/%s", p.from, p.to, p.protocol.api())
	}
	return spellPort(p.from, p.protocol)
}

func spellPort(number int32, proto protocol) string {
	return fmt.Sprintf("%d/%s", number, proto.api())
}

// distance weighs a term: the likelier a slip of the pen, the nearer. Small numbers are compared only with each other.
func (t *Term) distance() int {
	switch t.Kind {
	case TermProtocol, TermServicePort:
		return 2
	case TermPolicyTypes, TermNamespace, TermPeerNamespace, TermNamedPort, TermExcept:
		return 3
	case TermPodLabel, TermNamespaceLabel, TermSubjectLabel:
		return t.labelDistance()
	case TermPort:
		return 4
	case TermBlock, TermPlugin:
		return 6
	}
	return 8
}

// labelDistance prefers a wrong value that looks like the wanted one to another value, and that to a missing key.
func (t *Term) labelDistance() int {
	if t.Absent {
		return 5
	}
	for _, wanted := range t.Wanted {
		if t.Operator == metav1.LabelSelectorOpIn && similar(wanted, t.Found) {
			return 1
		}
	}
	return 4
}

// similar reports whether two words differ by at most two insertions, deletions or replacements, and less than half of their letters.
func similar(a, b string) bool {
	edits := levenshtein(a, b)
	return edits <= 2 && 2*edits < max(len(a), len(b))
}

func levenshtein(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

func totalDistance(terms []Term) int {
	total := 0
	for i := range terms {
		total += terms[i].distance()
	}
	return total
}

// nearest is the item of a list whose terms are the nearest to a match; All and no terms for an empty list.
func nearest(length int, terms func(item int) []Term) (int, []Term) {
	best, bestTerms := All, []Term(nil)
	for item := range length {
		found := terms(item)
		if best == All || totalDistance(found) < totalDistance(bestTerms) {
			best, bestTerms = item, found
		}
	}
	return best, bestTerms
}
