package scenarios

import (
	"fmt"
	"maps"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/scenarios/internal/strict"
)

// world is what exists at one point of a scenario. Methods that change it work on a clone.
type world struct {
	scenario *Scenario
	// namespaces and pods hold those that exist, with their labels of the moment.
	namespaces map[string]map[string]string
	pods       map[string]livingPod
	policies   map[policyKey]*networkingv1.NetworkPolicy
	// governed says that a policy is or was in force.
	governed bool
}

// livingPod is a pod that exists.
type livingPod struct {
	labels map[string]string
	// birth counts the steps before the pod came into being, so that a pod that was deleted and created again is another one.
	birth int
}

// newWorld is what exists before the first step: everything but what a step creates without having deleted it before.
func newWorld(s *Scenario) *world {
	w := &world{
		scenario: s, namespaces: map[string]map[string]string{}, pods: map[string]livingPod{},
		policies: map[policyKey]*networkingv1.NetworkPolicy{},
	}
	later := s.createdFirst()
	for _, namespace := range s.Namespaces {
		if !later[Ref{Kind: RefNamespace, Name: namespace.Name}] {
			w.namespaces[namespace.Name] = maps.Clone(namespace.Labels)
		}
	}
	for _, pod := range s.Pods {
		_, housed := w.namespaces[pod.Namespace]
		if housed && !later[Ref{Kind: RefPod, Name: pod.Name}] {
			w.pods[pod.Name] = livingPod{labels: maps.Clone(pod.Labels)}
		}
	}
	return w
}

// createdFirst are the objects that some step creates before any deletes them.
func (s *Scenario) createdFirst() map[Ref]bool {
	created, seen := map[Ref]bool{}, map[Ref]bool{}
	for _, step := range s.Steps {
		for _, ref := range step.Delete {
			seen[ref] = true
		}
		for _, ref := range step.Create {
			created[ref] = created[ref] || !seen[ref]
			seen[ref] = true
		}
	}
	return created
}

func (w *world) clone() *world {
	clone := *w
	clone.namespaces, clone.pods, clone.policies = maps.Clone(w.namespaces), maps.Clone(w.pods), maps.Clone(w.policies)
	return &clone
}

// fault is what is wrong with one part of a step.
type fault struct {
	// field is the path below the step.
	field   string
	message string
}

// after is the world after a step's changes. The number counts steps from 1. Faults say which changes were impossible; they are left out of
// the result.
func (w *world) after(step *Step, number int) (*world, []fault) {
	next := w.clone()
	var faults []fault
	try := func(field string, err error) {
		if err != nil {
			faults = append(faults, fault{field, err.Error()})
		}
	}
	for i := range step.Delete {
		try(strict.Index("delete", i), next.delete(&step.Delete[i]))
	}
	for i := range step.Apply {
		for j := range step.Apply[i].Policies {
			try(strict.Index("apply", i), next.apply(&step.Apply[i].Policies[j]))
		}
	}
	for i := range step.Label {
		try(strict.Key("label", step.Label[i].Object.String()), next.label(&step.Label[i]))
	}
	for i, ref := range step.Create {
		try(strict.Index("create", i), next.create(ref, step.Create, number))
	}
	next.governed = next.governed || len(next.policies) > 0
	return next, faults
}

// delete removes an object. It completes the reference to a policy.
func (w *world) delete(ref *Ref) error {
	switch ref.Kind {
	case RefPod:
		if err := w.mustLive(*ref); err != nil {
			return err
		}
		delete(w.pods, ref.Name)
	case RefNamespace:
		if err := w.mustLive(*ref); err != nil {
			return err
		}
		if w.scenario.namespace(ref.Name).Existing {
			return fmt.Errorf("the namespace %q exists in the cluster: only own ones can be deleted", ref.Name)
		}
		delete(w.namespaces, ref.Name)
		maps.DeleteFunc(w.pods, func(name string, _ livingPod) bool { return w.scenario.pod(name).Namespace == ref.Name })
		maps.DeleteFunc(w.policies, func(key policyKey, _ *networkingv1.NetworkPolicy) bool { return key.Namespace == ref.Name })
	case RefPolicy:
		key, err := w.findPolicy(*ref)
		if err != nil {
			return err
		}
		if ref.Namespace == "" {
			ref.Namespace = key.Namespace
		}
		delete(w.policies, key)
	}
	return nil
}

// findPolicy finds the policy in force that a reference means.
func (w *world) findPolicy(ref Ref) (policyKey, error) {
	var found []policyKey
	var names []string
	for _, key := range sortedPolicyKeys(w.policies) {
		names = append(names, key.Name)
		if key.Name == ref.Name && (ref.Namespace == "" || ref.Namespace == key.Namespace) {
			found = append(found, key)
		}
	}
	switch len(found) {
	case 0:
		return policyKey{}, fmt.Errorf("no policy %q is in force here: %s", ref.Name, strict.Suggest(ref.Name, names))
	case 1:
		return found[0], nil
	}
	return policyKey{}, fmt.Errorf("%d policies are called %q: write policy/%s/%s, or another namespace", len(found), ref.Name,
		found[0].Namespace, ref.Name)
}

