package scenarios

import (
	"go.yaml.in/yaml/v4"
	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios/internal/strict"
)

// Expectations are a list, or left to the policies.
type Expectations struct {
	// Policies says that the expectation of every cell is computed from the policies in force.
	Policies bool
	// List is searched in order; the first that fits a cell counts.
	List []Expectation
}

// DecodeNode reads the word or the list.
func (e *Expectations) DecodeNode(d *strict.Decoder, node *strict.Node, path string) {
	switch {
	case node.Kind != yaml.ScalarNode:
		d.Decode(node, path, &e.List)
	case node.Value == policiesWord:
		e.Policies = true
	default:
		d.Report(path, "%q is no expectation: write a list of them, or the word %s", node.Value, policiesWord)
	}
}

// policiesWord stands in place of a list of expectations.
const policiesWord = "policies"

// Expectation states the outcome of some cells.
type Expectation struct {
	// From are pods, or all of them ("*"), or those of a namespace ("NAMESPACE/*"), or external hosts.
	From []Source `json:"from" one:"true"`
	// To are what is knocked on; see [Target].
	To []Target `json:"to" one:"true"`
	// Family restricts the expectation to IPv4 or IPv6.
	Family Family `json:"family,omitempty"`
	// Outcome is what the knock should find.
	Outcome Expected `json:"outcome"`
	// Axes are what the cells that this line decides are about beside the scenario's and the step's.
	Axes []AxisName `json:"axes,omitempty" one:"true"`
	// Why says why, where that is not plain.
	Why string `json:"why,omitempty"`
}

// Family is an address family, or empty for every one that the cluster has.
type Family corev1.IPFamily

// Values lists the closed set, for the schema and for messages.
func (Family) Values() []string {
	return []string{string(corev1.IPv4Protocol), string(corev1.IPv6Protocol)}
}

// Expected is what a knock should find: an outcome of the wire, or one of the two words below.
type Expected string

// The words that are no outcomes.
const (
	// Blocked is timeout or rejected: the ways in which policies are enforced. For target dns it means that no server answered.
	Blocked Expected = "blocked"
	// Any is for cells that are knocked on and reported but not judged, because the NetworkPolicy API leaves them to the plugin.
	Any Expected = "any"
)

// Values lists the closed set, for the schema and for messages. Not among them are the outcomes that say that nothing was learnt
// ([probe.Unsupported], [probe.Error]) and [probe.WrongResponder], which nobody can want.
func (Expected) Values() []string {
	return []string{
		string(probe.Connected), string(Blocked), string(probe.Refused), string(probe.Timeout), string(probe.Rejected),
		string(probe.Reset), string(probe.Closed), string(probe.Stalled), string(probe.Unreachable), string(probe.DNSFailure),
		string(Any),
	}
}

// Admits reports whether the outcome is what was expected. It does not know that a timeout on the way back is no block: the caller,
// who holds the whole reading, does.
func (e Expected) Admits(outcome probe.Outcome) bool {
	switch e {
	case Any:
		return true
	case Blocked:
		return outcome == probe.Timeout || outcome == probe.Rejected
	}
	return string(e) == string(outcome)
}

// NeedsControl reports whether a dead network would look the same, so that something else has to prove the path.
func (e Expected) NeedsControl() bool {
	switch e {
	case Blocked, Expected(probe.Timeout), Expected(probe.Rejected), Expected(probe.Unreachable), Expected(probe.DNSFailure):
		return true
	}
	return false
}
