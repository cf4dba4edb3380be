package subject

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/podknock/podknock/scenarios/internal/strict"
	"github.com/podknock/podknock/scenarios/policy"
)

// Errors of [Reference.Endpoints].
var (
	// ErrNothing: the cluster has no such object, or a workload or selector without pods.
	ErrNothing = errors.New("nothing is found")
	// ErrNoEndpoint: ranges and DNS names are no single end; ask for the addresses instead.
	ErrNoEndpoint = errors.New("not a single end of a connection")
)

// Endpoints are what a reference means in a cluster, sorted, at least one: exactly one for a pod, Service, node or address, all pods that have not
// finished for a workload or labels. The error wraps [ErrNothing] or [ErrNoEndpoint].
func (r Reference) Endpoints(cluster *policy.Cluster) ([]policy.Endpoint, error) {
	switch r.Kind {
	case KindPod, KindWorkload, KindLabels:
		pods, err := r.Pods(cluster)
		if err != nil {
			return nil, err
		}
		endpoints := make([]policy.Endpoint, len(pods))
		for i, pod := range pods {
			endpoints[i] = policy.Pod(pod.Namespace, pod.Name)
		}
		return endpoints, nil
	case KindService:
		service, err := r.Service(cluster)
		if err != nil {
			return nil, err
		}
		return []policy.Endpoint{policy.Service(service.Namespace, service.Name)}, nil
	case KindNode:
		names := make([]string, 0, len(cluster.Nodes))
		for i := range cluster.Nodes {
			names = append(names, cluster.Nodes[i].Name)
		}
		if !slices.Contains(names, r.Name) {
			return nil, fmt.Errorf("%w: no node %q: %s", ErrNothing, r.Name, strict.Suggest(r.Name, names))
		}
		return []policy.Endpoint{policy.Node(r.Name)}, nil
	case KindAddress:
		return []policy.Endpoint{policy.Address(r.Address)}, nil
	}
	return nil, fmt.Errorf("%s %s: %w", r.Kind, r, ErrNoEndpoint)
}

// Service is the Service that a reference of KindService means.
func (r Reference) Service(cluster *policy.Cluster) (*corev1.Service, error) {
	var names []string
	for i := range cluster.Services {
		service := &cluster.Services[i]
		if service.Namespace != r.Namespace {
			continue
		}
		if service.Name == r.Name {
			return service, nil
		}
		names = append(names, service.Name)
	}
	return nil, r.nothing(cluster, "Service "+quoted(r.Name), names)
}

// Pods are the pods that a reference of KindPod, KindWorkload or KindLabels means, sorted by name: a pod by name whatever its phase, all others
// only if they have not finished.
func (r Reference) Pods(cluster *policy.Cluster) ([]*corev1.Pod, error) {
	matches, what, err := r.matcher()
	if err != nil {
		return nil, err
	}
	var found []*corev1.Pod
	var names []string
	for i := range cluster.Pods {
		pod := &cluster.Pods[i]
		if pod.Namespace != r.Namespace {
			continue
		}
		switch {
		case matches(pod) && (r.Kind == KindPod || !finished(pod)):
			found = append(found, pod)
		case r.Kind == KindPod:
			names = append(names, pod.Name)
		case r.Kind == KindWorkload:
			if owner := OwnerOf(pod); owner.Kind == r.Workload && !slices.Contains(names, owner.Name) {
				names = append(names, owner.Name)
			}
		}
	}
	if len(found) == 0 {
		return nil, r.nothing(cluster, what, names)
	}
	slices.SortFunc(found, func(a, b *corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return found, nil
}

// matcher tells the pods that are meant, and says in words what is looked for.
func (r Reference) matcher() (matches func(*corev1.Pod) bool, what string, err error) {
	switch r.Kind {
	case KindPod:
		return func(pod *corev1.Pod) bool { return pod.Name == r.Name }, "pod " + quoted(r.Name), nil
	case KindWorkload:
		wanted := Owner{Kind: r.Workload, Name: r.Name}
		matches = func(pod *corev1.Pod) bool {
			return OwnerOf(pod) == wanted || slices.ContainsFunc(pod.OwnerReferences, func(o metav1.OwnerReference) bool {
				return o.Kind == wanted.Kind && o.Name == wanted.Name
			})
		}
		return matches, "pod of " + r.Workload + " " + quoted(r.Name), nil
	case KindLabels:
		selector, err := labels.Parse(r.Labels)
		if err != nil {
			return nil, "", fmt.Errorf("labels %q: %w", r.Labels, err)
		}
		return func(pod *corev1.Pod) bool { return selector.Matches(labels.Set(pod.Labels)) }, "pod with " + r.Labels, nil
	}
	return nil, "", fmt.Errorf("%s %s: %w", r.Kind, r, ErrNoEndpoint)
}

// nothing says that an object is not there, and which one was probably meant.
func (r Reference) nothing(cluster *policy.Cluster, what string, names []string) error {
	known := make([]string, 0, len(cluster.Namespaces))
	for i := range cluster.Namespaces {
		known = append(known, cluster.Namespaces[i].Name)
	}
	if !slices.Contains(known, r.Namespace) {
		slices.Sort(known)
		return fmt.Errorf("%w: no namespace %q: %s", ErrNothing, r.Namespace, strict.Suggest(r.Namespace, known))
	}
	advice := ""
	if len(names) > 0 {
		slices.Sort(names)
		advice = ": " + strict.Suggest(r.Name, names)
	}
	return fmt.Errorf("%w: no %s in namespace %q%s", ErrNothing, what, r.Namespace, advice)
}

func quoted(name string) string { return `"` + name + `"` }

// finished reports whether a pod has ended for good.
func finished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// Owner is the workload that pods come from, the one that its author knows. The zero value means a bare pod.
type Owner struct{ Kind, Name string }

// String is as a reference within a namespace has it: deploy/web. It is empty for a bare pod.
func (o Owner) String() string {
	if o.Kind == "" {
		return ""
	}
	return shortKind(o.Kind) + "/" + o.Name
}

// OwnerOf is the workload of a pod, as its controller's name and labels tell: a ReplicaSet that is named after its pod-template-hash belongs to
// the Deployment of the rest of the name (so the Deployment controller names it), a Job that is named after a time to a CronJob.
func OwnerOf(pod *corev1.Pod) Owner {
	controller := metav1.GetControllerOf(pod)
	if controller == nil {
		return Owner{}
	}
	owner := Owner{Kind: controller.Kind, Name: controller.Name}
	switch hash := pod.Labels["pod-template-hash"]; {
	case owner.Kind == "ReplicaSet" && hash != "" && strings.HasSuffix(owner.Name, "-"+hash):
		return Owner{Kind: "Deployment", Name: strings.TrimSuffix(owner.Name, "-"+hash)}
	case owner.Kind == "Job" && scheduled(owner.Name) != "":
		return Owner{Kind: "CronJob", Name: scheduled(owner.Name)}
	}
	return owner
}

// scheduled is the CronJob that a Job's name comes from; empty if it has none. The CronJob controller appends the scheduled time in minutes since
// 1970, eight digits until the year 2160.
func scheduled(job string) string {
	dash := strings.LastIndexByte(job, '-')
	if dash <= 0 || len(job)-dash-1 != 8 || strings.Trim(job[dash+1:], "0123456789") != "" {
		return ""
	}
	return job[:dash]
}
