package engine

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/kube-network-policies/pkg/api"
)

// refusal is what becomes of a connection that is denied.
type refusal int

const (
	silence refusal = iota
	reset           // TCP alone; other protocols fall silent
	prohibition
)

// defect says where an engine departs from the specification. The zero value
// departs nowhere.
type defect struct {
	// namespace, pod and policy alter an object as the API tells it.
	namespace func(*corev1.Namespace)
	pod       func(*corev1.Pod)
	policy    func(*networkingv1.NetworkPolicy)

	// What the engine does not notice of changes.
	freezeNamespaceLabels, freezePodLabels, freezePolicies, keepPolicies bool
	// lateness is how long after the API told of it a policy's change is
	// noticed.
	lateness time.Duration

	// subject alters the pod that policies are looked up for.
	subject func(s *state, pod *corev1.Pod) *corev1.Pod
	// applied alters the policies that select a pod, which come by name.
	applied func(s *state, pod *corev1.Pod, selecting []*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy
	// ports alters what is known of the ports of the pod connected to.
	ports func(s *state, pod *corev1.Pod, info *api.PodInfo)
	// stranger tells whether the other end, a pod, is not known to be one.
	stranger func(f flow) bool

	// unfiltered tells which traffic is passed without a look.
	unfiltered func(s *state, f flow) bool
	// stateless judges replies like connections of their own.
	stateless bool
	refusal   refusal
}

// flow is one end's view of a connection's first packet.
type flow struct {
	direction networkingv1.PolicyType
	// pod is the end that is judged, on node; peer is the other end, nil when
	// that is no pod.
	pod, peer *corev1.Pod
	node      string
	// lastNode is the last node of the cluster by name.
	lastNode   string
	protocol   corev1.Protocol
	family     corev1.IPFamily
	translated bool // the packet had another destination when it was sent
}
