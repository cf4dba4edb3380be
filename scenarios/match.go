package scenarios

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// matches iterates over the cells that an expectation names in the present world. Names that mean nothing are passed to fail, once each.
func (e *expander) matches(expectation Expectation, fail func(error)) func(yield func(cellKey) bool) {
	return func(yield func(cellKey) bool) {
		type aim struct {
			knocks   []knock
			wildcard bool
		}
		var aims []aim
		for _, to := range expectation.To {
			knocks, err := e.world.knocks(to)
			if err != nil {
				fail(err)
			}
			aims = append(aims, aim{knocks, to.Kind == TargetAll})
		}
		for _, from := range expectation.From {
			sources, err := e.world.sources(from)
			if err != nil {
				fail(err)
			}
			for _, source := range sources {
				for _, aim := range aims {
					for _, k := range aim.knocks {
						if e.work++; e.work > maxWork {
							return
						}
						if (from.Wildcard() || aim.wildcard) && e.reachesItself(source, k.to) {
							continue
						}
						for _, family := range e.familiesOf(source, k.to) {
							if expectation.Family != "" && string(expectation.Family) != string(family) {
								continue
							}
							if !yield(cellKey{source, k, family}) {
								return
							}
						}
					}
				}
			}
		}
	}
}

// reachesItself reports whether a knock may come back to the pod that made it. Wildcards leave that out.
func (e *expander) reachesItself(source, to Endpoint) bool {
	if source == to {
		return true
	}
	switch to.Kind {
	case EndpointService, EndpointServiceName, EndpointNodePort:
		return source.Kind == EndpointPod && e.world.selects(e.scenario.service(to.Name), e.scenario.pod(source.Name))
	}
	return false
}

// familiesOf are the families in which two endpoints can meet.
func (e *expander) familiesOf(from, to Endpoint) []corev1.IPFamily {
	families := e.families
	for _, endpoint := range []Endpoint{from, to} {
		switch endpoint.Kind {
		case EndpointDNS:
			families = families[:min(1, len(families))]
		case EndpointExternal:
			own := addressFamilies(e.scenario.externalHost(endpoint.Name).Addresses)
			families = slices.DeleteFunc(slices.Clone(families), func(f corev1.IPFamily) bool {
				return !slices.Contains(own, Family(f))
			})
		}
	}
	return families
}

// betweenPods are the cells that every step has: each pod and each declared port of each other pod.
func (e *expander) betweenPods() []cellKey {
	return e.cells(Expectation{From: []Source{{}}, To: []Target{{Kind: TargetAll}}})
}

// beyondPods are the cells from pods to every declared port of Services and external hosts, which computed expectations cover too.
func (e *expander) beyondPods() []cellKey {
	var targets []Target
	for _, service := range e.scenario.Services {
		if _, ok := e.world.namespaces[service.Namespace]; !ok {
			continue
		}
		kind := TargetNamed
		if service.Type == Headless {
			kind = TargetName
		}
		targets = append(targets, Target{Kind: kind, Name: service.Name})
	}
	for _, external := range e.scenario.External {
		if len(external.Ports) > 0 {
			targets = append(targets, Target{Kind: TargetNamed, Name: external.Name})
		}
	}
	return e.cells(Expectation{From: []Source{{}}, To: targets})
}

// cells lists what an expectation of sound names matches.
func (e *expander) cells(expectation Expectation) []cellKey {
	return slices.Collect(e.matches(expectation, func(error) {}))
}

// namedBefore are the cells that earlier steps named and that can still be tried.
func (e *expander) namedBefore() []cellKey {
	var keys []cellKey
	for key := range e.named {
		if e.possible(key.from) && e.possible(key.to) {
			keys = append(keys, key)
		}
	}
	return keys
}

// possible reports whether an endpoint exists now.
func (e *expander) possible(endpoint Endpoint) bool {
	switch endpoint.Kind {
	case EndpointPod:
		return e.world.lives(Ref{Kind: RefPod, Name: endpoint.Name})
	case EndpointNode:
		return e.world.lives(Ref{Kind: RefPod, Name: endpoint.Node})
	case EndpointNodePort:
		return e.world.lives(Ref{Kind: RefPod, Name: endpoint.Node}) && e.possible(Endpoint{Kind: EndpointService, Name: endpoint.Name})
	case EndpointService, EndpointServiceName:
		return e.world.lives(Ref{Kind: RefNamespace, Name: e.scenario.service(endpoint.Name).Namespace})
	}
	return true
}
