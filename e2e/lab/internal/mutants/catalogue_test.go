package mutants

import (
	"flag"
	"os"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

var update = flag.Bool("update", false, "write the table into the lab's README.md")

const readme, begin, end = "../../README.md", "<!-- mutants: begin -->\n", "<!-- mutants: end -->\n"

func TestTheReadmeListsTheCatalogue(t *testing.T) {
	g := NewWithT(t)
	data, err := os.ReadFile(readme)
	g.Expect(err).NotTo(HaveOccurred())
	before, rest, ok := strings.Cut(string(data), begin)
	g.Expect(ok).To(BeTrue(), begin)
	table, after, ok := strings.Cut(rest, end)
	g.Expect(ok).To(BeTrue(), end)
	if *update {
		g.Expect(os.WriteFile(readme, []byte(before+begin+Table()+end+after), 0o644)).To(Succeed())
		return
	}
	g.Expect(table).To(Equal(Table()), "go test ./internal/mutants -update")
}

func TestTheCatalogue(t *testing.T) {
	g := NewWithT(t)
	_, err := Find("perfect")
	g.Expect(err).To(MatchError(ContainSubstring(`mutant "perfect": there is no such engine`)))
	names := map[string]bool{}
	families := map[Family]bool{}
	for _, m := range All() {
		g.Expect(names[m.Name]).To(BeFalse(), "%s stands once", m.Name)
		names[m.Name], families[m.Family] = true, true
		g.Expect(m.Defect).To(HaveSuffix("."), m.Name)
		found, err := Find(m.Name)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(found).To(Equal(m))
	}
	for _, family := range Families() {
		g.Expect(families[family]).To(BeTrue(), "family %s", family)
	}
	g.Expect(families).To(HaveLen(len(Families())))
}
