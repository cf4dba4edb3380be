package runner

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/scenarios"
)

// policyName is the namespace and the name of a policy in the cluster.
type policyName struct{ namespace, name string }

// compare orders policies by namespace and name.
func (p policyName) compare(other policyName) int {
	return cmp.Or(strings.Compare(p.namespace, other.namespace), strings.Compare(p.name, other.name))
}

// change makes the changes of a step, each kind after the other as the scenario's format says.
func (l *lane) change(ctx context.Context, step *scenarios.ExpandedStep) error {
	for _, ref := range step.Delete {
		if err := l.remove(ctx, ref); err != nil {
			return fmt.Errorf("delete %s: %w", ref, err)
		}
	}
	for _, apply := range step.Apply {
		for i := range apply.Policies {
			policy := l.book.naming.policy(&apply.Policies[i])
			version, err := l.cluster.ApplyPolicy(ctx, policy)
			if err != nil {
				return fmt.Errorf("apply policy/%s: %w", apply.Policies[i].Name, err)
			}
			l.applied[policyName{policy.Namespace, policy.Name}] = version
		}
	}
	for _, change := range step.Label {
		if err := l.label(ctx, change); err != nil {
			return fmt.Errorf("label %s: %w", change.Object, err)
		}
	}
	if len(step.Create) == 0 {
		return nil
	}
	return l.create(ctx, l.missing(step))
}

// remove deletes one object. What a namespace holds goes with it.
func (l *lane) remove(ctx context.Context, ref scenarios.Ref) error {
	switch ref.Kind {
	case scenarios.RefPolicy:
		namespace, name := l.book.naming.policyRef(ref)
		delete(l.applied, policyName{namespace, name})
		return l.cluster.DeletePolicy(ctx, namespace, name)
	case scenarios.RefPod:
		object := l.podObject(ref.Name)
		l.forgetPod(ref.Name)
		return l.cluster.DeletePod(ctx, object.Meta.Namespace, object.Meta.Name)
	}
	name := l.book.naming.namespace(ref.Name)
	delete(l.alive, ref)
	for _, pod := range l.scenario.Pods {
		if pod.Namespace == ref.Name {
			l.forgetPod(pod.Name)
		}
	}
	for _, service := range l.scenario.Services {
		if service.Namespace == ref.Name {
			delete(l.book.services, service.Name)
		}
	}
	maps.DeleteFunc(l.applied, func(p policyName, _ string) bool { return p.namespace == name })
	return l.cluster.DeleteNamespace(ctx, name, l.created(ref))
}

// created tells whether a later step creates the namespace again under the same name, so that its end has to be waited for.
func (l *lane) created(ref scenarios.Ref) bool {
	return slices.ContainsFunc(l.scenario.Steps, func(s scenarios.Step) bool { return slices.Contains(s.Create, ref) })
}

func (l *lane) forgetPod(name string) {
	delete(l.alive, scenarios.Ref{Kind: scenarios.RefPod, Name: name})
	if agent := l.agents[name]; agent != nil {
		agent.Close()
	}
	delete(l.agents, name)
	delete(l.book.pods, name)
	delete(l.book.problems, name)
}

func (l *lane) podObject(name string) PodOrder {
	return l.orders[slices.IndexFunc(l.orders, func(o PodOrder) bool { return o.Logical == name })]
}

func (l *lane) label(ctx context.Context, change scenarios.LabelChange) error {
	if isNamespace(change.Object) {
		return l.cluster.LabelNamespace(ctx, l.book.naming.namespace(change.Object.Name), change.Labels)
	}
	if l.book.problems[change.Object.Name] != "" {
		return nil // a pod that did not start has no labels to change, and its cells are errors already
	}
	object := l.podObject(change.Object.Name)
	return l.cluster.LabelPod(ctx, object.Meta.Namespace, object.Meta.Name, change.Labels)
}

