package scenarios

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
)

// loadEntry loads a built-in scenario.
func loadEntry(t *testing.T, entry Entry) *Scenario {
	t.Helper()
	scenario, err := Loader{ReadFile: ReadLibrary}.Load(entry.File)
	if err != nil {
		t.Fatalf("load %s:\n%v", entry, err)
	}
	return scenario
}

// eachEntry runs a test for each built-in scenario.
func eachEntry(t *testing.T, test func(t *testing.T, entry Entry, scenario *Scenario)) {
	t.Helper()
	entries, err := Library()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for _, entry := range entries {
		t.Run(entry.String(), func(t *testing.T) { test(t, entry, loadEntry(t, entry)) })
	}
}

func TestStatedAndComputedExpectationsOfTheLibraryAgree(t *testing.T) {
	eachEntry(t, func(t *testing.T, _ Entry, scenario *Scenario) { checkAgreement(t, scenario) })
}

// checkAgreement compares what a scenario states with what its policies say, in a cluster with both families.
func checkAgreement(t *testing.T, scenario *Scenario) {
	t.Helper()
	g := NewWithT(t)
	stated, err := Expand(scenario, ExpandOptions{Families: Families()})
	g.Expect(err).NotTo(HaveOccurred())
	for i := range stated.Steps {
		step := &stated.Steps[i]
		g.Expect(step.Cells).NotTo(BeEmpty())
		for _, cell := range step.Cells {
			computed, err := step.Computed(cell)
			g.Expect(err).NotTo(HaveOccurred())
			if !agree(cell.Expected, computed) {
				explanation, err := step.Explain(cell)
				t.Errorf("step %q: %s: expected %s (%s), computed %s\n%v %v", step.Name, cell, cell.Expected, cell.Reason.Origin,
					computed, explanation.Sentences(), err)
			}
		}
	}
}

// agree reports whether a computed expectation confirms a stated one. A stated way of blocking is narrower than what policies can say.
func agree(stated, computed Expected) bool {
	if computed == Blocked {
		return stated == Blocked || stated == Expected(probe.Timeout) || stated == Expected(probe.Rejected)
	}
	return stated == computed
}
