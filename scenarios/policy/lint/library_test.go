package lint_test

import (
	"slices"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/scenarios"
	"github.com/podknock/podknock/scenarios/policy/inventory"
	"github.com/podknock/podknock/scenarios/policy/lint"
)

// mistakesOfTheLibrary are the scenarios whose policies are wrong on purpose, and what is to be found there.
var mistakesOfTheLibrary = map[string][]string{
	"custom-lane":                {"namespace-label"}, // the floor admits namespaces that the scenario does not have
	"debug-peer-label":           {"peer-matches-nothing"},
	"debug-policy-types":         {"dns-forgotten", "types-missing"},
	"frontend-to-backend":        {"dns-forgotten", "one-end-only"},
	"mistake-and-for-or":         {"peer-matches-nothing"},
	"mistake-egress-without-dns": {"dns-forgotten"},
	"mistake-label-typo":         {"selects-nothing"},
	"mistake-wrong-namespace":    {"other-namespace"},
}

// TestTheLibraryIsAccusedOfItsMistakesAlone looks at every step of the scenarios whose policies are such as people write. The suite conformance combines
// what nobody would write: there, only what the API server rejects would be wrong.
func TestTheLibraryIsAccusedOfItsMistakesAlone(t *testing.T) {
	library, err := scenarios.Library()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for _, entry := range library {
		t.Run(entry.String(), func(t *testing.T) {
			g := NewWithT(t)
			scenario, err := scenarios.Loader{ReadFile: scenarios.ReadLibrary}.Load(entry.File)
			g.Expect(err).NotTo(HaveOccurred())
			expansion, err := scenarios.Expand(scenario, scenarios.ExpandOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			var found []string
			for i := range expansion.Steps {
				objects := inventory.New(expansion.Steps[i].Cluster(), inventory.Knowledge{Namespaces: true, Pods: true})
				report, err := lint.Run(objects, nil, lint.Options{})
				g.Expect(err).NotTo(HaveOccurred())
				for _, finding := range report.Findings {
					if finding.Severity == lint.Note || finding.Severity == lint.Warning && entry.Suite == "conformance" {
						continue
					}
					t.Logf("%s: %s %s %s: %s", expansion.Steps[i].Name, finding.Rule, finding.Object, finding.Field, finding.What)
					if !slices.Contains(found, finding.Rule) {
						found = append(found, finding.Rule)
					}
				}
			}
			slices.Sort(found)
			g.Expect(found).To(Equal(mistakesOfTheLibrary[entry.Name]))
		})
	}
}
