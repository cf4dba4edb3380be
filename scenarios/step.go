package scenarios

import (
	"fmt"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/scenarios/internal/strict"
)

// Step changes something and says what should be found afterwards. The parts of a change happen in this order: delete, apply, label,
// create.
type Step struct {
	// Name says what has just happened.
	Name string `json:"name"`
	Why  string `json:"why,omitempty"`
	// Axes are what this step is about beside the scenario's.
	Axes []AxisName `json:"axes,omitempty" one:"true"`
	// Delete removes policies, pods or namespaces: policy/NAME, policy/NAMESPACE/NAME, pod/NAME, namespace/NAME.
	Delete []Ref `json:"delete,omitempty"`
	// Apply creates or replaces policies. Each entry is a file of NetworkPolicies (the path is relative to the scenario's file) or a
	// NetworkPolicy itself.
	Apply []Apply `json:"apply,omitempty"`
	// Label sets labels of pods and namespaces (pod/NAME, namespace/NAME). A null removes the label.
	Label []LabelChange `json:"label,omitempty" key:"Object"`
	// Create brings pods and namespaces into being (pod/NAME, namespace/NAME). What a step creates is not there from the start,
	// unless an earlier step deletes it.
	Create []Ref `json:"create,omitempty"`
	// Expect is what every knock should find: a list, of which the first that fits a cell counts, or the word "policies" to have it
	// computed from the policies in force.
	Expect Expectations `json:"expect"`
}

// Apply is one entry of a step's apply: a file, or a policy written in place.
type Apply struct {
	// File is the path as written, or empty for a policy in place.
	File string
	// Policies are the objects, in the order of the file. Variables are replaced, names are still the scenario's.
	Policies []networkingv1.NetworkPolicy

	node *strict.Node
}

// DecodeNode keeps the node: policies are read when variables are known.
func (a *Apply) DecodeNode(_ *strict.Decoder, node *strict.Node, _ string) { a.node = node }

// LabelChange changes the labels of one pod or namespace.
type LabelChange struct {
	Object Ref `json:"-"`
	// Labels are set; a nil value removes.
	Labels map[string]*string `json:"-"`
}

// DecodeNode reads the mapping of labels.
func (c *LabelChange) DecodeNode(d *strict.Decoder, node *strict.Node, path string) {
	d.Decode(node, path, &c.Labels)
}

// RefKind is the kind of an object that a step names.
type RefKind string

// The kinds of references.
const (
	RefPolicy    RefKind = "policy"
	RefPod       RefKind = "pod"
	RefNamespace RefKind = "namespace"
)

// Ref names an object of the scenario, written KIND/NAME. A policy whose name occurs in two namespaces is written
// policy/NAMESPACE/NAME.
type Ref struct {
	Kind RefKind
	// Namespace is set for policies only. The loader fills it where the file omits it.
	Namespace string
	Name      string
}

// String is the reference as a file has it.
func (r Ref) String() string {
	if r.Namespace != "" {
		return fmt.Sprintf("%s/%s/%s", r.Kind, r.Namespace, r.Name)
	}
	return fmt.Sprintf("%s/%s", r.Kind, r.Name)
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (r *Ref) UnmarshalText(text []byte) error {
	parts := strings.Split(string(text), "/")
	kind := RefKind(parts[0])
	switch {
	case len(parts) == 2 && parts[1] != "" && (kind == RefPod || kind == RefNamespace || kind == RefPolicy):
		*r = Ref{Kind: kind, Name: parts[1]}
	case len(parts) == 3 && parts[1] != "" && parts[2] != "" && kind == RefPolicy:
		*r = Ref{Kind: kind, Namespace: parts[1], Name: parts[2]}
	default:
		return fmt.Errorf("%q names no object: write policy/NAME, pod/NAME or namespace/NAME", text)
	}
	return nil
}

// Pattern is the shape of a reference, for the schema.
func (Ref) Pattern() string { return `^((pod|namespace)/[^/]+|policy/([^/]+/)?[^/]+)$` }
