package runner

import (
	"context"
	"errors"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

// Cluster is what a run needs of Kubernetes. What its methods create carries the run's id; what they delete does too. They may be called
// concurrently. Package runner/cluster has the one that talks to an API server.
type Cluster interface {
	Namespaces
	Pods
	Policies

	// Facts describes the cluster. What may not be read is left out.
	Facts(ctx context.Context) (ClusterFacts, error)
	// CreateService creates a Service and returns it with the addresses and ports that the cluster gave it.
	CreateService(ctx context.Context, service *corev1.Service) (*corev1.Service, error)
	// NodeAddresses are the addresses of a node in its cluster's network, one of each family that it has.
	NodeAddresses(ctx context.Context, node string) ([]netip.Addr, error)
	// Requests counts the calls of the API so far.
	Requests() int
	// CleanUp deletes everything of the run that is still there, waits for its end, and returns what is left.
	CleanUp(ctx context.Context) []Leftover
}

// Namespaces are those that a run makes for itself.
type Namespaces interface {
	// CreateNamespace creates a namespace and what every pod in it needs.
	CreateNamespace(ctx context.Context, namespace scenarios.NamespaceObject) error
	// PrepareNamespace puts what every pod needs into a namespace that exists already.
	PrepareNamespace(ctx context.Context, name string) error
	// DeleteNamespace returns when the pods of the namespace are gone. The end of the namespace itself is not waited for, unless gone is set.
	DeleteNamespace(ctx context.Context, name string, gone bool) error
	// ListLimits names the quotas and limit ranges in a namespace, such as `ResourceQuota "compute"`. It fails with Forbidden if they may not
	// be read.
	ListLimits(ctx context.Context, namespace string) ([]string, error)
	// AuditLabels names everything in an existing namespace that would take a probe pod of these for its own by its labels, such as
	// `Service "web"`. It fails if that cannot be known.
	AuditLabels(ctx context.Context, namespace string, pods []PodOrder) ([]string, error)
	// LabelNamespace sets labels; nil removes one.
	LabelNamespace(ctx context.Context, name string, labels map[string]*string) error
}

// ErrRefused says that the rules of the cluster do not allow a pod: admission, PodSecurity, a quota, missing rights.
var ErrRefused = errors.New("the cluster refuses the pod")

// Pods are the probe pods of a run.
type Pods interface {
	// CreatePod creates a probe pod. The error explains a refusal, and is ErrRefused if the cluster does not want such a pod.
	CreatePod(ctx context.Context, pod PodOrder) error
	// AwaitPod waits until the pod runs and has its addresses. It fails with a sentence for a human as soon as the cluster says that the pod
	// can't start, or when ctx ends.
	AwaitPod(ctx context.Context, namespace, name string) (Pod, error)
	// PodIncidents says what has happened to a pod since it ran.
	PodIncidents(namespace, name string) Incidents
	// DeletePod returns when the pod is gone.
	DeletePod(ctx context.Context, namespace, name string) error
	// LabelPod sets labels; nil removes one.
	LabelPod(ctx context.Context, namespace, name string, labels map[string]*string) error
	// Agent is the way to talk to the agent in a pod that runs.
	Agent(pod Pod) Agent
	// Streams is how many agents can be talked to at once.
	Streams() int
	// LastOutage is when the API server was last asked in vain, as far as the connection failed. Zero if it never was.
	LastOutage() time.Time
}

// Policies are the NetworkPolicies in the namespaces of a run.
type Policies interface {
	// ApplyPolicy creates the policy or replaces it, and returns its [PolicyVersion].
	ApplyPolicy(ctx context.Context, policy *networkingv1.NetworkPolicy) (version string, err error)
	DeletePolicy(ctx context.Context, namespace, name string) error
	// ListPolicies returns the policies in a namespace, those of others too.
	ListPolicies(ctx context.Context, namespace string) ([]networkingv1.NetworkPolicy, error)
}

// PodOrder is a probe pod to create.
type PodOrder struct {
	scenarios.PodObject
	// Scenario tells the pods of one scenario from those of others, for their placement.
	Scenario string
	// SameNodeAs and OtherNodeThan of the PodObject are names within the scenario; these are the namespaces in the cluster that its pods are
	// in.
	Namespaces []string
	// Node is the node that the pod must run on, by its name in the cluster. Empty leaves that to the scheduler.
	Node string
	// AmongOthers says that the pod stands in a namespace with pods that are not ours, and so must never become Ready.
	AmongOthers bool
}

// Pod is a probe pod that runs.
type Pod struct {
	Namespace string
	Name      string
	UID       string
	Node      string
	// Addresses are those of the pod, the cluster's first family first.
	Addresses []netip.Addr
	// Injected are the containers in it that nobody of us asked for, such as the proxy of a mesh.
	Injected []string
}

// Incidents are what happened to a pod that ran: restarts of its agent, its end. Deletions by this run are none.
type Incidents struct {
	// Count grows with each. If it grows between two calls, what was asked in between proves nothing about the pod.
	Count int
	// Last says what happened last.
	Last string
	// Gone says that the pod will not come back.
	Gone bool
	// Lost says that its node does not answer for it at present. It may come back.
	Lost bool
}

// Agent talks to the agent in one pod. Its methods may be called concurrently. They open the control stream when they need it, and open it
// again when it is lost, within bounds; an error means that the agent could not be asked.
type Agent interface {
	// Run makes the agent attempt everything and delivers each result with the index of its attempt, from one goroutine. An error means
	// that results are missing.
	Run(ctx context.Context, attempts []probe.Attempt, deliver func(index int, result probe.Result)) error
	Evidence(ctx context.Context, question probe.EvidenceQuestion) (probe.Evidence, error)
	Counters(ctx context.Context) (probe.Counters, error)
	// Introduction is how the agent introduces itself.
	Introduction(ctx context.Context) (probe.Agent, error)
	// Close gives the stream back. The agent goes on.
	Close()
}
