package engine

import (
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/kube-network-policies/pkg/api"
)

// state is what an engine knows of the cluster. Its methods may be called from
// several goroutines. Objects that it returns must not be changed.
type state struct {
	defect defect
	now    func() time.Time

	mu         sync.RWMutex
	namespaces map[string]*corev1.Namespace
	pods       map[string]*corev1.Pod
	policies   map[string]*networkingv1.NetworkPolicy
	started    map[types.UID]time.Time // when a pod was first seen with running containers

	queueOnce sync.Once // makes queue, of changes that are noticed late
	queue     chan postponed
}

func newState(d defect) *state {
	return &state{
		defect: d, now: time.Now,
		namespaces: map[string]*corev1.Namespace{},
		pods:       map[string]*corev1.Pod{},
		policies:   map[string]*networkingv1.NetworkPolicy{},
		started:    map[types.UID]time.Time{},
	}
}

func key(namespace, name string) string { return namespace + "/" + name }

func (s *state) setNamespace(ns *corev1.Namespace) {
	ns = ns.DeepCopy()
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.namespaces[ns.Name]; s.defect.freezeNamespaceLabels && old != nil && old.UID == ns.UID {
		ns.Labels = old.Labels
	}
	if s.defect.namespace != nil {
		s.defect.namespace(ns)
	}
	s.namespaces[ns.Name] = ns
}

func (s *state) removeNamespace(ns *corev1.Namespace) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.namespaces, ns.Name)
}

func (s *state) setPod(pod *corev1.Pod) {
	pod = pod.DeepCopy()
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key(pod.Namespace, pod.Name)
	if old := s.pods[k]; s.defect.freezePodLabels && old != nil && old.UID == pod.UID {
		pod.Labels = old.Labels
	}
	if s.defect.pod != nil {
		s.defect.pod(pod)
	}
	if _, seen := s.started[pod.UID]; !seen && pod.Status.Phase == corev1.PodRunning {
		s.started[pod.UID] = s.startOf(pod)
	}
	s.pods[k] = pod
}

// startOf returns when a running pod started: now for one that started just
// now, because the API's times are whole seconds, else what the API says.
func (s *state) startOf(pod *corev1.Pod) time.Time {
	now := s.now()
	var start time.Time
	for _, c := range pod.Status.ContainerStatuses {
		if c.State.Running != nil && c.State.Running.StartedAt.After(start) {
			start = c.State.Running.StartedAt.Time
		}
	}
	if now.Sub(start) < 2*time.Second {
		return now
	}
	return start
}

func (s *state) removePod(pod *corev1.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key(pod.Namespace, pod.Name)
	if old := s.pods[k]; old != nil && old.UID == pod.UID {
		delete(s.pods, k)
	}
	delete(s.started, pod.UID)
}

func (s *state) setPolicy(policy *networkingv1.NetworkPolicy) {
	policy = policy.DeepCopy()
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key(policy.Namespace, policy.Name)
	if old := s.policies[k]; s.defect.freezePolicies && old != nil && old.UID == policy.UID {
		return
	}
	if s.defect.policy != nil {
		s.defect.policy(policy)
	}
	s.policies[k] = policy
}

func (s *state) removePolicy(policy *networkingv1.NetworkPolicy) {
	if s.defect.keepPolicies {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key(policy.Namespace, policy.Name)
	if old := s.policies[k]; old != nil && old.UID == policy.UID {
		delete(s.policies, k)
	}
}

// byIP returns the pod that has an address, a running one before others.
func (s *state) byIP(ip string) *corev1.Pod {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found *corev1.Pod
	for _, pod := range s.pods {
		if pod.Spec.HostNetwork || !slices.Contains(pod.Status.PodIPs, corev1.PodIP{IP: ip}) {
			continue
		}
		if pod.Status.Phase == corev1.PodRunning {
			return pod
		}
		found = pod
	}
	return found
}

// byKey returns the pod of "NAMESPACE/NAME".
func (s *state) byKey(k string) *corev1.Pod {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.pods[k]
}

// podsOf returns a namespace's pods, by name.
func (s *state) podsOf(namespace string) []*corev1.Pod {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var pods []*corev1.Pod
	for _, pod := range s.pods {
		if pod.Namespace == namespace {
			pods = append(pods, pod)
		}
	}
	slices.SortFunc(pods, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods
}

// allPolicies returns all policies, by namespace and name.
func (s *state) allPolicies() []*networkingv1.NetworkPolicy {
	s.mu.RLock()
	defer s.mu.RUnlock()
	policies := make([]*networkingv1.NetworkPolicy, 0, len(s.policies))
	for _, policy := range s.policies {
		policies = append(policies, policy)
	}
	slices.SortFunc(policies, func(a, b *networkingv1.NetworkPolicy) int {
		return strings.Compare(key(a.Namespace, a.Name), key(b.Namespace, b.Name))
	})
	return policies
}

// young tells whether a pod's containers have run for less than the age given.
func (s *state) young(pod *corev1.Pod, age time.Duration) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	start, running := s.started[pod.UID]
	return !running || s.now().Sub(start) < age
}

// info is a pod as policies are evaluated against it.
func (s *state) info(pod *corev1.Pod) *api.PodInfo {
	if pod == nil {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var labels map[string]string
	if ns := s.namespaces[pod.Namespace]; ns != nil {
		labels = ns.Labels
	}
	return api.NewPodInfo(pod, labels, nil, "")
}
