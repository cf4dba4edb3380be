package defects

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/runner/verify"
	"github.com/podknock/podknock/scenarios"
)

// labMutants are the lab's engines, as the table of its README.md has them; the lab is a module of its own.
func labMutants(t *testing.T) []Mutant {
	t.Helper()
	file, err := os.Open("../lab/README.md")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	defer file.Close()
	var found []Mutant
	inside := false
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "<!-- mutants: "):
			inside = strings.Contains(line, "begin")
		case inside && strings.HasPrefix(line, "| `"):
			cells := strings.Split(line, "|")
			found = append(found, Mutant{Name: strings.Trim(cells[1], " `"), Family: strings.TrimSpace(cells[2]), Defect: strings.TrimSpace(cells[3])})
		}
	}
	return found
}

// TestEveryMutantHasAHypothesis holds the lab's engines and the verifier's catalogue together, in the one place that knows both.
func TestEveryMutantHasAHypothesis(t *testing.T) {
	g := NewWithT(t)
	mutants := labMutants(t)
	g.Expect(len(mutants)).To(BeNumerically(">", 40))
	inTiming := []string{"new-pods-open", "policies-late"}
	var known []string
	for _, d := range verify.Hypotheses() {
		known = append(known, d.Name)
	}
	known = append(known, inTiming...)
	for _, mutant := range mutants {
		name := mutant.Name
		if alias := aliases[name]; alias != "" {
			name = alias
		}
		g.Expect(slices.Contains(known, name) || shown[name] != "").To(BeTrue(), "mutant %s: the verifier has no name for it", mutant.Name)
		for _, axis := range strings.Split(Axes(mutant), ",") {
			_, ok := scenarios.AxisNamed(scenarios.AxisName(axis))
			g.Expect(ok).To(BeTrue(), "mutant %s: axis %q", mutant.Name, axis)
		}
	}
}
