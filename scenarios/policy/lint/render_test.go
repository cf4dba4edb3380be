package lint_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/scenarios/policy/inventory"
	"github.com/podknock/podknock/scenarios/policy/lint"
)

// sample is a report with every severity, in a file and in a List.
func sample(t *testing.T) *lint.Report {
	return look(t, shop+policyOf("web", "podSelector: {matchLabels: {app: wep}}\negress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]")+
		"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: networking.k8s.io/v1\n  kind: NetworkPolicy\n  metadata: {name: db, namespace: shop}\n"+
		"  spec:\n    podSelector: {matchLabels: {app: db}}\n    ingress:\n    - ports:\n      - port: \"5432\"\n"+
		policyOf("far", "podSelector: {matchLabels: {app: db}}\ningress: [{from: [{namespaceSelector: {matchLabels: {team: net}}}], ports: [{port: 3306}]}]"), nil, lint.Options{})
}

func TestTheTextLooksAsInTheGoldenFile(t *testing.T) {
	var text bytes.Buffer
	NewWithT(t).Expect(lint.Text(&text, sample(t), lint.Note)).To(Succeed())
	golden(t, "testdata/sample.txt", text.String())
	text.Reset()
	NewWithT(t).Expect(lint.Text(&text, sample(t), lint.Error)).To(Succeed())
	NewWithT(t).Expect(text.String()).NotTo(ContainSubstring("selects-nothing"))
	NewWithT(t).Expect(text.String()).To(ContainSubstring("not shown"))
}

func indented(t *testing.T, value any) string {
	t.Helper()
	text, err := json.MarshalIndent(value, "", "  ")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return string(text) + "\n"
}

func TestTheJSONLooksAsInTheGoldenFile(t *testing.T) {
	golden(t, "testdata/sample.json", indented(t, lint.NewDocument(sample(t))))
}

// TestSARIFLooksAsInTheGoldenFile renders a finding of every form of place. Package scenarios/schema/conformance holds the file against the schema
// of SARIF, which is why all rules are in it.
func TestSARIFLooksAsInTheGoldenFile(t *testing.T) {
	report := sample(t)
	first := report.Findings[0]
	for _, at := range []*inventory.Position{nil, {File: "-", Line: 3, Column: 1}, {File: "/charts/my shop#1.yaml", Line: 3}, {File: "b:c.yaml"}} {
		first.Position = at
		report.Findings = append(report.Findings, first)
	}
	golden(t, "testdata/sample.sarif", indented(t, lint.NewSARIF(report, "1.2.3")))
}

// TestSARIFPointsAtItsRules checks what the schema of SARIF cannot say.
func TestSARIFPointsAtItsRules(t *testing.T) {
	g := NewWithT(t)
	var log struct {
		Runs []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct {
				RuleID    string
				RuleIndex int
			}
		}
	}
	g.Expect(json.Unmarshal([]byte(indented(t, lint.NewSARIF(sample(t), "1.2.3"))), &log)).To(Succeed())
	rules := log.Runs[0].Tool.Driver.Rules
	g.Expect(rules).To(HaveLen(len(lint.Rules())))
	g.Expect(log.Runs[0].Results).NotTo(BeEmpty())
	for _, result := range log.Runs[0].Results {
		g.Expect(rules[result.RuleIndex].ID).To(Equal(result.RuleID))
	}
}

// TestTheTableOfRulesIsThatOfTheReadme keeps README.md equal to the rules. -update writes it.
func TestTheTableOfRulesIsThatOfTheReadme(t *testing.T) {
	g := NewWithT(t)
	const begin, end = "<!-- rules: written by `go test ./scenarios/policy/lint -update` -->\n", "<!-- end of rules -->"
	var table strings.Builder
	table.WriteString("\n| rule | severity | what is found | why it matters |\n|---|---|---|---|\n")
	seen := map[string]bool{}
	for _, rule := range lint.Rules() {
		g.Expect(seen[rule.ID]).To(BeFalse(), rule.ID)
		seen[rule.ID] = true
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", rule.ID, rule.Severity, rule.About, rule.Why)
	}
	table.WriteString("\n")
	text, err := os.ReadFile("README.md")
	g.Expect(err).NotTo(HaveOccurred())
	before, rest, found := strings.Cut(string(text), begin)
	g.Expect(found).To(BeTrue())
	_, after, found := strings.Cut(rest, end)
	g.Expect(found).To(BeTrue())
	want := before + begin + table.String() + end + after
	if *update {
		g.Expect(os.WriteFile("README.md", []byte(want), 0o644)).To(Succeed())
		return
	}
	g.Expect(string(text)).To(Equal(want))
}
