package scenarios

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// AxesOf lists what a cell of an expansion is about, in the order of [Axes]. These are
//
//   - the axes that the scenario declares, once a policy is or was in force: before that, a cell says nothing about policies;
//   - those of the step, and those of the line that states the cell's expectation, also where it was kept from an earlier step;
//   - the changes that the cell's expectation goes back to: of policies, of labels, and the birth of a pod under policies. A change
//     belongs to the cells whose expectation it altered, in its own step and in all later ones; the deletion of a policy to all cells;
//   - what the policies in force rest on at the ends of the cell: directions, selectors, peers, ports, rules;
//   - what the cell itself shows: protocol, family, path, and the placement if the scenario asks for one.
//
// The arguments step and cell are indexes in the expansion.
func AxesOf(expansion *Expansion, step, cell int) []Axis {
	at := &expansion.Steps[step]
	c := at.Cells[cell]
	var names []AxisName
	if at.world.governed {
		names = append(names, expansion.Scenario.Axes...)
	}
	if at.Step >= 0 {
		names = append(names, expansion.Scenario.Steps[at.Step].Axes...)
	}
	names = append(names, c.declared...)
	names = append(names, c.changes...)
	names = append(names, at.world.policyAxes(c)...)
	names = append(names, at.world.way(c)...)
	names = append(names, at.world.placement(c)...)
	return slices.DeleteFunc(Axes(), func(axis Axis) bool { return !slices.Contains(names, axis.Name) })
}

// changeAxes are the kinds of changes that a step makes to what was there before it.
func (w *world) changeAxes(step *Step) []AxisName {
	var names []AxisName
	deleted := map[policyKey]bool{}
	for _, ref := range step.Delete {
		switch ref.Kind {
		case RefPolicy:
			names = append(names, AxisPolicyDelete)
			deleted[policyKey{Namespace: ref.Namespace, Name: ref.Name}] = true
		case RefNamespace:
			names = append(names, AxisPolicyDelete)
		}
	}
	for _, apply := range step.Apply {
		for i := range apply.Policies {
			key := keyOf(&apply.Policies[i])
			if _, known := w.policies[key]; known && !deleted[key] {
				names = append(names, AxisPolicyUpdate)
			} else {
				names = append(names, AxisPolicyCreate)
			}
		}
	}
	for _, change := range step.Label {
		if change.Object.Kind == RefPod {
			names = append(names, AxisPodLabelChange)
		} else {
			names = append(names, AxisNamespaceLabelChange)
		}
	}
	return names
}

// changesOf are the changes that a cell's expectation goes back to, given what was decided before and what the present step changes.
func (e *expander) changesOf(key cellKey, now decision) []AxisName {
	before, ok := e.last[key]
	if !ok || before.births != now.births {
		if len(e.world.policies) > 0 && max(now.births[0], now.births[1]) > 0 {
			return []AxisName{AxisPodBornLater}
		}
		return nil
	}
	switch {
	case before.expected != now.expected:
		return slices.Concat(before.changes, e.changing)
	case slices.Contains(e.changing, AxisPolicyDelete):
		return append(slices.Clone(before.changes), AxisPolicyDelete) // what other policies say has to stay
	}
	return before.changes
}

// receivers are the pods that a knock may end at.
func (w *world) receivers(to Endpoint) []string {
	switch to.Kind {
	case EndpointPod:
		return []string{to.Name}
	case EndpointService, EndpointServiceName, EndpointNodePort:
		var names []string
		for _, pod := range w.livingPods() {
			if w.selects(w.scenario.service(to.Name), pod) {
				names = append(names, pod.Name)
			}
		}
		return names
	}
	return nil
}

// way is by which protocol, family and path a cell goes.
func (w *world) way(c Cell) []AxisName {
	names := []AxisName{map[corev1.Protocol]AxisName{
		corev1.ProtocolTCP: AxisTCP, corev1.ProtocolUDP: AxisUDP, corev1.ProtocolSCTP: AxisSCTP,
	}[c.Protocol]}
	if c.Family == corev1.IPv6Protocol {
		names = append(names, AxisIPv6)
	} else {
		names = append(names, AxisIPv4)
	}
	switch c.To.Kind {
	case EndpointPod:
		names = append(names, AxisPodIP)
	case EndpointService:
		names = append(names, AxisTranslated, AxisClusterIP)
	case EndpointServiceName:
		names = append(names, AxisServiceName)
		if w.scenario.service(c.To.Name).Type == Headless {
			names = append(names, AxisHeadless)
		} else {
			names = append(names, AxisTranslated, AxisClusterIP)
		}
	case EndpointNodePort:
		names = append(names, AxisTranslated, AxisNodePort)
	case EndpointNode:
		names = append(names, AxisNodeIP)
	case EndpointDNS:
		names = append(names, AxisDNS)
		if c.Protocol == corev1.ProtocolTCP {
			names = append(names, AxisDNSTCP)
		} else {
			names = append(names, AxisDNSUDP)
		}
	case EndpointExternal, EndpointHostName:
		names = append(names, AxisExternal)
	}
	return names
}

// placement is what the scenario says about the nodes of a cell's ends, and whether the cell is one that the API leaves to the plugin for
// where its ends are.
func (w *world) placement(c Cell) []AxisName {
	if c.From.Kind != EndpointPod {
		return nil
	}
	var names []AxisName
	from := w.scenario.pod(c.From.Name)
	receivers := w.receivers(c.To)
	if from.HostNetwork || slices.ContainsFunc(receivers, func(pod string) bool { return w.scenario.pod(pod).HostNetwork }) {
		names = append(names, AxisHostNetwork)
	}
	if c.To.Kind == EndpointNode {
		if w.scenario.placedWith(c.To.Node) == w.scenario.placedWith(from.Name) {
			names = append(names, AxisOwnNode)
		}
		return names
	}
	if slices.Contains(receivers, from.Name) {
		return append(names, AxisLoopback)
	}
	same, other := len(receivers) > 0, len(receivers) > 0
	for _, pod := range receivers {
		same = same && w.scenario.placedWith(pod) == w.scenario.placedWith(from.Name)
		other = other && w.scenario.placedApart(pod, from.Name)
	}
	switch {
	case same && slices.Contains(names, AxisHostNetwork):
		names = append(names, AxisOwnNode)
	case same:
		names = append(names, AxisSameNode)
	case other:
		names = append(names, AxisOtherNode)
	}
	return names
}

// placedApart reports whether the scenario puts two pods on different nodes.
func (s *Scenario) placedApart(one, other string) bool {
	one, other = s.placedWith(one), s.placedWith(other)
	return slices.ContainsFunc(s.Pods, func(pod Pod) bool {
		if pod.OtherNodeThan == "" {
			return false
		}
		a, b := s.placedWith(pod.Name), s.placedWith(pod.OtherNodeThan)
		return a == one && b == other || a == other && b == one
	})
}
