package verify

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

var update = flag.Bool("update", false, "write the table of README.md instead of comparing with it")

const (
	tableBegin = "<!-- implications: begin; go test ./runner/verify -run Implications -update -->\n"
	tableEnd   = "<!-- implications: end -->\n"
)

// TestImplicationsAreThePublishedOnes computes for every defect which axes fail with it, and which defects no knock tells apart.
func TestImplicationsAreThePublishedOnes(t *testing.T) {
	g := NewWithT(t)
	text, err := os.ReadFile("README.md")
	g.Expect(err).NotTo(HaveOccurred())
	before, rest, found := strings.Cut(string(text), tableBegin)
	_, after, closed := strings.Cut(rest, tableEnd)
	g.Expect(found && closed).To(BeTrue(), "README.md has no place for the table")
	written := before + tableBegin + "\n" + implications(simulated(t)) + "\n" + tableEnd + after
	if *update {
		g.Expect(os.WriteFile("README.md", []byte(written), 0o644)).To(Succeed())
		return
	}
	g.Expect(string(text)).To(Equal(written), "if the change is meant, run go test ./runner/verify -run Implications -update")
}

// implications is the table in Markdown.
func implications(s *simulation) string {
	var b strings.Builder
	b.WriteString("| defect | an engine that has it | axis | what else fails with it | not to be told from |\n|---|---|---|---|---|\n")
	for i, guess := range s.search.guesses {
		s.suffer(guess.predicted)
		var failing, alike []string
		seen := map[string]bool{}
		for _, k := range s.search.failed() {
			for _, axis := range k.axes() {
				if axis.Name != guess.Axis && !seen[string(axis.Name)] {
					seen[string(axis.Name)] = true
					failing = append(failing, string(axis.Name))
				}
			}
		}
		for j, other := range s.search.guesses {
			if i != j && s.search.same(guess.predicted, other.predicted) {
				alike = append(alike, "`"+other.Name+"`")
			}
		}
		slices.Sort(failing)
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", guess.Name, strings.ReplaceAll(guess.About, "|", `\|`), guess.Axis,
			strings.Join(failing, ", "), strings.Join(alike, ", "))
	}
	return b.String()
}
