package policy

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// place is a position in a policy.
type place struct{ rule, peer int }

// pointer is the RFC 6901 pointer of a rule's field.
func (at place) pointer(d direction, field string) string {
	return fmt.Sprintf("/spec/%s/%d/%s", d.field(), at.rule, field)
}

// repair finds the smallest change at a rule: a port beside the others, a peer corrected or beside the others, or else a rule of its own.
func (e *Evaluator) repair(p *policy, f *flow, d direction, at place, peerTerms, portTerms []Term) Change {
	rule := e.addRule(p, f, d)
	change := Change{Policy: p.ref}
	result := answer{level: yes}
	if len(peerTerms) > 0 && len(portTerms) > 0 {
		return rule
	}
	if len(portTerms) > 0 {
		change.Operations = []Operation{{Op: "add", Path: at.pointer(d, "ports/-"), Value: portFor(f)}}
		result = e.anyPeerAdmits(&p.rules[d][at.rule], f, d)
	}
	if len(peerTerms) > 0 {
		operations, fixed := e.repairPeer(p, f, d, at)
		change.Operations = operations
		result = fixed.and(e.anyPortAdmits(&p.rules[d][at.rule], f))
	}
	change.Result = result.verdict()
	if result.level == no || change.Result != Allow && rule.Result == Allow {
		return rule
	}
	return change
}

func (e *Evaluator) anyPeerAdmits(r *rule, f *flow, d direction) answer {
	admitted := certain(false)
	for i := range count(len(r.peers)) {
		admitted = admitted.or(e.peerAdmits(r, index(i, len(r.peers)), f, d))
	}
	return admitted
}

func (e *Evaluator) anyPortAdmits(r *rule, f *flow) answer {
	admitted := certain(false)
	for i := range count(len(r.ports)) {
		admitted = admitted.or(e.portAdmits(r, index(i, len(r.ports)), f))
	}
	return admitted
}

// repairPeer corrects a peer that matches nobody, or else puts one beside it. The answer is what the peer says afterwards; no if there is no
// peer that would match.
func (e *Evaluator) repairPeer(p *policy, f *flow, d direction, at place) ([]Operation, answer) {
	if operations, ok := e.correctPeer(p, f, d, at); ok {
		result := certain(true)
		if f.peer(d).hosted() {
			result = result.onlyIf(e.plugin.GovernsHostNetwork, doubtHostNetwork)
		}
		if result.level > no {
			return operations, e.seenThrough(result, f, d)
		}
	}
	beside, result := e.peerFor(p, f, d)
	return []Operation{{Op: "add", Path: at.pointer(d, d.peerField()+"/-"), Value: beside}}, result
}

// addRule is a rule of its own for exactly this flow.
func (e *Evaluator) addRule(p *policy, f *flow, d direction) Change {
	peer, result := e.peerFor(p, f, d)
	peers := []networkingv1.NetworkPolicyPeer{peer}
	if result.level == no {
		peers, result = nil, certain(true)
	}
	ports := []networkingv1.NetworkPolicyPort{portFor(f)}
	var rule any = networkingv1.NetworkPolicyIngressRule{From: peers, Ports: ports}
	if d == egress {
		rule = networkingv1.NetworkPolicyEgressRule{To: peers, Ports: ports}
	}
	operation := Operation{Op: "add", Path: "/spec/" + d.field() + "/-", Value: rule}
	if len(p.rules[d]) == 0 {
		operation = Operation{Op: "add", Path: "/spec/" + d.field(), Value: []any{rule}}
	}
	return Change{Policy: p.ref, Operations: []Operation{operation}, Result: result.verdict()}
}

// addressIn is the party's address in a family, if it is known.
func (p party) addressIn(f family) (netip.Addr, bool) {
	switch {
	case p.pod != nil && p.pod.addresses[f].IsValid():
		return p.pod.addresses[f], true
	case p.pod != nil && p.pod.host && p.pod.node != nil:
		return p.pod.node.address(f)
	case p.pod != nil:
		return netip.Addr{}, false
	case p.node != nil:
		return p.node.address(f)
	}
	return p.address, true
}

// portFor admits exactly the port of a flow, as the receiver sees it.
func portFor(f *flow) networkingv1.NetworkPolicyPort {
	proto, number := f.protocol.api(), intstr.FromInt32(f.port)
	return networkingv1.NetworkPolicyPort{Protocol: &proto, Port: &number}
}

// peerFor is the narrowest peer that stays true when pods are replaced, and what it says about the flow; no if none can match.
func (e *Evaluator) peerFor(p *policy, f *flow, d direction) (networkingv1.NetworkPolicyPeer, answer) {
	who := f.peer(d)
	var selecting, blocking networkingv1.NetworkPolicyPeer
	selected, blocked := certain(false), certain(false)
	if who.pod != nil {
		selecting, selected = e.selectingPeer(p, who.pod), certain(true)
		if who.pod.host {
			selected = selected.onlyIf(e.plugin.GovernsHostNetwork, doubtHostNetwork)
		}
	}
	if address, known := who.addressIn(f.family); known && (who.pod == nil || who.pod.host) {
		blocking.IPBlock = &networkingv1.IPBlock{CIDR: netip.PrefixFrom(address, address.BitLen()).String()}
		blocked = e.covers(&peer{block: &block{prefix: netip.PrefixFrom(address, address.BitLen())}}, who, f.family)
	}
	if blocked.level >= selected.level {
		return blocking, e.seenThrough(blocked, f, d)
	}
	return selecting, e.seenThrough(selected, f, d)
}