func (w *world) apply(policy *networkingv1.NetworkPolicy) error {
	if _, ok := w.namespaces[policy.Namespace]; !ok {
		return fmt.Errorf("the namespace %q of policy %q does not exist at this step: create it before", policy.Namespace, policy.Name)
	}
	w.policies[keyOf(policy)] = policy
	return nil
}

func (w *world) label(change *LabelChange) error {
	ref := change.Object
	if err := w.mustLive(ref); err != nil {
		return err
	}
	if ref.Kind == RefPod {
		pod := w.pods[ref.Name]
		pod.labels = relabelled(pod.labels, change.Labels)
		w.pods[ref.Name] = pod
		return nil
	}
	if w.scenario.namespace(ref.Name).Existing {
		return fmt.Errorf("the namespace %q exists in the cluster: only own ones can be labelled", ref.Name)
	}
	w.namespaces[ref.Name] = relabelled(w.namespaces[ref.Name], change.Labels)
	return nil
}

// relabelled applies changes to labels; nil removes.
func relabelled(labels map[string]string, changes map[string]*string) map[string]string {
	result := maps.Clone(labels)
	if result == nil {
		result = map[string]string{}
	}
	for key, value := range changes {
		if value == nil {
			delete(result, key)
			continue
		}
		result[key] = *value
	}
	return result
}

// create brings an object into being. A namespace brings its pods with it, but for those that are created on their own.
func (w *world) create(ref Ref, together []Ref, number int) error {
	if w.lives(ref) {
		return fmt.Errorf("%s is already there at this step: delete it before", ref)
	}
	if ref.Kind == RefPod {
		pod := w.scenario.pod(ref.Name)
		if _, ok := w.namespaces[pod.Namespace]; !ok {
			return fmt.Errorf("the namespace %q of %s does not exist at this step: create it before", pod.Namespace, ref)
		}
		w.pods[ref.Name] = livingPod{labels: maps.Clone(pod.Labels), birth: number}
		return nil
	}
	w.namespaces[ref.Name] = maps.Clone(w.scenario.namespace(ref.Name).Labels)
	later := w.scenario.createdFirst()
	for _, pod := range w.scenario.Pods {
		own := Ref{Kind: RefPod, Name: pod.Name}
		if pod.Namespace == ref.Name && !later[own] && !slices.Contains(together, own) {
			w.pods[pod.Name] = livingPod{labels: maps.Clone(pod.Labels), birth: number}
		}
	}
	return nil
}

// lives reports whether a pod or namespace exists.
func (w *world) lives(ref Ref) bool {
	if ref.Kind == RefPod {
		_, ok := w.pods[ref.Name]
		return ok
	}
	_, ok := w.namespaces[ref.Name]
	return ok
}

func (w *world) mustLive(ref Ref) error {
	if !w.lives(ref) {
		return fmt.Errorf("%s is not there at this step: create it before", ref)
	}
	return nil
}

// livingPods are the pods that exist, in the order of the file.
func (w *world) livingPods() []*Pod {
	var pods []*Pod
	for i := range w.scenario.Pods {
		if _, ok := w.pods[w.scenario.Pods[i].Name]; ok {
			pods = append(pods, &w.scenario.Pods[i])
		}
	}
	return pods
}

// selects reports whether a Service has a pod behind it.
func (w *world) selects(service *Service, pod *Pod) bool {
	living, ok := w.pods[pod.Name]
	if !ok || pod.Namespace != service.Namespace || len(service.Selector) == 0 {
		return false
	}
	for key, value := range service.Selector {
		if found, ok := living.labels[key]; !ok || found != value {
			return false
		}
	}
	return true
}

// pod, namespace, service and externalHost find an object by its name; nil if there is none.
func (s *Scenario) pod(name string) *Pod {
	return find(s.Pods, func(p *Pod) bool { return p.Name == name })
}

func (s *Scenario) namespace(name string) *Namespace {
	return find(s.Namespaces, func(n *Namespace) bool { return n.Name == name })
}

func (s *Scenario) service(name string) *Service {
	return find(s.Services, func(v *Service) bool { return v.Name == name })
}

func (s *Scenario) externalHost(name string) *External {
	return find(s.External, func(x *External) bool { return x.Name == name })
}

func find[T any](list []T, wanted func(*T) bool) *T {
	for i := range list {
		if wanted(&list[i]) {
			return &list[i]
		}
	}
	return nil
}
