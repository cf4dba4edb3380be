package why

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/diagnose"
)

// Cluster is what a question needs of Kubernetes. Its methods may be called concurrently.
type Cluster interface {
	// Observe reads what bears on any question, in the whole cluster or, where that is forbidden, in some namespaces. ObserveNeighbours adds what
	// selects pods in some namespaces.
	Observe(ctx context.Context, namespaces ...string) (*diagnose.Snapshot, error)
	ObserveNeighbours(ctx context.Context, snapshot *diagnose.Snapshot, namespaces ...string) error

	PrepareNamespace(ctx context.Context, name string) error
	// TryDouble says what the API server would make of a probe pod, and creates nothing.
	TryDouble(ctx context.Context, order Order) (*corev1.Pod, error)
	// CreateDouble creates a probe pod beside real ones, and returns it as the API server made it.
	CreateDouble(ctx context.Context, order Order) (*corev1.Pod, error)
	// DeletePod returns when the pod is gone.
	DeletePod(ctx context.Context, namespace, name string) error
	AwaitPod(ctx context.Context, namespace, name string) (runner.Pod, error)
	Agent(pod runner.Pod) runner.Agent
	// JoinPod puts an ephemeral container into a real pod and returns the way to the agent in it. The container cannot be removed again.
	JoinPod(ctx context.Context, pod *corev1.Pod) (runner.Agent, error)
	ApplyPolicy(ctx context.Context, policy *networkingv1.NetworkPolicy) (version string, err error)
	// Remove deletes everything of the run in some namespaces, and returns what is left.
	Remove(ctx context.Context, namespaces ...string) []runner.Leftover
	// FixedLabels are those that every pod of the run gets, whatever its own.
	FixedLabels(order Order) map[string]string
	Requests() int
}

// Order is a probe pod to create beside real ones.
type Order struct {
	Namespace, Name string
	Role            diagnose.Role
	Labels          map[string]string
	// Like is the real pod that it stands in for: its node, tolerations and name servers are taken over.
	Like *corev1.Pod
	// Node is where it has to run.
	Node  string
	Ports []corev1.ContainerPort
}