// missing are the namespaces and pods that exist after a step and not yet.
func (l *lane) missing(step *scenarios.ExpandedStep) []scenarios.Ref {
	var refs []scenarios.Ref
	cluster := step.Cluster()
	for _, namespace := range l.scenario.Namespaces {
		ref := scenarios.Ref{Kind: scenarios.RefNamespace, Name: namespace.Name}
		lives := slices.ContainsFunc(cluster.Namespaces, func(n corev1.Namespace) bool { return n.Name == namespace.Name })
		if lives && !l.alive[ref] {
			refs = append(refs, ref)
		}
	}
	for _, pod := range cluster.Pods {
		ref := scenarios.Ref{Kind: scenarios.RefPod, Name: pod.Name}
		declared := slices.ContainsFunc(l.scenario.Pods, func(p scenarios.Pod) bool {
			return p.Name == pod.Name && p.Namespace == pod.Namespace
		})
		if declared && !l.alive[ref] {
			refs = append(refs, ref)
		}
	}
	return refs
}

// describeChanges says what a step does, in the scenario's names.
func describeChanges(step *scenarios.ExpandedStep) []string {
	var changes []string
	for _, ref := range step.Delete {
		changes = append(changes, "delete "+ref.String())
	}
	for _, apply := range step.Apply {
		for _, policy := range apply.Policies {
			changes = append(changes, fmt.Sprintf("apply policy/%s/%s", policy.Namespace, policy.Name))
		}
	}
	for _, change := range step.Label {
		var words []string
		for _, key := range slices.Sorted(maps.Keys(change.Labels)) {
			if value := change.Labels[key]; value != nil {
				words = append(words, key+"="+*value)
			} else {
				words = append(words, key+"-")
			}
		}
		changes = append(changes, fmt.Sprintf("label %s %s", change.Object, strings.Join(words, " ")))
	}
	for _, ref := range step.Create {
		changes = append(changes, "create "+ref.String())
	}
	return changes
}

// ofARun tells whether a policy is of a run of podknock. Where several share a namespace, each policy selects the pods of its own run and
// scenario alone, see [naming].
func ofARun(policy *networkingv1.NetworkPolicy) bool { return policy.Labels[LabelRun] != "" }

// PolicyVersion tells apart the contents of one policy over time. Its resourceVersion would not do: the controllers of some engines put a finalizer or
// an annotation on each policy (that of Amazon's VPC CNI does), while generation counts the changes of the spec alone, see the strategy of
// NetworkPolicies in k8s.io/kubernetes/pkg/registry/networking/networkpolicy.
func PolicyVersion(policy *networkingv1.NetworkPolicy) string {
	return fmt.Sprintf("%s/%d", policy.UID, policy.Generation)
}

// meddling says which of our policies somebody else has changed or removed, and which were added, since they were applied. It is empty if
// nobody has.
func (l *lane) meddling(ctx context.Context) (string, error) {
	seen := map[policyName]bool{}
	for _, namespace := range l.ownNamespaces() {
		policies, err := l.cluster.ListPolicies(ctx, namespace)
		if err != nil {
			return "", err
		}
		for _, policy := range policies {
			name := policyName{policy.Namespace, policy.Name}
			version, ours := l.applied[name]
			seen[name] = true
			if ours && (version != PolicyVersion(&policy) || policy.DeletionTimestamp != nil) {
				return fmt.Sprintf("NetworkPolicy %q was changed by somebody else during the step%s", policy.Name, changedBy(policy.ManagedFields)), nil
			}
			text := theirPolicy(policy.Name, policy.Namespace)
			if !ours && !ofARun(&policy) && !slices.Contains(l.unclean, text) {
				return fmt.Sprintf("NetworkPolicy %q was added by somebody else during the run%s", policy.Name, changedBy(policy.ManagedFields)), nil
			}
		}
	}
	for name := range l.applied {
		if !seen[name] {
			return fmt.Sprintf("NetworkPolicy %q was deleted by somebody else during the step", name.name), nil
		}
	}
	return "", nil
}
