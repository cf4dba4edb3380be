package identity

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/labels"
)

// Way says how an identity was found.
type Way string

// The ways, best first.
const (
	// WaySynthesized: the policies judge it like the real pod, and nothing else knows it.
	WaySynthesized Way = "synthesized"
	// WayTolerated: some objects match it too, which does no harm to a pod that never becomes Ready.
	WayTolerated Way = "tolerated"
	// WayRefused: no labels are safe.
	WayRefused Way = "refused"
)

// Identity is what a probe pod may carry.
type Identity struct {
	// Way is how the labels were found; empty for a pod that has none of its own.
	Way    Way               `json:"way,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
	// Tolerated are the objects that match it, each with the reason why that does no harm.
	Tolerated []Tolerated `json:"tolerated,omitempty"`
	// Obstacles are what stands in the way of a refused one.
	Obstacles []string `json:"obstacles,omitempty"`
}

// Tolerated is an object that matches the labels of a probe pod, and why that does no harm.
type Tolerated struct {
	Object string `json:"object"`
	Reason string `json:"reason"`
}

// hashLabels are those by which controllers tell generations of their pods apart. Without the first no ReplicaSet of a Deployment matches.
var hashLabels = []string{"pod-template-hash", "controller-revision-hash", "pod-template-generation"}

// Judge finds the best identity. First labels that nothing but policies match; where there are none, labels that only tolerable demands match,
// without the hash labels; or else it refuses and names what stands in the way.
func Judge(real, fixed map[string]string, demands []Demand) Identity {
	if found := Synthesize(real, fixed, demands); found.Found() {
		return Identity{Way: WaySynthesized, Labels: found.Labels}
	}
	bare := maps.Clone(real)
	for _, key := range hashLabels {
		delete(bare, key)
	}
	// Give up as few of the tolerable demands as possible: each is kept if the rest can still be met with it.
	var kept, given []Demand
	for _, d := range demands {
		if d.Tolerable == "" || d.alike() {
			kept = append(kept, d)
		} else {
			given = append(given, d)
		}
	}
	best := Synthesize(bare, fixed, policiesOf(real, bare, kept))
	if !best.Found() {
		return Identity{Way: WayRefused, Obstacles: obstacles(real, fixed, demands, best.Exhausted)}
	}
	for _, d := range given {
		if found := Synthesize(bare, fixed, policiesOf(real, bare, append(slices.Clone(kept), d))); found.Found() {
			kept, best = append(kept, d), found
		}
	}
	identity := Identity{Way: WayTolerated, Labels: best.Labels}
	whole := labels.Set(merged(best.Labels, fixed))
	for i := range given {
		if given[i].Selector.Matches(whole) {
			identity.Tolerated = append(identity.Tolerated, Tolerated{Object: given[i].String(), Reason: given[i].Tolerable})
		}
	}
	return identity
}

// policiesOf makes the demands of policies mean the real labels although the search starts from bare ones: a policy that judges both alike stays,
// and one that looks at a hash label cannot be met without it.
func policiesOf(real, bare map[string]string, demands []Demand) []Demand {
	var meant []Demand
	for _, d := range demands {
		if d.alike() && d.Selector.Matches(labels.Set(real)) != d.Selector.Matches(labels.Set(bare)) {
			// No label set without the hash does; a demand that nothing can meet says so.
			meant = append(meant, Demand{Kind: KindDeployment, Owner: d.Owner, Field: d.Field, Selector: labels.Everything()})
			continue
		}
		meant = append(meant, d)
	}
	return meant
}

// obstacles names the demands that keep the real pod's own labels, without hash labels, from being used.
func obstacles(real, fixed map[string]string, demands []Demand, exhausted bool) []string {
	if exhausted {
		return []string{"the search for labels took too long: there are too many selectors"}
	}
	bare := merged(real, fixed)
	for _, key := range hashLabels {
		delete(bare, key)
	}
	var found []string
	for i := range demands {
		if d := &demands[i]; !d.alike() && d.Tolerable == "" && d.Selector.Matches(labels.Set(bare)) {
			found = append(found, d.String()+" matches every label set that the policies judge like the pod's")
		}
	}
	if len(found) == 0 {
		found = append(found, "no label set is judged by the policies like the pod's without being matched by something else")
	}
	return found
}

// Check reports the demands that a label set fails, whatever way it was found. It is the last look before a pod is created.
func Check(real, whole map[string]string, demands []Demand, tolerated []Tolerated) []string {
	var failed []string
	for i := range demands {
		d := &demands[i]
		matches := d.Selector.Matches(labels.Set(whole))
		switch {
		case d.alike() && matches != d.Selector.Matches(labels.Set(real)):
			failed = append(failed, d.String()+" judges it unlike the pod")
		case !d.alike() && matches && !slices.ContainsFunc(tolerated, func(t Tolerated) bool { return t.Object == d.String() }):
			failed = append(failed, d.String()+" matches it")
		}
	}
	return failed
}

func merged(own, fixed map[string]string) map[string]string {
	whole := maps.Clone(own)
	if whole == nil {
		whole = map[string]string{}
	}
	maps.Copy(whole, fixed)
	return whole
}
