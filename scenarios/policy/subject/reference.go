package subject

import (
	"net/netip"
	"strings"
)

// Kind says what a Reference names.
type Kind string

// The kinds of references.
const (
	KindPod      Kind = "pod"
	KindWorkload Kind = "workload"
	KindLabels   Kind = "labels"
	KindService  Kind = "service"
	KindNode     Kind = "node"
	KindAddress  Kind = "address"
	KindRange    Kind = "range"
	KindName     Kind = "name"
)

// Reference names one end of a connection. [Parse] makes it. References are comparable.
type Reference struct {
	Kind Kind `json:"kind"`
	// Namespace is set for pods, workloads, labels and Services.
	Namespace string `json:"namespace,omitempty"`
	// Name is that of the pod, workload, Service or node, or the DNS name.
	Name string `json:"name,omitempty"`
	// Workload is the API kind of a workload, such as Deployment.
	Workload string `json:"workload,omitempty"`
	// Labels is the selector of KindLabels, as kubectl takes it for -l.
	Labels string `json:"labels,omitempty"`
	// Address is valid for KindAddress, without a zone.
	Address netip.Addr `json:"address,omitzero"`
	// Range is valid for KindRange, masked.
	Range netip.Prefix `json:"range,omitzero"`
}

// String spells the reference so that [Parse] reads it again.
func (r Reference) String() string {
	switch r.Kind {
	case KindPod:
		return r.Namespace + "/" + r.Name
	case KindWorkload:
		return strings.Join([]string{r.Namespace, shortKind(r.Workload), r.Name}, "/")
	case KindLabels:
		return r.Namespace + "/" + r.Labels
	case KindService:
		return "svc/" + r.Namespace + "/" + r.Name
	case KindNode:
		return "node/" + r.Name
	case KindAddress:
		return r.Address.String()
	case KindRange:
		return r.Range.String()
	}
	return r.Name
}

// workloadKinds are the names that kubectl has for what makes pods, the shortest first.
var workloadKinds = []struct {
	kind  string
	words []string
}{
	{"Deployment", []string{"deploy", "deployment", "deployments"}},
	{"StatefulSet", []string{"sts", "statefulset", "statefulsets"}},
	{"DaemonSet", []string{"ds", "daemonset", "daemonsets"}},
	{"CronJob", []string{"cj", "cronjob", "cronjobs"}},
	{"Job", []string{"job", "jobs"}},
	{"ReplicaSet", []string{"rs", "replicaset", "replicasets"}},
	{"ReplicationController", []string{"rc", "replicationcontroller", "replicationcontrollers"}},
}

// workloadKind is the API kind that a word means; empty if it means none.
func workloadKind(word string) string {
	for _, one := range workloadKinds {
		for _, known := range one.words {
			if strings.EqualFold(word, known) {
				return one.kind
			}
		}
	}
	return ""
}

// shortKind is kubectl's shortest word for an API kind, or the kind itself.
func shortKind(kind string) string {
	for _, one := range workloadKinds {
		if one.kind == kind {
			return one.words[0]
		}
	}
	return kind
}

// The words of the other kinds.
var (
	podWords     = []string{"pod", "pods", "po"}
	serviceWords = []string{"svc", "service", "services"}
	nodeWords    = []string{"node", "nodes", "no"}
)
