package diagnose_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/runner/diagnose"
)

// TestTheReadmeHasEveryCause holds the table of causes and the catalogue together.
func TestTheReadmeHasEveryCause(t *testing.T) {
	g := NewWithT(t)
	text, err := os.ReadFile("README.md")
	g.Expect(err).NotTo(HaveOccurred())
	var rows []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| ") && strings.Contains(line, " | `") {
			rows = append(rows, strings.TrimSpace(line))
		}
	}
	catalogue := diagnose.Catalogue()
	g.Expect(rows).To(HaveLen(len(catalogue)))
	for i, cause := range catalogue {
		g.Expect(rows[i]).To(HavePrefix(fmt.Sprintf("| %d | `%s` | %s | ", cause.Number, cause.ID, cause.Title)))
		if !cause.Checked() {
			g.Expect(rows[i]).To(ContainSubstring("not checked: " + cause.Reason))
		}
	}
}
