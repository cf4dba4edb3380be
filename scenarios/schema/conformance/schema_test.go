package conformance

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	schema, err := compiler.Compile("../scenario.schema.json")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return schema
}

func decode(t *testing.T, text string) any {
	t.Helper()
	var value any
	NewWithT(t).Expect(yaml.Unmarshal([]byte(text), &value)).To(Succeed())
	return value
}

func TestBuiltInScenariosFitTheSchema(t *testing.T) {
	g := NewWithT(t)
	schema := compile(t)
	files, err := filepath.Glob("../../library/*/*.yaml")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(files).NotTo(BeEmpty())
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			g := NewWithT(t)
			text, err := os.ReadFile(file)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(schema.Validate(decode(t, string(text)))).To(Succeed())
		})
	}
}

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(apiVersion: podknock.*?)^```$")

func TestExamplesOfTheReferenceFitTheSchema(t *testing.T) {
	g := NewWithT(t)
	schema := compile(t)
	text, err := os.ReadFile("../../README.md")
	g.Expect(err).NotTo(HaveOccurred())
	blocks := yamlBlock.FindAllStringSubmatch(string(text), -1)
	g.Expect(len(blocks)).To(Equal(strings.Count(string(text), "\nkind: Scenario\n")))
	for _, block := range blocks {
		g.Expect(schema.Validate(decode(t, block[1]))).To(Succeed(), block[1])
	}
}

const sound = `apiVersion: podknock.dev/v1alpha1
kind: Scenario
metadata: {name: sound}
about: Sound.
external: {outside: 203.0.113.10}
pods:
  a:
  b: {ports: [80, dns=53/UDP]}
services:
  s: {selector: {app: b}, ports: ["80:8080"]}
steps:
  - name: first
    apply: [policy.yaml, {metadata: {name: p}, spec: {podSelector: {}, egress: [{ports: [{port: http}]}]}}]
    label: {pod/a: {app: null}}
    delete: [policy/default/p]
    expect: [{from: "*", to: ["b:80", dns], outcome: blocked}]
`

func TestTheSchemaAcceptsEveryForm(t *testing.T) {
	NewWithT(t).Expect(compile(t).Validate(decode(t, sound))).To(Succeed())
}

func TestTheSchemaRefuses(t *testing.T) {
	rows := []struct{ name, old, new string }{
		{"an unknown key", "about:", "abuot:"},
		{"another version", "v1alpha1", "v1"},
		{"a missing expectation", `    expect: [{from: "*", to: ["b:80", dns], outcome: blocked}]`, ""},
		{"an empty expectation", `[{from: "*", to: ["b:80", dns], outcome: blocked}]`, "[]"},
		{"another word than policies", `[{from: "*", to: ["b:80", dns], outcome: blocked}]`, "policy"},
		{"an outcome that nobody knows", "outcome: blocked", "outcome: closd"},
		{"a port that is none", "dns=53/UDP", "dns=53/UPD"},
		{"a target that is none", `"b:80"`, `"b/80"`},
		{"a pod's name that is no label", "  a:\n", "  A_b:\n"},
		{"a reference without a kind", "policy/default/p", "p"},
		{"an address that is none", "203.0.113.10", "example"},
		{"a Service without selector", "selector: {app: b}, ", ""},
		{"an unknown key in a policy", "podSelector: {}", "podselector: {}"},
		{"a key of a policy in the wrong place", "spec: {podSelector: {}", "ingress: [], spec: {podSelector: {}"},
	}
	schema := compile(t)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(sound).To(ContainSubstring(row.old))
			g.Expect(schema.Validate(decode(t, strings.Replace(sound, row.old, row.new, 1)))).NotTo(Succeed())
		})
	}
}
