package scenarios

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Naming translates a scenario's names into those of one run. The same run, scenario and name always give the same result, and two of them
// never meet.
type Naming struct {
	run      string
	scenario *Scenario
	// given are names of namespaces in the cluster for names of the scenario's own.
	given map[string]string
}

// maxRun leaves room for the rest of a namespace's name.
const maxRun = 20

// NewNaming names the objects of a scenario in a run. The run's id must fit into a DNS label and have at most 20 characters.
func NewNaming(run string, scenario *Scenario) (Naming, error) {
	if faults := validation.IsDNS1123Label(run); len(faults) > 0 || len(run) > maxRun {
		return Naming{}, fmt.Errorf("name objects: run id %q is not a DNS label of at most %d characters", run, maxRun)
	}
	return Naming{run: run, scenario: scenario}, nil
}

// In is the naming with these namespaces of the cluster, by the scenario's names, in the place of those that it would create.
func (n Naming) In(given map[string]string) Naming {
	n.given = given
	return n
}

// Namespace is the name of a namespace in the cluster: that of an existing namespace as it is, and for an own one
// pk-RUN-NAME-HASH, a DNS label. A name that the scenario does not declare is returned as it is.
func (n Naming) Namespace(name string) string {
	namespace := n.scenario.namespace(name)
	if namespace == nil || namespace.Existing {
		return name
	}
	if given, ok := n.given[name]; ok {
		return given
	}
	return n.unique("pk-"+n.run+"-"+name, "namespace", name)
}

// Pod is the name of a pod in the cluster. In an own namespace it is the scenario's name; in an existing one it is unique to the run.
func (n Naming) Pod(name string) string {
	pod := n.scenario.pod(name)
	if pod == nil || !n.scenario.namespace(pod.Namespace).Existing {
		return name
	}
	return n.unique("pk-"+n.run+"-"+name, "pod", name)
}

// unique appends a hash of everything that tells the object apart, within the bounds of a DNS label.
func (n Naming) unique(readable, kind, name string) string {
	parts := []string{n.run, n.scenario.Metadata.Name, kind, name}
	sum := sha256.Sum256([]byte(strings.Join(parts, "/")))
	suffix := "-" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:5]))
	readable = readable[:min(len(readable), validation.DNS1123LabelMaxLength-len(suffix))]
	return strings.TrimRight(readable, "-") + suffix
}

// Policy is a policy as it is applied in the run: its namespace and the values of selectors on kubernetes.io/metadata.name follow the
// names of namespaces. The argument is not changed.
func (n Naming) Policy(policy *networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy {
	applied := policy.DeepCopy()
	applied.Namespace = n.Namespace(policy.Namespace)
	for i := range applied.Spec.Ingress {
		n.renamePeers(applied.Spec.Ingress[i].From)
	}
	for i := range applied.Spec.Egress {
		n.renamePeers(applied.Spec.Egress[i].To)
	}
	return applied
}

func (n Naming) renamePeers(peers []networkingv1.NetworkPolicyPeer) {
	for _, peer := range peers {
		if peer.NamespaceSelector != nil {
			n.renameSelector(peer.NamespaceSelector)
		}
	}
}

func (n Naming) renameSelector(selector *metav1.LabelSelector) {
	if name, ok := selector.MatchLabels[corev1.LabelMetadataName]; ok {
		selector.MatchLabels[corev1.LabelMetadataName] = n.Namespace(name)
	}
	for i := range selector.MatchExpressions {
		expression := &selector.MatchExpressions[i]
		if expression.Key != corev1.LabelMetadataName {
			continue
		}
		for j, name := range expression.Values {
			expression.Values[j] = n.Namespace(name)
		}
	}
}

// PolicyRef is a reference to a policy with the namespace's name in the run.
func (n Naming) PolicyRef(ref Ref) Ref {
	ref.Namespace = n.Namespace(ref.Namespace)
	return ref
}

// HostName is the name that a source resolves to reach an endpoint: that of a Service within the cluster, or the foreign name
// itself. The cluster's domain is left to the search list of resolv.conf.
func (n Naming) HostName(endpoint Endpoint) string {
	if endpoint.Kind != EndpointServiceName {
		return endpoint.Name
	}
	return endpoint.Name + "." + n.Namespace(n.scenario.service(endpoint.Name).Namespace) + ".svc"
}

// Topology is what a run creates.
type Topology struct {
	Namespaces []NamespaceObject
	Pods       []PodObject
	Services   []corev1.Service
}

// NamespaceObject is a namespace to create.
type NamespaceObject struct {
	// Logical is the scenario's name.
	Logical string
	Object  corev1.Namespace
	// HostNetwork says that the pods in it use the network of their nodes, which PodSecurity allows to privileged namespaces only.
	HostNetwork bool
}

// PodObject is a pod to create, as far as policies can see it.
type PodObject struct {
	// Logical is the scenario's name.
	Logical string
	// Meta has the namespace and the name in the cluster, and the labels.
	Meta  metav1.ObjectMeta
	Ports []corev1.ContainerPort
	// SameNodeAs and OtherNodeThan are the scenario's names of other pods, or empty.
	SameNodeAs    string
	OtherNodeThan string
	HostNetwork   bool
}

// Topology is everything that a scenario declares and that a run creates at any time, with the labels of the file. Which of it exists at the
// start, [Expansion.Start] says. Existing namespaces are left out.
func (n Naming) Topology() Topology {
	var topology Topology
	for _, namespace := range n.scenario.Namespaces {
		if namespace.Existing {
			continue
		}
		topology.Namespaces = append(topology.Namespaces, NamespaceObject{
			Logical: namespace.Name,
			Object:  namespaceObject(n.Namespace(namespace.Name), namespace.Labels),
			HostNetwork: slices.ContainsFunc(n.scenario.Pods, func(p Pod) bool {
				return p.HostNetwork && p.Namespace == namespace.Name
			}),
		})
	}
	for _, pod := range n.scenario.Pods {
		topology.Pods = append(topology.Pods, PodObject{
			Logical:    pod.Name,
			Meta:       metav1.ObjectMeta{Namespace: n.Namespace(pod.Namespace), Name: n.Pod(pod.Name), Labels: pod.Labels},
			Ports:      containerPorts(pod.Ports),
			SameNodeAs: pod.SameNodeAs, OtherNodeThan: pod.OtherNodeThan, HostNetwork: pod.HostNetwork,
		})
	}
	for i := range n.scenario.Services {
		service := serviceObject(&n.scenario.Services[i])
		service.Namespace = n.Namespace(service.Namespace)
		topology.Services = append(topology.Services, service)
	}
	return topology
}

// Start lists the namespaces and pods that exist before the first step, by the scenario's names: namespaces first, each in the order of the
// file.
func (e *Expansion) Start() []Ref {
	w := newWorld(e.Scenario)
	var refs []Ref
	for _, namespace := range e.Scenario.Namespaces {
		if ref := (Ref{Kind: RefNamespace, Name: namespace.Name}); w.lives(ref) {
			refs = append(refs, ref)
		}
	}
	for _, pod := range w.livingPods() {
		refs = append(refs, Ref{Kind: RefPod, Name: pod.Name})
	}
	return refs
}
