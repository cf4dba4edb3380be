package lint

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/podknock/podknock/scenarios/policy/inventory"
)

// Severity says how sure and how bad a finding is.
type Severity string

// The severities.
const (
	// Error: the API server rejects the object, or could not say what is meant.
	Error Severity = "error"
	// Warning: the policy very likely does something else than its author wants.
	Warning Severity = "warning"
	// Note: worth a look; often meant so.
	Note Severity = "note"
)

// Severities are all, the gravest first.
func Severities() []Severity { return []Severity{Error, Warning, Note} }

// AtLeast reports whether a severity is as grave as another, or graver.
func (s Severity) AtLeast(other Severity) bool {
	all := Severities()
	return slices.Index(all, s) <= slices.Index(all, other)
}

// Finding is one likely mistake.
type Finding struct {
	// Rule is the ID of one of Rules.
	Rule     string        `json:"rule"`
	Severity Severity      `json:"severity"`
	Object   inventory.Ref `json:"object"`
	// Field is the path of the value in the object, such as spec.ingress[0].from[1]. Empty means the object as a whole.
	Field string `json:"field,omitempty"`
	// Position is where the field, or what would hold it, stands. It is missing for live objects.
	Position *inventory.Position `json:"position,omitempty"`
	// What says in one sentence what is wrong, Do what to do about it.
	What string `json:"what"`
	Do   string `json:"do"`
	// Command does it to the object in the cluster, in a shell, where that is known.
	Command string `json:"command,omitempty"`
}

// Report is what a look at an inventory found.
type Report struct {
	Findings []Finding `json:"findings"`
	// Unchecked are sentences about what could not be checked, because the objects that would tell were not given.
	Unchecked []string `json:"unchecked,omitempty"`
	// Checked counts the objects.
	Checked Counts `json:"checked"`
	// Ignored counts the objects of kinds that were not looked at.
	Ignored map[string]int `json:"ignored,omitempty"`
}

// Counts are how many objects were looked at.
type Counts struct {
	Policies   int `json:"policies"`
	Pods       int `json:"pods"`
	Services   int `json:"services"`
	Namespaces int `json:"namespaces"`
}

// Worst reports whether any finding is at least this grave.
func (r *Report) Worst(severity Severity) bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity.AtLeast(severity) })
}

// Count is how many findings have a severity.
func (r *Report) Count(severity Severity) int {
	n := 0
	for i := range r.Findings {
		if r.Findings[i].Severity == severity {
			n++
		}
	}
	return n
}

// sort puts findings into the order of files and lines, live objects by name.
func (r *Report) sort() {
	place := func(f *Finding) inventory.Position {
		if f.Position == nil {
			return inventory.Position{}
		}
		return *f.Position
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		one, other := place(&a), place(&b)
		return cmp.Or(
			cmp.Compare(one.File, other.File), cmp.Compare(one.Line, other.Line), cmp.Compare(one.Column, other.Column),
			cmp.Compare(a.Object.String(), b.Object.String()), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.What, b.What),
		)
	})
	r.Findings = slices.CompactFunc(r.Findings, func(a, b Finding) bool {
		return a.Rule == b.Rule && a.Object == b.Object && a.Field == b.Field && a.What == b.What
	})
	slices.Sort(r.Unchecked)
	r.Unchecked = slices.Compact(r.Unchecked)
}

// ErrRule says that there is no rule with this ID.
type ErrRule string

// Error names the rule.
func (e ErrRule) Error() string { return fmt.Sprintf("no rule is called %q", string(e)) }
