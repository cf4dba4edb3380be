// Package mutants is the catalogue of policy engines that are wrong on
// purpose. Each has one defect, stated in one sentence, so that whoever judges
// engines can be shown to notice it. What makes the defect is in the package
// engine; this one links nothing, for those who only need the names.
package mutants

import (
	"fmt"
	"slices"
	"strings"
)

// Family groups defects by what an engine gets wrong.
type Family string

// The families.
const (
	Rules     Family = "rules"     // what a policy's rules say
	Selectors Family = "selectors" // whom a selector or a block means
	Ports     Family = "ports"     // which ports and protocols a rule names
	Paths     Family = "paths"     // which traffic is looked at, and how it is refused
	Changes   Family = "changes"   // when a change takes hold
)

// Families are all families, in the catalogue's order.
func Families() []Family { return []Family{Rules, Selectors, Ports, Paths, Changes} }

// Mutant is an engine with one defect.
type Mutant struct {
	Name   string `json:"name"`
	Family Family `json:"family"`
	// Defect is one sentence that says what the engine does instead of the
	// specification.
	Defect string `json:"defect"`
	// Seen is where the defect was met in a real engine, as owner/repo#number;
	// empty when it is only thinkable.
	Seen string `json:"seen,omitempty"`
}

// All returns the catalogue, family by family.
func All() []Mutant { return slices.Clone(all) }

// Find returns the mutant of a name.
func Find(name string) (Mutant, error) {
	i := slices.IndexFunc(all, func(m Mutant) bool { return m.Name == name })
	if i < 0 {
		return Mutant{}, fmt.Errorf("mutant %q: there is no such engine; %q lists them", name, "lab engine list")
	}
	return all[i], nil
}

// Table renders the catalogue as a table in Markdown.
func Table() string {
	var b strings.Builder
	b.WriteString("| mutant | family | its defect | seen in |\n|---|---|---|---|\n")
	for _, m := range all {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Family, m.Defect, m.Seen)
	}
	return b.String()
}
