package scenarios

import "net/netip"

// The only values of apiVersion and kind.
const (
	APIVersion = "podknock.dev/v1alpha1"
	Kind       = "Scenario"
)

// Scenario is one story: a topology, steps that change policies, labels, pods or namespaces, and what every knock should find
// after each step. A [Loader] makes it; all names in it are then resolved and all lists are in the order of the file.
type Scenario struct {
	// APIVersion is podknock.dev/v1alpha1.
	APIVersion string `json:"apiVersion" want:"podknock.dev/v1alpha1"`
	// Kind is Scenario.
	Kind     string   `json:"kind" want:"Scenario"`
	Metadata Metadata `json:"metadata"`
	// About says in a sentence or two what the scenario shows.
	About string `json:"about"`
	// Axes are what the scenario is about, for judging a cluster axis by axis. They count from the first policy on.
	Axes []AxisName `json:"axes,omitempty" one:"true"`
	// Variables are CIDRs and addresses that policies refer to as $(name). `--set name=value` replaces them.
	Variables []Variable `json:"variables,omitempty" key:"Name"`
	// External are hosts outside the cluster. Their addresses are variables too. A run skips a scenario that has some unless it is told
	// their addresses (`--external name=address`).
	External []External `json:"external,omitempty" key:"Name"`
	// Namespaces are the scenario's. Without any there is one, called default.
	Namespaces []Namespace `json:"namespaces,omitempty" key:"Name"`
	// Pods are the probes: each makes attempts and listens on its ports.
	Pods []Pod `json:"pods" key:"Name"`
	// Services stand before pods.
	Services []Service `json:"services,omitempty" key:"Name"`
	// Steps happen in order; after each, everything is expected again.
	Steps []Step `json:"steps"`

	source source
}

// Metadata names the scenario.
type Metadata struct {
	// Name is unique among the scenarios of a directory: lower-case letters, digits and "-".
	Name string `json:"name"`
}

// Variable is a CIDR or an IP address that policies refer to as $(name).
type Variable struct {
	Name string `json:"-"`
	// Value is the default.
	Value string `json:"value" short:"true"`
	// Why says what the value must be fit for.
	Why string `json:"why,omitempty"`
}

// External is a host outside the cluster that pods knock on. In policies, $(name) is its address and $(name.cidr) the range of this one
// address; where it has one of each family, they are $(name.IPv4), $(name.IPv4.cidr), $(name.IPv6) and $(name.IPv6.cidr).
type External struct {
	Name string `json:"-"`
	// Addresses are the default: one, or one of each family.
	Addresses []netip.Addr `json:"addresses" short:"true" one:"true"`
	// Ports are those that the host listens on.
	Ports []Port `json:"ports,omitempty"`
	Why   string `json:"why,omitempty"`

	// unasked are addresses of the file, of families that the caller has not given. named says that the file has one address of each family,
	// so that its policies name them by family.
	unasked []netip.Addr
	named   bool
}

// Namespace is one that the scenario owns, or an existing one of the cluster.
type Namespace struct {
	Name string `json:"-"`
	// Labels are set on an own namespace. Those of an existing one are what the scenario assumes.
	Labels map[string]string `json:"labels,omitempty"`
	// Existing says that the namespace is part of the cluster under this very name. Probe pods may be put there; policies may not.
	Existing bool   `json:"existing,omitempty"`
	Why      string `json:"why,omitempty"`
}

// Pod is a probe pod.
type Pod struct {
	Name string `json:"-"`
	// Namespace may be omitted if the scenario has one namespace only.
	Namespace string            `json:"namespace,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	// Ports are those that the pod listens on and declares.
	Ports []Port `json:"ports,omitempty"`
	// SidecarPorts are ports that a second container of the pod declares. The pod listens on them too, and the [Loader] adds them to Ports.
	SidecarPorts []Port `json:"sidecarPorts,omitempty"`
	// SameNodeAs names the pod whose node this one shares.
	SameNodeAs string `json:"sameNodeAs,omitempty"`
	// OtherNodeThan names a pod whose node this one must not share.
	OtherNodeThan string `json:"otherNodeThan,omitempty"`
	// HostNetwork puts the pod into the network of its node. Such pods need a namespace of their own.
	HostNetwork bool `json:"hostNetwork,omitempty"`
	// Why says what the pod is for, where its name does not.
	Why string `json:"why,omitempty"`
}

// Service is a Service over pods of its namespace.
type Service struct {
	Name string `json:"-"`
	// Namespace may be omitted if the scenario has one namespace only.
	Namespace string `json:"namespace,omitempty"`
	// Type is ClusterIP (the default), Headless or NodePort.
	Type     ServiceType       `json:"type,omitempty"`
	Selector map[string]string `json:"selector"`
	Ports    []ServicePort     `json:"ports"`
	Why      string            `json:"why,omitempty"`
}

// ServiceType says how a Service is reached.
type ServiceType string

// The types of Services.
const (
	ClusterIP ServiceType = "ClusterIP"
	// Headless has no address of its own: its DNS name resolves to the pods.
	Headless ServiceType = "Headless"
	NodePort ServiceType = "NodePort"
)

// Values lists the closed set, for the schema and for messages.
func (ServiceType) Values() []string {
	return []string{string(ClusterIP), string(Headless), string(NodePort)}
}
