package scenarios

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// Expansion is a scenario written out: each step with the full list of its cells. [Expand] makes it.
type Expansion struct {
	Scenario *Scenario
	Steps    []ExpandedStep
}

// ExpandedStep is one step with everything that a runner does in it.
type ExpandedStep struct {
	// Name is the step's. Added steps have names of their own.
	Name string
	// Step is the index in the scenario's steps, or -1 for a step that [Expand] added as a control: one before the first policy, or one
	// after all policies are gone.
	Step int
	// Delete, Apply, Label and Create are done in this order. Policies still have the scenario's names: see [Naming.Policy].
	Delete []Ref
	Apply  []Apply
	Label  []LabelChange
	// Create lists namespaces, each of which comes with its Services, and then every pod that is born in this step, those that come with
	// their namespace included.
	Create []Ref
	// Cells are in a fixed order: by source, target, port, protocol and family, each as the file lists them.
	Cells []Cell

	world *world
}

// Cell is one knock and what it should find.
type Cell struct {
	From Endpoint
	To   Endpoint
	// Port is 0 for target dns.
	Port     int32
	Protocol corev1.Protocol
	Family   corev1.IPFamily
	Expected Expected
	Reason   Reason
	// Control proves the path of a cell that should fail; nil for cells that should not.
	Control *Control

	// births are those of the pods at both ends, so that a control is about the same pods.
	births [2]int
	// declared are the axes of the line that states the expectation, changes those that it goes back to.
	declared, changes []AxisName
}

// String names the cell in one line: "web -> mysql:3306/TCP (IPv4)".
func (c Cell) String() string {
	return fmt.Sprintf("%s (%s)", c.withoutFamily(), c.Family)
}

func (c Cell) withoutFamily() string {
	port := ""
	if c.Port != 0 {
		port = fmt.Sprintf(":%d", c.Port)
	}
	return fmt.Sprintf("%s -> %s%s/%s", c.From, c.To, port, c.Protocol)
}

// EndpointKind says what one end of a cell is.
type EndpointKind string

// The kinds of endpoints.
const (
	EndpointPod      EndpointKind = "pod"
	EndpointExternal EndpointKind = "external"
	// EndpointService is the address of a Service.
	EndpointService EndpointKind = "service"
	// EndpointServiceName is the DNS name of a Service, which the source resolves first.
	EndpointServiceName EndpointKind = "service-name"
	// EndpointHostName is any other DNS name.
	EndpointHostName EndpointKind = "host-name"
	// EndpointNode is the node of a pod.
	EndpointNode EndpointKind = "node"
	// EndpointNodePort is the port of a Service on the node of a pod. The cell's port is the Service's: the node's is known to the
	// cluster only.
	EndpointNodePort EndpointKind = "node-port"
	// EndpointDNS is a question to the cluster's DNS.
	EndpointDNS EndpointKind = "dns"
)

// Endpoint is one end of a cell, by the scenario's names. Endpoints are comparable.
type Endpoint struct {
	Kind EndpointKind
	// Name is that of the pod, external host, Service or DNS name.
	Name string
	// Node is the pod whose node is meant, for the two kinds of nodes.
	Node string
}

// String is the endpoint as a file has it.
func (e Endpoint) String() string {
	switch e.Kind {
	case EndpointDNS:
		return "dns"
	case EndpointServiceName, EndpointHostName:
		return "name(" + e.Name + ")"
	case EndpointNode:
		return "node(" + e.Node + ")"
	case EndpointNodePort:
		return "node(" + e.Node + ")/" + e.Name
	}
	return e.Name
}

// Origin says where an expectation comes from.
type Origin string

// The origins.
const (
	// Stated: a line of the step itself.
	Stated Origin = "stated"
	// Kept: a line of an earlier step, not touched since.
	Kept Origin = "kept"
	// Computed: the policies in force.
	Computed Origin = "computed"
	// NoPolicy: no policy was ever in force, so what listens connects.
	NoPolicy Origin = "no-policy"
)

// Reason says why a cell expects what it does.
type Reason struct {
	Origin Origin
	// File and Line are those of the expectation, for Stated and Kept.
	File string
	Line int
}

// ControlKind says how a control proves a path.
type ControlKind string

// The kinds of controls, best first.
const (
	// ControlBefore: the same cell succeeds in an earlier step, between the same pods.
	ControlBefore ControlKind = "before"
	// ControlOtherPort: the same pair succeeds on another port in the same step.
	ControlOtherPort ControlKind = "other-port"
	// ControlAfter: the same cell succeeds in a later step, between the same pods.
	ControlAfter ControlKind = "after"
)

// Control is the cell that proves the path of another.
type Control struct {
	Kind ControlKind
	// Step and Cell are indexes in the Expansion.
	Step int
	Cell int
}
