package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Sentence says the verdict and its reason in one line.
func (e Explanation) Sentence() string {
	connection := fmt.Sprintf("%s: %s to %s on %d/%s", e.Verdict, e.Query.From, e.Query.To, e.Query.Port, e.Query.Protocol)
	switch {
	case len(e.Paths) == 0:
		return connection + ": " + DoubtNoBackend.Sentence()
	case e.Verdict == Depends:
		return connection + ": depends on " + doubtsSentence(e.Doubts)
	}
	path := e.Paths[0]
	said := make([]string, 0, 2)
	for _, end := range []End{path.Egress, path.Ingress} {
		if e.Verdict == Deny && end.Verdict == Deny || e.Verdict == Allow && !end.free() {
			said = append(said, end.Sentence())
		}
	}
	if len(said) == 0 {
		said = append(said, "no policy applies at either end")
	}
	return connection + ": " + strings.Join(append(said, path.remarks(e.Verdict)...), "; ")
}

// remarks are the nearest miss of each end that denies, and every hint of one that does not.
func (p Path) remarks(verdict Verdict) []string {
	var remarks []string
	for _, end := range []End{p.Egress, p.Ingress} {
		switch {
		case end.Verdict == Deny && len(end.Misses) > 0:
			remarks = append(remarks, "closest: "+end.Misses[0].Sentence())
		case verdict == Allow:
			for _, hint := range end.Hints {
				remarks = append(remarks, "note: "+hint.Sentence())
			}
		}
	}
	return remarks
}

// free reports whether no policy had a say at the end.
func (e End) free() bool { return e.Basis == BasisNotPod || e.Basis == BasisNotIsolated }

// Sentences says everything that the explanation holds, one fact a line: the verdict, then for each path both ends with their
// misses, changes and hints, each indented below what it explains.
func (e Explanation) Sentences() []string {
	lines := []string{e.Sentence()}
	for _, path := range e.Paths {
		indent := "  "
		if len(e.Paths) > 1 || path.To != e.Query.To || path.Port != e.Query.Port {
			lines = append(lines, fmt.Sprintf("  %s: to %s on port %d", path.Verdict, path.To, path.Port))
			indent = "    "
		}
		for _, end := range []End{path.Egress, path.Ingress} {
			lines = append(lines, indent+end.Sentence())
			for _, miss := range end.Misses {
				lines = append(lines, indent+"  "+miss.Sentence(), indent+"    "+miss.Change.Sentence())
			}
			for _, hint := range end.Hints {
				lines = append(lines, indent+"  "+hint.Sentence())
			}
		}
	}
	return lines
}

// Sentence says what the policies of one side say and why.
func (e End) Sentence() string {
	side := fmt.Sprintf("%s of %s", strings.ToLower(string(e.Direction)), e.Subject)
	if e.Verdict == Depends {
		reason := " depends on " + doubtsSentence(e.Doubts)
		if e.Deciding != nil {
			reason += ": " + e.Deciding.sentence(e) + " may admit it"
		}
		return side + reason
	}
	switch e.Basis {
	case BasisNotPod:
		return side + " is free: policies do not apply to it"
	case BasisNotIsolated:
		return side + " is free: no policy selects it"
	case BasisSelf:
		return side + " is free: a pod cannot be cut off from itself"
	case BasisOwnNode:
		return side + " is free: a pod and its own node cannot be separated"
	case BasisRule:
		if e.Deciding != nil {
			return side + " is open: " + e.Deciding.sentence(e) + " admits it" + e.overruled()
		}
	}
	names := e.selecting(Deny, Depends, Allow)
	return side + " is closed: isolated by " + listSentence("policy", "policies", names) + ", and no rule admits " + e.Peer.String()
}

// overruled names the policies that would deny if they were alone: an allow of another policy counts, whatever the order.
func (e End) overruled() string {
	names := e.selecting(Deny)
	if len(names) == 0 {
		return ""
	}
	return ", whatever " + listSentence("policy", "policies", names) + " would say alone, for policies add up"
}

