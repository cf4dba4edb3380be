package policy

import (
	"fmt"
	"net/netip"

	networkingv1 "k8s.io/api/networking/v1"
)

// Evaluator answers queries about one cluster. It is immutable and safe for concurrent use. It refers to the objects that it was compiled
// from: they must not be changed.
type Evaluator struct {
	plugin  Plugin
	partial bool
	// ranges and fronts are where the unknown addresses of pods and Services are, by family.
	ranges, fronts [2][]netip.Prefix
	classes        []class
	pods           map[objectName]*pod
	nodes          map[string]*node
	services       map[objectName]*service
	// byAddress finds the owner of an address. Pods that have finished and hostNetwork pods own none.
	byAddress map[netip.Addr]owner
	// doors are the ways into Services beside their cluster addresses.
	doors map[door]entrance
	// policies are sorted by namespace and name.
	policies []*policy
	// governing lists, for each direction and pod class, the policies that select it.
	governing [2][][]*policy
}

// objectName is the key of a namespaced object.
type objectName struct{ namespace, name string }

// owner is whose address it is: one of the three, or a conflict that names two.
type owner struct {
	pod      *pod
	node     *node
	service  *service
	conflict string
}

func (o owner) endpoint() Endpoint {
	switch {
	case o.pod != nil:
		return o.pod.endpoint
	case o.node != nil:
		return o.node.endpoint
	case o.service != nil:
		return o.service.endpoint
	}
	return Endpoint{}
}

// direction indexes arrays with one entry for each policy type.
type direction int

const (
	egress direction = iota
	ingress
)

// policyType is the direction's name in API objects.
func (d direction) policyType() networkingv1.PolicyType {
	if d == egress {
		return networkingv1.PolicyTypeEgress
	}
	return networkingv1.PolicyTypeIngress
}

// policy is a NetworkPolicy, compiled.
type policy struct {
	ref    PolicyRef
	object *networkingv1.NetworkPolicy
	// subjects are the classes that spec.podSelector matches in any namespace; those of the policy's own are governed.
	subjects bitset
	// governs says which directions policyTypes lists, given or by default.
	governs [2]bool
	rules   [2][]rule
}

// Verdict judges a connection. The error says that the query names something that the cluster does not hold, or makes no sense; it is never
// a verdict.
func (e *Evaluator) Verdict(query Query) (Verdict, error) {
	var room [4]flow
	flows, err := e.resolve(query, room[:0])
	if err != nil {
		return "", err
	}
	if len(flows) == 0 {
		return Depends, nil
	}
	first := e.judge(&flows[0])
	for i := range flows[1:] {
		if e.judge(&flows[1+i]).level != first.level {
			return Depends, nil
		}
	}
	return first.verdict(), nil
}

// judge asks both ends of a flow.
func (e *Evaluator) judge(f *flow) answer {
	leaving, _ := e.end(f, egress)
	if leaving.level == no {
		return leaving
	}
	arriving, _ := e.end(f, ingress)
	return leaving.and(arriving)
}

// Selected lists the pods that a policy selects, sorted by name: hostNetwork pods included, finished ones not.
func (e *Evaluator) Selected(ref PolicyRef) ([]Endpoint, error) {
	for _, p := range e.policies {
		if p.ref == ref {
			return e.selected(p), nil
		}
	}
	return nil, fmt.Errorf("policy %q: not in the cluster", ref)
}
