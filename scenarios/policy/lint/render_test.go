package lint_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

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

func TestSARIFLooksAsInTheGoldenFile(t *testing.T) {
	log := lint.NewSARIF(sample(t), "1.2.3")
	log.Runs[0].Tool.Driver.Rules = log.Runs[0].Tool.Driver.Rules[:1] // the table of README.md has the others
	golden(t, "testdata/sample.sarif", indented(t, log))
}

// TestSARIFHasTheShapeOfTheStandard checks what SARIF 2.1.0 demands of the objects in use, and that there are no others: its schema allows no
// additional properties.
func TestSARIFHasTheShapeOfTheStandard(t *testing.T) {
	g := NewWithT(t)
	var log map[string]any
	g.Expect(json.Unmarshal([]byte(indented(t, lint.NewSARIF(sample(t), "1.2.3"))), &log)).To(Succeed())
	g.Expect(log).To(And(HaveLen(3), HaveKey("$schema"), HaveKeyWithValue("version", "2.1.0")))
	run := log["runs"].([]any)[0].(map[string]any)
	g.Expect(run).To(And(HaveLen(3), HaveKey("tool"), HaveKeyWithValue("columnKind", "unicodeCodePoints")))
	driver := run["tool"].(map[string]any)["driver"].(map[string]any)
	g.Expect(driver).To(And(HaveLen(3), HaveKeyWithValue("name", "podknock"), HaveKey("version")))
	rules := driver["rules"].([]any)
	g.Expect(rules).To(HaveLen(len(lint.Rules())))
	results := run["results"].([]any)
	g.Expect(results).NotTo(BeEmpty())
	for _, each := range results {
		result := each.(map[string]any)
		g.Expect(result).To(HaveLen(6))
		g.Expect(result["level"]).To(BeElementOf("error", "warning", "note"))
		rule := rules[int(result["ruleIndex"].(float64))].(map[string]any)
		g.Expect(rule["id"]).To(Equal(result["ruleId"]))
		g.Expect(result["message"]).To(HaveKeyWithValue("text", Not(BeEmpty())))
		location := result["locations"].([]any)[0].(map[string]any)
		physical := location["physicalLocation"].(map[string]any)
		g.Expect(physical["artifactLocation"]).To(Equal(map[string]any{"uri": "shop.yaml"}))
		g.Expect(physical["region"]).To(And(HaveLen(2), HaveKeyWithValue("startLine", BeNumerically(">=", 1)), HaveKeyWithValue("startColumn", BeNumerically(">=", 1))))
		g.Expect(result["partialFingerprints"]).To(HaveLen(1))
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