// seenThrough weakens what a peer says if the receiver may see a node's address instead of the client's.
func (e *Evaluator) seenThrough(seen answer, f *flow, d direction) answer {
	if d == ingress && f.masked() {
		return seen.and(perhaps(doubtSource))
	}
	return seen
}

// selectingPeer selects a pod by its labels, and by the name of its namespace if that is another than the policy's.
func (e *Evaluator) selectingPeer(p *policy, who *pod) networkingv1.NetworkPolicyPeer {
	at := &e.classes[who.class]
	selector := selectorFor(at.labels)
	peer := networkingv1.NetworkPolicyPeer{PodSelector: &selector}
	if at.namespace.name != p.ref.Namespace {
		peer.NamespaceSelector = namespaceNamed(at.namespace.name)
	}
	return peer
}

// namespaceNamed selects one namespace by the label that the API server gives each.
func namespaceNamed(name string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: name}}
}

// volatileLabels are set by controllers and tools and change with a rollout: a policy must not rely on them.
var volatileLabels = map[string]bool{
	"pod-template-hash":                        true,
	"controller-revision-hash":                 true,
	"pod-template-generation":                  true,
	"controller-uid":                           true,
	"job-name":                                 true,
	"batch.kubernetes.io/controller-uid":       true,
	"batch.kubernetes.io/job-name":             true,
	"batch.kubernetes.io/job-completion-index": true,
	"statefulset.kubernetes.io/pod-name":       true,
	"apps.kubernetes.io/pod-index":             true,
	"app.kubernetes.io/version":                true,
	"app.kubernetes.io/managed-by":             true,
	"helm.sh/chart":                            true,
}

// selectorFor selects what has these labels, without the volatile ones unless there are no others. No labels at all select everything.
func selectorFor(set labels.Set) metav1.LabelSelector {
	lasting := map[string]string{}
	for key, value := range set {
		if !volatileLabels[key] {
			lasting[key] = value
		}
	}
	if len(lasting) == 0 {
		for key, value := range set {
			lasting[key] = value
		}
	}
	if len(lasting) == 0 {
		return metav1.LabelSelector{}
	}
	return metav1.LabelSelector{MatchLabels: lasting}
}

// correctPeer edits the selectors of a peer that matches nobody so that they match; one that matches somebody is only ever widened by a value.
func (e *Evaluator) correctPeer(p *policy, f *flow, d direction, at place) ([]Operation, bool) {
	compiled, who := &p.rules[d][at.rule].peers[at.peer], f.peer(d).pod
	if who == nil || compiled.block != nil {
		return nil, false
	}
	object := &p.peersOf(d, at.rule)[at.peer]
	pointer := fmt.Sprintf("%s/%d", at.pointer(d, d.peerField()), at.peer)
	used := e.anyoneIn(compiled.classes)
	home := e.classes[who.class].namespace
	var operations []Operation
	foreign := object.NamespaceSelector == nil && home.name != p.ref.Namespace
	if foreign || object.NamespaceSelector != nil && len(unmet(object.NamespaceSelector, home.labels)) > 0 {
		if used {
			return nil, false
		}
		operations = append(operations, Operation{Op: "add", Path: pointer + "/namespaceSelector", Value: *namespaceNamed(home.name)})
	}
	if object.PodSelector == nil {
		return operations, true
	}
	corrected, ok := correctLabels(object.PodSelector, e.classes[who.class].labels, pointer+"/podSelector")
	if !ok || used && slices.ContainsFunc(corrected, func(o Operation) bool { return o.Op != "add" }) {
		return nil, false
	}
	return append(operations, corrected...), true
}

// anyoneIn reports whether a pod that has not finished is of one of the classes.
func (e *Evaluator) anyoneIn(classes bitset) bool {
	for i := range e.classes {
		if e.classes[i].inhabited && classes.has(i) {
			return true
		}
	}
	return false
}

// correctLabels edits a selector so that it matches a label set: another value in matchLabels, one value more in an In expression. Not ok if
// that cannot be enough.
func correctLabels(selector *metav1.LabelSelector, set labels.Set, pointer string) ([]Operation, bool) {
	var operations []Operation
	for _, failed := range unmet(selector, set) {
		switch {
		case failed.requirement.Operator != metav1.LabelSelectorOpIn || !set.Has(failed.requirement.Key):
			return nil, false
		case failed.expression == All:
			operations = append(operations, Operation{
				Op: "replace", Path: pointer + "/matchLabels/" + escapePointer(failed.requirement.Key), Value: set[failed.requirement.Key],
			})
		default:
			operations = append(operations, Operation{
				Op: "add", Path: fmt.Sprintf("%s/matchExpressions/%d/values/-", pointer, failed.expression), Value: set[failed.requirement.Key],
			})
		}
	}
	return operations, true
}
