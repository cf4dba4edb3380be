package generate

import (
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/scenarios"
	"github.com/podknock/podknock/scenarios/policy"
)

// proven lists the rules without which some cell of a step would have another verdict.
func (m *maker) proven(step *scenarios.ExpandedStep, object *networkingv1.NetworkPolicy) ([]string, error) {
	queries := m.queries(step)
	whole, err := verdicts(step.Cluster(), object, queries)
	if err != nil {
		return nil, err
	}
	var fields []string
	for _, r := range rulesOf(object) {
		if !r.governed {
			continue
		}
		without, err := verdicts(step.Cluster(), dropRule(object, &r), queries)
		if err != nil {
			return nil, err
		}
		if !slices.Equal(whole, without) {
			fields = append(fields, r.field())
		}
	}
	return fields, nil
}

// verdicts judges queries as if the policy were the only one.
func verdicts(cluster policy.Cluster, object *networkingv1.NetworkPolicy, queries []policy.Query) ([]policy.Verdict, error) {
	cluster.Policies = []networkingv1.NetworkPolicy{*object}
	evaluator, err := policy.Compile(cluster)
	if err != nil {
		return nil, fmt.Errorf("judge policy %q: %w", refOf(object), err)
	}
	said := make([]policy.Verdict, len(queries))
	for i, query := range queries {
		if said[i], err = evaluator.Verdict(query); err != nil {
			return nil, fmt.Errorf("judge policy %q: %w", refOf(object), err)
		}
	}
	return said, nil
}

// queries are the cells as the evaluator is asked about them. Whoever serves DNS is the one pod that the step knows and the scenario does not.
func (m *maker) queries(step *scenarios.ExpandedStep) []policy.Query {
	cluster := step.Cluster()
	known := map[string]policy.Endpoint{}
	for _, one := range m.pods {
		known[one.name] = policy.Pod(one.namespace, one.name)
	}
	var dns policy.Endpoint
	for i := range cluster.Pods {
		if name := cluster.Pods[i].Name; known[name] != policy.Pod(cluster.Pods[i].Namespace, name) {
			dns = policy.Pod(cluster.Pods[i].Namespace, name)
		}
	}
	queries := make([]policy.Query, len(step.Cells))
	for i := range step.Cells {
		cell := &step.Cells[i]
		query := policy.Query{From: known[cell.From.Name], To: known[cell.To.Name], Port: cell.Port, Protocol: cell.Protocol, Family: cell.Family}
		switch cell.To.Kind {
		case scenarios.EndpointDNS:
			query.To, query.Port = dns, dnsPort
		case scenarios.EndpointExternal:
			for _, one := range m.hosts {
				if one.name == cell.To.Name {
					query.To = policy.Address(one.address)
				}
			}
		}
		queries[i] = query
	}
	return queries
}

// dnsPort is where DNS servers listen.
const dnsPort = 53
