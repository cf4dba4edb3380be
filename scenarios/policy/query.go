package policy

import (
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
)

// Kind says what an Endpoint names.
type Kind string

// The kinds of endpoints.
const (
	KindPod     Kind = "pod"
	KindService Kind = "service"
	KindNode    Kind = "node"
	KindAddress Kind = "address"
)

// Endpoint is one end of a connection. Build it with [Pod], [Service], [Node] or [Address]. Endpoints are comparable.
type Endpoint struct {
	Kind Kind `json:"kind"`
	// Namespace is empty for nodes and addresses.
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	// Address is valid for addresses only.
	Address netip.Addr `json:"address,omitzero"`
}

// Pod names a pod of the cluster.
func Pod(namespace, name string) Endpoint {
	return Endpoint{Kind: KindPod, Namespace: namespace, Name: name}
}

// Service names a Service of the cluster. A Service is never the source of a connection.
func Service(namespace, name string) Endpoint {
	return Endpoint{Kind: KindService, Namespace: namespace, Name: name}
}

// Node names a node of the cluster: a process in its host network.
func Node(name string) Endpoint { return Endpoint{Kind: KindNode, Name: name} }

// Address is an IP address. One that belongs to a pod, Service or node of the cluster means that object; any other is outside.
func Address(address netip.Addr) Endpoint {
	return Endpoint{Kind: KindAddress, Address: address.Unmap().WithZone("")}
}

// String is how sentences name the endpoint: "pod app/web", "service app/db", "node worker-1", "192.0.2.7".
func (e Endpoint) String() string {
	switch e.Kind {
	case KindPod, KindService:
		return fmt.Sprintf("%s %s/%s", e.Kind, e.Namespace, e.Name)
	case KindNode:
		return "node " + e.Name
	case KindAddress:
		return e.Address.String()
	}
	return "nobody"
}

// Query is one connection to judge.
type Query struct {
	From Endpoint `json:"from"`
	To   Endpoint `json:"to"`
	// Port is the port that the client dials: the Service's port where To is a Service, the pod's port where it is a pod.
	Port int32 `json:"port"`
	// Protocol is TCP if empty.
	Protocol corev1.Protocol `json:"protocol,omitempty"`
	// Family is that of the addresses in the query or, without one, the first that both ends are known to have, or else IPv4.
	Family corev1.IPFamily `json:"family,omitempty"`
}
