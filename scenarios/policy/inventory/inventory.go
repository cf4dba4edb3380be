package inventory

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/scenarios/policy"
)

// Ref names an object.
type Ref struct {
	Kind string `json:"kind"`
	// Namespace is empty for objects of the whole cluster.
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// String is how sentences name the object: "NetworkPolicy shop/allow-web".
func (r Ref) String() string {
	if r.Namespace == "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}

// Inventory is a cluster with what is known beside its objects. Policies as they were given may be invalid.
type Inventory struct {
	// Cluster holds the objects. Every namespace that an object is in is among its Namespaces.
	Cluster policy.Cluster
	// Workloads are what makes pods, as far as it was given.
	Workloads []Workload
	// Webhooks are the Services that the API server calls for admission.
	Webhooks []Webhook
	// Foreign are policies of other APIs, which nothing here understands.
	Foreign []Ref
	// Ignored counts the objects of kinds that say nothing about connectivity.
	Ignored map[string]int
	// Knowledge says of what the objects are all that there are.
	Knowledge Knowledge

	origins map[Ref]Origin
}

// Workload is what makes pods.
type Workload struct {
	Ref
	// Labels are those of the workload itself, which selectors of policies do not see.
	Labels map[string]string
	// Pod is the name of the pod in the Cluster that stands for its pods.
	Pod string
}

// Webhook is a Service that the API server calls.
type Webhook struct {
	// Configuration is the object that says so.
	Configuration Ref
	Namespace     string
	Service       string
	// Port is the Service's port.
	Port int32
}

// Knowledge says how much of a cluster an inventory holds. The zero value is that of files: there may be more of everything.
type Knowledge struct {
	// Namespaces: all there are, with all their labels.
	Namespaces bool
	// Pods: all pods of all namespaces.
	Pods bool
	// PodsIn: all pods of these namespaces.
	PodsIn map[string]bool
	// Labelled are the namespaces whose labels are known; all are if Namespaces is set.
	Labelled map[string]bool
}

// AllPodsOf reports whether all pods of a namespace are known.
func (k Knowledge) AllPodsOf(namespace string) bool { return k.Pods || k.PodsIn[namespace] }

// LabelsOf reports whether the labels of a namespace are known.
func (k Knowledge) LabelsOf(namespace string) bool { return k.Namespaces || k.Labelled[namespace] }

// Position is a place in a file, counted from 1.
type Position struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// String is FILE:LINE:COLUMN, which editors and terminals make a link of.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Origin returns where an object stands. The zero value, of live objects, has no positions.
func (i *Inventory) Origin(ref Ref) Origin { return i.origins[ref] }

// New is the inventory of a live cluster.
func New(cluster policy.Cluster, knowledge Knowledge) *Inventory {
	inventory := &Inventory{Cluster: cluster, Knowledge: knowledge}
	inventory.complete()
	return inventory
}

// complete adds what follows from the objects: the namespaces that are only mentioned, and one pod for each workload none of whose pods is there.
func (i *Inventory) complete() {
	i.templates()
	known := map[string]bool{}
	for j := range i.Cluster.Namespaces {
		known[i.Cluster.Namespaces[j].Name] = true
	}
	mention := func(namespace string) {
		if namespace != "" && !known[namespace] {
			known[namespace] = true
			i.Cluster.Namespaces = append(i.Cluster.Namespaces, corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
		}
	}
	for j := range i.Cluster.Pods {
		mention(i.Cluster.Pods[j].Namespace)
	}
	for j := range i.Cluster.Services {
		mention(i.Cluster.Services[j].Namespace)
	}
	for j := range i.Cluster.Policies {
		mention(i.Cluster.Policies[j].Namespace)
	}
}

// Summary says in words what was read: "2 NetworkPolicies, 3 pods, 1 Service; 4 objects of other kinds".
func (i *Inventory) Summary() string {
	parts := []string{
		Count(len(i.Cluster.Policies), "NetworkPolicy", "NetworkPolicies"),
		Count(len(i.Cluster.Pods), "pod or workload", "pods and workloads"),
		Count(len(i.Cluster.Services), "Service", "Services"),
		Count(len(i.Cluster.Namespaces), "namespace", "namespaces"),
	}
	text := strings.Join(parts, ", ")
	others := 0
	for _, kind := range slices.SortedFunc(maps.Keys(i.Ignored), cmp.Compare) {
		others += i.Ignored[kind]
	}
	if others > 0 {
		text += "; " + Count(others, "object", "objects") + " of other kinds not looked at"
	}
	return text
}

// Count spells a number with its noun.
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
