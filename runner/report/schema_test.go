package report

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/report/schema"
)

const schemaFile = "schema/report.schema.json"

// TestSchemaIsThatOfTheTypes keeps the committed schema equal to what the types and their comments say. `-update` writes it.
func TestSchemaIsThatOfTheTypes(t *testing.T) {
	g := NewWithT(t)
	generated := generateSchema(t)
	if *update {
		g.Expect(os.WriteFile(schemaFile, generated, 0o644)).To(Succeed())
	}
	committed, err := os.ReadFile(schemaFile)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(committed)).To(Equal(string(generated)), "run go test ./runner/report -run Schema -update")
}

// TestReportsKeepToTheSchema validates rendered samples, and some that must not pass.
func TestReportsKeepToTheSchema(t *testing.T) {
	render := func(t *testing.T, r *runner.Report) string {
		var out bytes.Buffer
		NewWithT(t).Expect(JSON(&out, r)).To(Succeed())
		return out.String()
	}
	for _, row := range []struct {
		name  string
		spoil func(map[string]any)
		fault string
	}{
		{"a report of another version", func(r map[string]any) { r["apiVersion"] = "podknock.dev/v2" }, "$.apiVersion: not podknock.dev/v1alpha1"},
		{"a report without counts", func(r map[string]any) { delete(r, "counts") }, "$: counts is missing"},
		{"a report with a key of somebody else", func(r map[string]any) { r["colour"] = "red" }, "$: colour is unknown"},
		{"a run id that is a number", func(r map[string]any) { r["run"] = 7.0 }, "$.run: no string"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			var value map[string]any
			g.Expect(json.Unmarshal([]byte(render(t, passed(t))), &value)).To(Succeed())
			row.spoil(value)
			g.Expect(validate(t, schema.Report, value)).To(ConsistOf(row.fault))
		})
	}
	for name, sample := range map[string]func(*testing.T) *runner.Report{
		"passed": passed, "failed": failed, "not enforced": notEnforced, "not tested": notTested, "set-up failed": setUpFailed, "hostile": hostile,
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var value any
			g.Expect(json.Unmarshal([]byte(render(t, sample(t))), &value)).To(Succeed())
			g.Expect(validate(t, schema.Report, value)).To(BeEmpty())
		})
	}
}

// TestAReportSurvivesJSON reads a rendered report back, strictly, and renders it again.
func TestAReportSurvivesJSON(t *testing.T) {
	g := NewWithT(t)
	var first, second bytes.Buffer
	g.Expect(JSON(&first, failed(t))).To(Succeed())
	decoder := json.NewDecoder(bytes.NewReader(first.Bytes()))
	decoder.DisallowUnknownFields()
	var again runner.Report
	g.Expect(decoder.Decode(&again)).To(Succeed())
	g.Expect(JSON(&second, &again)).To(Succeed())
	g.Expect(second.String()).To(Equal(first.String()))
}

// validate checks a value against a schema.
func validate(t *testing.T, name string, value any) []string {
	t.Helper()
	faults, err := schema.Validate(name, value)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return faults
}

// generateSchema makes the JSON Schema of a report.
func generateSchema(t *testing.T) []byte {
	t.Helper()
	return schemaOf(t, reflect.TypeFor[runner.Report](), "report", "podknock report", runner.ReportAPIVersion, runner.ReportKind)
}

// schemaOf makes the JSON Schema of a type that is rendered as one object with a version and a kind.
func schemaOf(t *testing.T, of reflect.Type, name, title, version, kind string) []byte {
	t.Helper()
	g := NewWithT(t)
	generator := &schemaGenerator{
		sources: readSources(t, "..", "../verify", "../diagnose", "../diagnose/identity", "../../probe", "../../scenarios", "../../scenarios/policy"), definitions: map[string]any{},
	}
	generated := generator.structure(of)
	properties := generated["properties"].(map[string]any)
	properties["apiVersion"] = map[string]any{"const": version, "description": "the version of this format"}
	properties["kind"] = map[string]any{"const": kind}
	generated["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	generated["$id"] = "https://podknock.dev/schema/v1alpha1/" + name + ".schema.json"
	generated["title"] = title
	generated["$defs"] = generator.definitions
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	g.Expect(encoder.Encode(generated)).To(Succeed())
	return text.Bytes()
}
