package lint_test

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/scenarios/policy/inventory"
	"github.com/podknock/podknock/scenarios/policy/lint"
)

// TestHealthySetUpsAreNotAccused looks at what careful people write: nothing of severity warning may be found.
func TestHealthySetUpsAreNotAccused(t *testing.T) {
	files, err := filepath.Glob("testdata/healthy/*.yaml")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	NewWithT(t).Expect(len(files)).To(BeNumerically(">=", 10))
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			g := NewWithT(t)
			data, err := os.ReadFile(file)
			g.Expect(err).NotTo(HaveOccurred())
			reader := inventory.Reader{}
			reader.Read(file, data)
			objects, problems := reader.Inventory()
			g.Expect(problems).To(BeEmpty())
			report, err := lint.Run(objects, problems, lint.Options{})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(report.Checked.Policies).To(BeNumerically(">", 0))
			g.Expect(told(report, lint.Warning)).To(BeEmpty(), "%+v", report.Findings)
			for _, note := range report.Findings {
				t.Logf("%s: %s", note.Rule, note.What)
			}
		})
	}
}
