package policy

import (
	"errors"
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// reader compiles policies against fixed classes of pods.
type reader struct {
	evaluator *Evaluator
	// pods and namespaces match the labels of each class, and of its namespace.
	pods, namespaces *selectors
}

func (e *Evaluator) reader() *reader {
	sets := make([]labels.Set, len(e.classes))
	homes := make([]labels.Set, len(e.classes))
	for i, class := range e.classes {
		sets[i], homes[i] = class.labels, class.namespace.labels
	}
	return &reader{evaluator: e, pods: newSelectors(sets), namespaces: newSelectors(homes)}
}

func (r *reader) policy(object *networkingv1.NetworkPolicy) (*policy, error) {
	if object.Name == "" {
		return nil, errUnnamed
	}
	if object.Namespace == "" {
		return nil, errNoNamespace
	}
	subjects, err := r.pods.match(&object.Spec.PodSelector)
	if err != nil {
		return nil, fmt.Errorf("spec.podSelector: %w", err)
	}
	compiled := &policy{ref: PolicyRef{object.Namespace, object.Name}, object: object, subjects: subjects}
	for _, listed := range policyTypes(&object.Spec) {
		switch listed {
		case networkingv1.PolicyTypeIngress:
			compiled.governs[ingress] = true
		case networkingv1.PolicyTypeEgress:
			compiled.governs[egress] = true
		default:
			return nil, fmt.Errorf("spec.policyTypes: unknown type %q", listed)
		}
	}
	for i := range object.Spec.Ingress {
		entry := &object.Spec.Ingress[i]
		read, err := r.rule(entry.From, entry.Ports, object.Namespace)
		if err != nil {
			return nil, fmt.Errorf("spec.ingress[%d]: %w", i, err)
		}
		compiled.rules[ingress] = append(compiled.rules[ingress], read)
	}
	for i := range object.Spec.Egress {
		entry := &object.Spec.Egress[i]
		read, err := r.rule(entry.To, entry.Ports, object.Namespace)
		if err != nil {
			return nil, fmt.Errorf("spec.egress[%d]: %w", i, err)
		}
		compiled.rules[egress] = append(compiled.rules[egress], read)
	}
	return compiled, nil
}

// policyTypes applies the API server's default: without policyTypes a policy isolates ingress, and egress if it has egress rules.
func policyTypes(spec *networkingv1.NetworkPolicySpec) []networkingv1.PolicyType {
	if len(spec.PolicyTypes) > 0 {
		return spec.PolicyTypes
	}
	if len(spec.Egress) > 0 {
		return []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	}
	return []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
}

func (r *reader) rule(peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort, home string) (rule, error) {
	var compiled rule
	for i := range peers {
		read, err := r.peer(&peers[i], home)
		if err != nil {
			return rule{}, fmt.Errorf("peer %d: %w", i, err)
		}
		compiled.peers = append(compiled.peers, read)
	}
	for i := range ports {
		read, err := compilePort(&ports[i])
		if err != nil {
			return rule{}, fmt.Errorf("ports[%d]: %w", i, err)
		}
		compiled.ports = append(compiled.ports, read)
	}
	return compiled, nil
}

func (r *reader) peer(object *networkingv1.NetworkPolicyPeer, home string) (peer, error) {
	switch {
	case object.IPBlock != nil && (object.PodSelector != nil || object.NamespaceSelector != nil):
		return peer{}, errors.New("ipBlock together with a selector")
	case object.IPBlock != nil:
		compiled, err := compileBlock(object.IPBlock)
		if err != nil {
			return peer{}, fmt.Errorf("ipBlock: %w", err)
		}
		return peer{block: compiled}, nil
	case object.PodSelector == nil && object.NamespaceSelector == nil:
		return peer{}, errors.New("neither a selector nor an ipBlock")
	}
	matched, err := r.homes(object, home)
	if err != nil {
		return peer{}, fmt.Errorf("namespaceSelector: %w", err)
	}
	if object.PodSelector != nil {
		pods, err := r.pods.match(object.PodSelector)
		if err != nil {
			return peer{}, fmt.Errorf("podSelector: %w", err)
		}
		matched = matched.intersect(pods)
	}
	return peer{classes: matched, elsewhere: object.NamespaceSelector != nil}, nil
}

// homes are the classes in the namespaces that a peer means: those its namespaceSelector matches, without one the policy's own.
func (r *reader) homes(object *networkingv1.NetworkPolicyPeer, home string) (bitset, error) {
	if object.NamespaceSelector != nil {
		return r.namespaces.match(object.NamespaceSelector)
	}
	own := newBitset(len(r.evaluator.classes))
	for i, class := range r.evaluator.classes {
		if class.namespace.name == home {
			own.add(i)
		}
	}
	return own, nil
}