// selecting are the names of the selecting policies that say one of the verdicts.
func (e End) selecting(verdicts ...Verdict) []string {
	var names []string
	for _, selection := range e.Selecting {
		if slices.Contains(verdicts, selection.Verdict) {
			names = append(names, selection.Policy.String())
		}
	}
	return names
}

// sentence names the place that admits.
func (m Match) sentence(e End) string {
	d := ingress
	if e.Direction == egress.policyType() {
		d = egress
	}
	place := fmt.Sprintf("policy %s, spec.%s[%d]", m.Policy, d.field(), m.Rule)
	if m.Peer != All {
		place += fmt.Sprintf(".%s[%d]", d.peerField(), m.Peer)
	}
	if m.Port != All {
		place += fmt.Sprintf(" with ports[%d]", m.Port)
	}
	return place
}

// Sentence says what failed.
func (m Miss) Sentence() string {
	terms := make([]string, 0, len(m.Terms))
	for _, term := range m.Terms {
		terms = append(terms, term.Sentence())
	}
	return fmt.Sprintf("policy %s misses: %s", m.Policy, strings.Join(terms, "; "))
}

// Sentence says what a part of a policy asks for and what there is instead.
func (t Term) Sentence() string {
	wanted := strings.Join(t.Wanted, ", ")
	switch t.Kind {
	case TermNamespace:
		return fmt.Sprintf("%s is %s, so it selects no pod in %s", t.Field, wanted, t.Found)
	case TermPolicyTypes:
		return fmt.Sprintf("%s lists only %s, so its %s rules are ignored", t.Field, t.Found, strings.ToLower(wanted))
	case TermSubjectLabel, TermPodLabel, TermNamespaceLabel:
		return t.labelSentence()
	case TermNoRules:
		return t.Field + " has no rule, which admits nothing"
	case TermPeerNamespace:
		return fmt.Sprintf("%s without namespaceSelector means pods of %s, the pod is in %s", t.Field, wanted, t.Found)
	case TermPeerKind:
		return fmt.Sprintf("%s selects pods, and %s is none", t.Field, t.Found)
	case TermBlock:
		return fmt.Sprintf("%s is %s, which does not hold %s", t.Field, wanted, t.Found)
	case TermExcept:
		return fmt.Sprintf("%s takes out %s, which holds %s", t.Field, wanted, t.Found)
	case TermPlugin:
		return fmt.Sprintf("%s covers %s, but this network plugin does not match it there", t.Field, t.Found)
	case TermProtocol:
		return fmt.Sprintf("%s is %s, the connection uses %s", t.Field, wanted, t.Found)
	case TermPort:
		return fmt.Sprintf("%s admits %s, the connection arrives at %s", t.Field, wanted, t.Found)
	case TermServicePort:
		return fmt.Sprintf("%s admits %s, the port of the Service; policies see the port of the pod, %s", t.Field, wanted, t.Found)
	case TermNamedPort:
		if t.Absent {
			return fmt.Sprintf("%s is named %s, which the receiver does not declare", t.Field, wanted)
		}
		return fmt.Sprintf("%s is named %s, which the receiver declares as %s", t.Field, wanted, t.Found)
	}
	return t.Field + " does not match"
}

func (t Term) labelSentence() string {
	whose := "the pod"
	if t.Kind == TermNamespaceLabel {
		whose = "the namespace"
	}
	has := fmt.Sprintf("%s has %s=%s", whose, t.Key, t.Found)
	if t.Absent {
		has = fmt.Sprintf("%s has no label %s", whose, t.Key)
	}
	wants := fmt.Sprintf("wants %s", t.Operator)
	if len(t.Wanted) > 0 {
		wants += fmt.Sprintf(" (%s)", strings.Join(t.Wanted, ", "))
	}
	if t.Operator == "In" && len(t.Wanted) == 1 {
		wants = fmt.Sprintf("wants %s=%s", t.Key, t.Wanted[0])
	}
	return fmt.Sprintf("%s %s, %s", t.Field, wants, has)
}

