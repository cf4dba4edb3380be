package verify

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/podknock/podknock/scenarios/policy"
)

// cluster shortens the name of what engines see.
type cluster = policy.Cluster

// selfLabel has a value of its own on every pod.
const selfLabel = "self.podknock.dev/pod"

// podSubject is a pod that policies are looked up for.
type podSubject struct {
	pod *corev1.Pod
	// seen is what the engine sees.
	seen *cluster
}

// applying is an engine that finds for each pod the policies that select it, as it should, and applies only those that are chosen of them.
// Policies are indexes in what the engine sees, sorted by name.
func applying(choose func(moments []moment, subject *podSubject, selecting []int) []int) engine {
	return selecting(func(moments []moment, subject *podSubject) []int {
		return choose(moments, subject, subject.selecting(subject.pod.Labels))
	})
}

// selecting is an engine that finds the policies of a pod in a way of its own.
func selecting(find func(moments []moment, subject *podSubject) []int) engine {
	return engine{sees: func(moments []moment) cluster {
		seen := moments[len(moments)-1].cluster
		seen.Policies, seen.Pods = copies(seen.Policies), slices.Clone(seen.Pods)
		slices.SortFunc(seen.Policies, func(a, b networkingv1.NetworkPolicy) int {
			return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
		})
		subjects := make([][]string, len(seen.Policies))
		for i := range seen.Pods {
			pod := &seen.Pods[i]
			self := pod.Namespace + "." + pod.Name
			for _, at := range find(moments, &podSubject{pod, &seen}) {
				subjects[at] = append(subjects[at], self)
			}
		}
		var applied []networkingv1.NetworkPolicy
		for i := range seen.Policies {
			if len(subjects[i]) == 0 {
				continue
			}
			seen.Policies[i].Spec.PodSelector = metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: selfLabel, Operator: metav1.LabelSelectorOpIn, Values: subjects[i]},
			}}
			applied = append(applied, seen.Policies[i])
		}
		seen.Policies = applied
		for i := range seen.Pods {
			seen.Pods[i].Labels = with(seen.Pods[i].Labels, selfLabel, seen.Pods[i].Namespace+"."+seen.Pods[i].Name)
		}
		return seen
	}}
}

// selecting are the policies of the pod's namespace that select a pod with these labels.
func (s *podSubject) selecting(carried map[string]string) []int {
	var found []int
	for i := range s.seen.Policies {
		p := &s.seen.Policies[i]
		selector, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
		if err == nil && p.Namespace == s.pod.Namespace && selector.Matches(labels.Set(carried)) {
			found = append(found, i)
		}
	}
	return found
}

// namesake is the first pod of the namespace, by name, whose name is the same up to the last hyphen.
func (s *podSubject) namesake() *corev1.Pod {
	firstOne := s.pod
	for i := range s.seen.Pods {
		other := &s.seen.Pods[i]
		if other.Namespace == s.pod.Namespace && stem(other.Name) == stem(s.pod.Name) && other.Name < firstOne.Name {
			firstOne = other
		}
	}
	return firstOne
}

// stem is a name up to its last hyphen.
func stem(name string) string {
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		return name[:i]
	}
	return name
}
