package runner

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/scenarios"
)

// LabelRun is on every object of a run, with the run's id as its value.
const LabelRun = "podknock.dev/run"

// naming gives the objects of a scenario their names in the cluster. Without a tenant that is [scenarios.Naming]; with one, everything lives
// in the tenant's namespace beside pods that are not ours: then pods and policies carry the run's id in their names, and policies select
// pods of this run and scenario only. In namespaces of a reserve Services have names that no other has had: DNS servers remember those of the
// scenario before.
type naming struct {
	scenarios.Naming
	run      string
	scenario *scenarios.Scenario
	tenant   string
	// reserved says that the namespaces are of a reserve.
	reserved bool
}

func newNaming(run, tenant string, scenario *scenarios.Scenario) (naming, error) {
	names, err := scenarios.NewNaming(run, scenario)
	if err != nil {
		return naming{}, err
	}
	return naming{Naming: names, run: run, scenario: scenario, tenant: tenant}, nil
}

// LabelScenario is on pods, with the name of the scenario that they were made for as its value. Others may run on them later, see [pool].
const LabelScenario = "podknock.dev/scenario"

// namespace is the name of a namespace in the cluster.
func (n naming) namespace(name string) string {
	if n.tenant != "" {
		return n.tenant
	}
	return n.Namespace(name)
}

// topology is everything to create.
func (n naming) topology() scenarios.Topology {
	topology := n.Topology()
	if n.reserved {
		for i := range topology.Services {
			topology.Services[i].Name = n.unique(topology.Services[i].Name)
		}
	}
	if n.tenant == "" {
		return topology
	}
	topology.Namespaces = nil
	for i := range topology.Pods {
		pod := &topology.Pods[i]
		pod.Meta.Namespace, pod.Meta.Name = n.tenant, n.unique(pod.Logical)
	}
	for i := range topology.Services {
		service := &topology.Services[i]
		service.Namespace = n.tenant
		service.Name = n.unique(service.Name)
		service.Spec.Selector = withRun(service.Spec.Selector, n.run, n.scenario.Metadata.Name)
	}
	return topology
}

// unique is the name of an object in a namespace that is not the scenario's alone: the last part of the name that its namespace would have, with its own in front.
func (n naming) unique(name string) string {
	const room = 63
	suffix := "-pk-" + n.run + "-" + n.scenario.Metadata.Name
	if len(name)+len(suffix) <= room {
		return name + suffix
	}
	// The name of a namespace of this scenario ends in a hash of run, scenario and name.
	suffix = n.In(nil).Namespace(n.scenario.Namespaces[0].Name)
	suffix = "-pk-" + n.run + suffix[len(suffix)-9:]
	return name[:min(len(name), room-len(suffix))] + suffix
}

func withRun(selector map[string]string, run, scenario string) map[string]string {
	selected := map[string]string{LabelRun: run, LabelScenario: scenario}
	for key, value := range selector {
		selected[key] = value
	}
	return selected
}

// policy is a policy as it is applied.
func (n naming) policy(policy *networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy {
	applied := n.Policy(policy)
	if n.tenant == "" {
		return applied
	}
	applied.Namespace = n.tenant
	applied.Name = n.unique(policy.Name)
	applied.Spec.PodSelector.MatchLabels = withRun(applied.Spec.PodSelector.MatchLabels, n.run, n.scenario.Metadata.Name)
	return applied
}

// policyRef is the namespace and the name of a policy in the cluster.
func (n naming) policyRef(ref scenarios.Ref) (namespace, name string) {
	if n.tenant != "" {
		return n.tenant, n.unique(ref.Name)
	}
	return n.PolicyRef(ref).Namespace, ref.Name
}

// hostName is the name that a source resolves.
func (n naming) hostName(endpoint scenarios.Endpoint) string {
	if endpoint.Kind != scenarios.EndpointServiceName || n.tenant == "" && !n.reserved {
		return n.HostName(endpoint)
	}
	i := slices.IndexFunc(n.scenario.Services, func(s scenarios.Service) bool { return s.Name == endpoint.Name })
	return n.unique(endpoint.Name) + "." + n.namespace(n.scenario.Services[i].Namespace) + ".svc"
}

// tenantObstacle says why a scenario cannot happen inside one existing namespace, or is empty.
func tenantObstacle(scenario *scenarios.Scenario) string {
	switch {
	case len(scenario.Namespaces) != 1 || scenario.Namespaces[0].Existing:
		return "it needs other namespaces than the one given with --namespace"
	case len(scenario.Namespaces[0].Labels) > 0:
		return "it needs labels on its namespace, which belongs to others under --namespace"
	}
	for _, pod := range scenario.Pods {
		if pod.HostNetwork {
			return "it needs pods in the network of their nodes, which belong into a namespace of their own"
		}
	}
	for _, step := range scenario.Steps {
		if slices.ContainsFunc(append(slices.Clone(step.Delete), step.Create...), isNamespace) ||
			slices.ContainsFunc(step.Label, func(c scenarios.LabelChange) bool { return isNamespace(c.Object) }) {
			return "it changes its namespace, which belongs to others under --namespace"
		}
		for _, apply := range step.Apply {
			for i := range apply.Policies {
				if selectsNamespacesByName(&apply.Policies[i]) {
					return "its policies select namespaces by name"
				}
			}
		}
	}
	return ""
}

func isNamespace(ref scenarios.Ref) bool { return ref.Kind == scenarios.RefNamespace }

func selectsNamespacesByName(policy *networkingv1.NetworkPolicy) bool {
	named := func(peers []networkingv1.NetworkPolicyPeer) bool {
		return slices.ContainsFunc(peers, func(peer networkingv1.NetworkPolicyPeer) bool {
			if peer.NamespaceSelector == nil {
				return false
			}
			if _, ok := peer.NamespaceSelector.MatchLabels[corev1.LabelMetadataName]; ok {
				return true
			}
			return slices.ContainsFunc(peer.NamespaceSelector.MatchExpressions, func(e metav1.LabelSelectorRequirement) bool {
				return e.Key == corev1.LabelMetadataName
			})
		})
	}
	for _, rule := range policy.Spec.Ingress {
		if named(rule.From) {
			return true
		}
	}
	for _, rule := range policy.Spec.Egress {
		if named(rule.To) {
			return true
		}
	}
	return false
}
