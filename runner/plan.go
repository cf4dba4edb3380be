package runner

import (
	"fmt"
	"path"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/scenarios"
)

// Plan is what a run intends to do. It is made without a cluster.
type Plan struct {
	Scenarios []Planned
	Skipped   []Skipped
}

// Planned is a scenario that will be run.
type Planned struct {
	Scenario *scenarios.Scenario
	// Suite is that of the library, empty for a file.
	Suite string
	File  string
	// Topology is everything that the scenario creates at any time but for its policies, Pods the number of its pods.
	Topology scenarios.Topology
	Pods     int

	// changes is the number of its steps that change anything.
	changes int
	naming  naming
	start   []scenarios.Ref
	command string
	// shape is equal for scenarios that can run on one topology in turn, and empty for one that needs its own.
	shape string
}

// NewPlan names the objects of each scenario and leaves out those that cannot run with these options. It fails if a scenario cannot be
// written out or a filter fits nothing.
func NewPlan(all []*scenarios.Scenario, options Options) (*Plan, error) {
	plan := &Plan{}
	matched := len(options.Only) == 0
	for _, scenario := range all {
		planned := Planned{Scenario: scenario, File: scenario.File(), Suite: suiteOf(scenario.File())}
		if reason := obstacle(scenario, options); reason != "" {
			plan.Skipped = append(plan.Skipped, Skipped{
				Name: scenario.Metadata.Name, Suite: planned.Suite, File: planned.File, Reason: reason,
			})
			continue
		}
		var err error
		if planned.naming, err = newNaming(options.Run, options.Tenant, scenario); err != nil {
			return nil, err
		}
		expansion, err := scenarios.Expand(scenario, scenarios.ExpandOptions{Families: scenarios.Families()})
		if err != nil {
			return nil, err
		}
		for _, cells := range selection(expansion, options.Only) {
			matched = matched || len(cells) > 0
		}
		for i := range expansion.Steps[1:] {
			if changesAnything(&expansion.Steps[i+1]) {
				planned.changes++
			}
		}
		planned.Topology, planned.start = planned.naming.topology(), expansion.Start()
		planned.Pods, planned.command = len(planned.Topology.Pods), commandOf(&planned)
		if planned.shape, err = shapeOf(&planned, expansion, options); err != nil {
			return nil, err
		}
		plan.Scenarios = append(plan.Scenarios, planned)
	}
	if !matched && len(plan.Scenarios) > 0 {
		return nil, fmt.Errorf("no cell of these scenarios is %s: see `podknock show`", options.Only[0])
	}
	return plan, nil
}

// MayNeedCanaries tells whether a step of the plan may change policies without a change in any cell, so that canaries would tell when engines
// have caught up. There are none inside one namespace alone.
func (p *Plan) MayNeedCanaries(options Options) bool {
	return options.Tenant == "" && slices.ContainsFunc(p.Scenarios, func(planned Planned) bool { return planned.changes > 0 })
}

// suiteOf is the suite of a file of the library.
func suiteOf(file string) string {
	if directory, ok := strings.CutPrefix(path.Dir(file), "library/"); ok {
		return directory
	}
	return ""
}

// commandOf is the command that runs just this scenario.
func commandOf(planned *Planned) string {
	if planned.Suite != "" {
		return "podknock run " + planned.Suite + "/" + planned.Scenario.Metadata.Name
	}
	return "podknock run " + shellWord(planned.File)
}

// obstacle says why a scenario cannot run with these options, or is empty.
func obstacle(scenario *scenarios.Scenario, options Options) string {
	var missing []string
	for _, external := range scenario.External {
		if !options.External[external.Name] {
			missing = append(missing, external.Name)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		var flags []string
		for _, name := range missing {
			flags = append(flags, "--external "+name+"=ADDRESS")
		}
		return fmt.Sprintf("it needs hosts outside the cluster: name them with %s", strings.Join(flags, " "))
	}
	if options.Tenant != "" {
		return tenantObstacle(scenario)
	}
	if len(options.Reserve) > 0 {
		return reserveObstacle(scenario, len(options.Reserve))
	}
	return ""
}

// Orders are all probe pods of the scenario.
func (p *Planned) Orders(tenant string) []PodOrder {
	var namespaces []string
	for _, pod := range p.Topology.Pods {
		if !slices.Contains(namespaces, pod.Meta.Namespace) {
			namespaces = append(namespaces, pod.Meta.Namespace)
		}
	}
	orders := make([]PodOrder, len(p.Topology.Pods))
	for i, object := range p.Topology.Pods {
		orders[i] = PodOrder{
			PodObject: object, Scenario: p.Scenario.Metadata.Name, Namespaces: namespaces,
			AmongOthers: tenant != "" || !slices.ContainsFunc(p.Topology.Namespaces, func(n scenarios.NamespaceObject) bool {
				return n.Object.Name == object.Meta.Namespace
			}),
		}
	}
	return orders
}

// Policies are all policies that the scenario applies, as they are applied.
func (p *Planned) Policies() []*networkingv1.NetworkPolicy {
	var policies []*networkingv1.NetworkPolicy
	for _, step := range p.Scenario.Steps {
		for _, apply := range step.Apply {
			for i := range apply.Policies {
				policies = append(policies, p.naming.policy(&apply.Policies[i]))
			}
		}
	}
	return policies
}
