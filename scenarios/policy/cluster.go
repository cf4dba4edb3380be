package policy

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// Cluster is the knowledge that verdicts are computed from. Objects may be as the API server returns them or as an author wrote them:
// the defaults that matter (policyTypes, protocols, the kubernetes.io/metadata.name label of a namespace) are applied while compiling.
type Cluster struct {
	Namespaces []corev1.Namespace
	// Pods need neither node nor addresses. What only an address could decide is then [Depends].
	Pods []corev1.Pod
	// Services are resolved to their backends by their EndpointSlices; one that has none of those by its selector.
	Services       []corev1.Service
	EndpointSlices []discoveryv1.EndpointSlice
	Nodes          []corev1.Node
	Policies       []networkingv1.NetworkPolicy
	// PodRanges and ServiceRanges are where the addresses of pods and Services are that are not known yet, the cluster's pod and Service
	// CIDRs. Without a range of a family they may be anywhere in it.
	PodRanges, ServiceRanges []netip.Prefix
	// Partial says that the cluster holds more than is here: an address that nothing here has may be of a pod, a Service or a node whose
	// labels, ports and policies are not known. What depends on that is then [Depends].
	Partial bool
	// Plugin is what is known about the network plugin that enforces the policies. The zero value knows nothing.
	Plugin Plugin
}

// Trait is one behaviour that the NetworkPolicy API leaves to the plugin.
type Trait string

// The values of a Trait. The zero value is Unknown.
const (
	Unknown Trait = ""
	Yes     Trait = "yes"
	No      Trait = "no"
)

// Plugin describes the behaviours that the NetworkPolicy API leaves open. Each Unknown one can turn a verdict into [Depends].
type Plugin struct {
	// BlocksMatchPods: an ipBlock matches the address of a pod of this cluster.
	BlocksMatchPods Trait `json:"blocksMatchPods,omitempty"`
	// BlocksMatchNodes: an ipBlock matches the address of a node of this cluster.
	BlocksMatchNodes Trait `json:"blocksMatchNodes,omitempty"`
	// BlocksMatchServices: egress is filtered before the Service address is translated, so that an ipBlock over it matches.
	BlocksMatchServices Trait `json:"blocksMatchServices,omitempty"`
	// GovernsHostNetwork: policies select hostNetwork pods, and selectors match them, like any other pod. No means that their traffic
	// is the traffic of their node.
	GovernsHostNetwork Trait `json:"governsHostNetwork,omitempty"`
	// GovernsHairpin: policies apply to a pod that reaches itself through a Service.
	GovernsHairpin Trait `json:"governsHairpin,omitempty"`
	// GovernsOwnNode: egress policies apply to traffic from a pod to the node it runs on. (Traffic from that node to the pod is
	// always allowed: the API says so.)
	GovernsOwnNode Trait `json:"governsOwnNode,omitempty"`
}
