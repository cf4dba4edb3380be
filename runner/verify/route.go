package verify

import (
	"slices"

	"github.com/podknock/podknock/scenarios"
)

// route is which nodes the packets of a knock pass on their way to the end where they are judged and beyond: those whose engines see them.
type route struct {
	// nodes are those that they surely pass.
	nodes []string
	// open says that they may pass others as well, which nobody knows.
	open bool
}

// route is the way of a knock, or of the question to the DNS that it begins with.
func (k *knock) route(at end) route {
	var r route
	inPodNetwork := !k.fromNodeNetwork()
	if k.source != "" && inPodNetwork {
		r.nodes = []string{k.source}
	}
	switch {
	case at == asking, k.cell.To.Kind == scenarios.EndpointDNS, !inPodNetwork:
		r.open = true
	case k.cell.To.Kind == scenarios.EndpointNode, k.cell.To.Kind == scenarios.EndpointNodePort:
		r.open = true // the node in between forwards, or its own network takes it in: engines differ in what they look at there
	case k.target == "" && len(k.receivers) > 0:
		r.open = true
	}
	if at != asking && k.target != "" && !slices.Contains(r.nodes, k.target) {
		r.nodes = append(r.nodes, k.target)
	}
	return r
}

// fromNodeNetwork tells whether the source is a pod in the network of its node, whose packets not every engine sees on the way out.
func (k *knock) fromNodeNetwork() bool {
	if k.cell.From.Kind != scenarios.EndpointPod {
		return true
	}
	return slices.ContainsFunc(k.story.expansion.Scenario.Pods, func(p scenarios.Pod) bool { return p.Name == k.cell.From.Name && p.HostNetwork })
}

// joint is the answer about an end where each node on the way decides about it, some of them with a defect and the others without.
func (r route) joint(right, wrong level, defective func(node string) bool) level {
	if right == wrong {
		return right
	}
	bad := slices.ContainsFunc(r.nodes, defective)
	good := slices.ContainsFunc(r.nodes, func(node string) bool { return !defective(node) })
	var possible []level
	if !good && (bad || r.open) {
		possible = append(possible, wrong)
	}
	if !bad && (good || r.open) {
		possible = append(possible, right)
	}
	if bad && good || r.open {
		possible = append(possible, min(right, wrong))
	}
	if len(possible) == 0 || slices.ContainsFunc(possible, func(l level) bool { return l != possible[0] }) {
		return unsure
	}
	return possible[0]
}
