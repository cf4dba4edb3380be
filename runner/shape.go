package runner

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/podknock/podknock/scenarios"
)

// shapeOf is equal for scenarios that can run on one topology in turn: it is everything that is created for them but for the policies, with the
// names of namespaces as the scenarios have them. It is empty for a scenario that needs a topology of its own: one whose steps change more than
// policies, that does not prove every way before its first policy, whose namespaces are of a reserve, or whose objects somebody wants to look at
// afterwards.
func shapeOf(planned *Planned, expansion *scenarios.Expansion, options Options) (string, error) {
	scenario := planned.Scenario
	if options.Tenant != "" || len(options.Reserve) > 0 || options.Keep || len(options.Only) > 0 || changesTopology(scenario) || !provesAllAtFirst(expansion) {
		return "", nil
	}
	given := map[string]string{}
	for _, namespace := range scenario.Namespaces {
		if namespace.Existing {
			return "", nil
		}
		given[namespace.Name] = namespace.Name
	}
	topology := planned.naming.In(given).Topology()
	slices.SortFunc(topology.Namespaces, func(a, b scenarios.NamespaceObject) int { return strings.Compare(a.Logical, b.Logical) })
	slices.SortFunc(topology.Pods, func(a, b scenarios.PodObject) int { return strings.Compare(a.Logical, b.Logical) })
	text, err := json.Marshal(topology)
	if err != nil {
		return "", fmt.Errorf("compare the topology of scenario %q: %w", scenario.Metadata.Name, err)
	}
	return string(text), nil
}

// changesTopology tells whether steps change namespaces or pods.
func changesTopology(scenario *scenarios.Scenario) bool {
	return slices.ContainsFunc(scenario.Steps, func(step scenarios.Step) bool {
		return len(step.Label) > 0 || len(step.Create) > 0 ||
			slices.ContainsFunc(step.Delete, func(ref scenarios.Ref) bool { return ref.Kind != scenarios.RefPolicy })
	})
}

// provesAllAtFirst tells whether the first step changes nothing and asks everything that later steps ask. Only then does it show whether a
// scenario before has left something behind.
func provesAllAtFirst(expansion *scenarios.Expansion) bool {
	if len(expansion.Steps) == 0 || changesAnything(&expansion.Steps[0]) {
		return false
	}
	proven := map[string]bool{}
	for _, cell := range expansion.Steps[0].Cells {
		proven[cell.String()] = true
	}
	return !slices.ContainsFunc(expansion.Steps, func(step scenarios.ExpandedStep) bool {
		return slices.ContainsFunc(step.Cells, func(cell scenarios.Cell) bool { return canAsk(cell) && !proven[cell.String()] })
	})
}

// changesAnything tells whether the step changes anything in the cluster.
func changesAnything(step *scenarios.ExpandedStep) bool {
	return len(step.Delete)+len(step.Apply)+len(step.Label)+len(step.Create) > 0
}

// onTopologyOf is the planned scenario on the topology of another one of its shape, whose namespaces keep their names.
func (p *Planned) onTopologyOf(names naming) *Planned {
	moved := *p
	given := map[string]string{}
	for _, namespace := range p.Scenario.Namespaces {
		given[namespace.Name] = names.namespace(namespace.Name)
	}
	moved.naming.Naming = p.naming.In(given)
	moved.Topology = moved.naming.topology()
	return &moved
}