// Sentence says the change in one line, as an instruction.
func (c Change) Sentence() string {
	steps := make([]string, 0, len(c.Operations))
	for _, operation := range c.Operations {
		steps = append(steps, operation.sentence())
	}
	sentence := fmt.Sprintf("in policy %s %s", c.Policy, strings.Join(steps, " and "))
	if c.Result == Depends {
		sentence += " (whether that is enough depends on the network plugin)"
	}
	return sentence
}

func (o Operation) sentence() string {
	value := fmt.Sprint(o.Value)
	if spelled, err := json.Marshal(o.Value); err == nil {
		value = string(spelled)
	}
	if o.Op == "add" && strings.HasSuffix(o.Path, "/-") {
		return fmt.Sprintf("add %s to %s", value, o.Field())
	}
	return fmt.Sprintf("set %s to %s", o.Field(), value)
}

// Sentence says the mistake.
func (h Hint) Sentence() string {
	var terms []string
	for _, term := range h.Terms {
		terms = append(terms, term.Sentence())
	}
	because := strings.Join(terms, "; ")
	switch h.Kind {
	case HintOtherNamespace:
		return fmt.Sprintf("policy %s does not apply here: %s", h.Policy, because)
	case HintNearlySelects:
		return fmt.Sprintf("policy %s selects no pod at all: %s", h.Policy, because)
	case HintPolicyTypes:
		return fmt.Sprintf("policy %s does not apply here: %s", h.Policy, because)
	case HintSplitPeer:
		return fmt.Sprintf("policy %s, %s: the namespaceSelector and the podSelector are two items, either is enough; in one item both are needed",
			h.Policy, h.Field)
	case HintDefaultedIngress:
		return fmt.Sprintf("policy %s has egress rules only and no policyTypes: it isolates ingress too", h.Policy)
	}
	return fmt.Sprintf("policy %s: look at %s", h.Policy, h.Field)
}

// Sentence says what is not known.
func (d Doubt) Sentence() string {
	switch d {
	case DoubtHostNetwork:
		return "whether the plugin applies policies to hostNetwork pods"
	case DoubtPodBlock:
		return "whether the plugin matches ipBlocks against pod addresses"
	case DoubtNodeBlock:
		return "whether the plugin matches ipBlocks against node addresses"
	case DoubtServiceBlock:
		return "whether the plugin filters before the Service address is translated"
	case DoubtAddress:
		return "an address that is not known"
	case DoubtHairpin:
		return "whether the plugin applies policies to a pod that reaches itself through a Service"
	case DoubtOwnNode:
		return "whether the plugin applies egress policies towards the pod's own node"
	case DoubtNodeUnknown:
		return "which node the pod runs on"
	case DoubtSource:
		return "whether the client's address survives the node port or load balancer"
	case DoubtPortName:
		return "which container's declaration of the port name counts"
	case DoubtBackend:
		return "which backend of the Service is chosen"
	case DoubtNoBackend:
		return "the Service has no known backend for this port"
	case DoubtUnread:
		return "whose address it is, which could not be read"
	}
	return string(d)
}

func doubtsSentence(doubts []Doubt) string {
	sentences := make([]string, 0, len(doubts))
	for _, doubt := range doubts {
		sentences = append(sentences, doubt.Sentence())
	}
	return strings.Join(sentences, ", and on ")
}

// listSentence is "policy a", "policies a and b", "policies a, b and c".
func listSentence(one, many string, names []string) string {
	if len(names) == 1 {
		return one + " " + names[0]
	}
	last := max(len(names)-1, 0)
	return many + " " + strings.Join(names[:last], ", ") + " and " + strings.Join(names[last:], "")
}
