package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/runner"
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
	var schema map[string]any
	text, err := os.ReadFile(schemaFile)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	NewWithT(t).Expect(json.Unmarshal(text, &schema)).To(Succeed())
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
			g.Expect(validate(schema, schema, value, "$")).To(ConsistOf(row.fault))
		})
	}
	for name, sample := range map[string]func(*testing.T) *runner.Report{
		"passed": passed, "failed": failed, "not enforced": notEnforced, "not tested": notTested, "set-up failed": setUpFailed, "hostile": hostile,
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var value any
			g.Expect(json.Unmarshal([]byte(render(t, sample(t))), &value)).To(Succeed())
			g.Expect(validate(schema, schema, value, "$")).To(BeEmpty())
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

// validate checks a value against the part of JSON Schema that the generator uses.
func validate(root, schema map[string]any, value any, at string) (faults []string) {
	if reference, ok := schema["$ref"].(string); ok {
		definitions := root["$defs"].(map[string]any)
		return validate(root, definitions[reference[len("#/$defs/"):]].(map[string]any), value, at)
	}
	if want, ok := schema["const"]; ok && value != want {
		return []string{fmt.Sprintf("%s: not %v", at, want)}
	}
	if words, ok := schema["enum"].([]any); ok && !slices.Contains(words, value) {
		return []string{fmt.Sprintf("%s: %v is none of %v", at, value, words)}
	}
	kind, _ := schema["type"].(string)
	switch value := value.(type) {
	case map[string]any:
		if kind != "object" && kind != "" {
			return []string{fmt.Sprintf("%s: no %s", at, kind)}
		}
		properties, _ := schema["properties"].(map[string]any)
		required, _ := schema["required"].([]any)
		for _, key := range required {
			if _, ok := value[key.(string)]; !ok {
				faults = append(faults, fmt.Sprintf("%s: %s is missing", at, key))
			}
		}
		for key, child := range value {
			property, ok := properties[key].(map[string]any)
			if !ok && kind == "object" {
				faults = append(faults, fmt.Sprintf("%s: %s is unknown", at, key))
				continue
			}
			faults = append(faults, validate(root, property, child, at+"."+key)...)
		}
	case []any:
		if kind != "array" && kind != "" {
			return []string{fmt.Sprintf("%s: no %s", at, kind)}
		}
		items, _ := schema["items"].(map[string]any)
		for i, child := range value {
			faults = append(faults, validate(root, items, child, fmt.Sprintf("%s[%d]", at, i))...)
		}
	default:
		fits := map[string]bool{"": true, "string": false, "boolean": false, "number": false, "integer": false}
		switch value := value.(type) {
		case string:
			fits["string"] = true
		case bool:
			fits["boolean"] = true
		case float64:
			fits["number"], fits["integer"] = true, value == float64(int64(value))
		}
		if !fits[kind] {
			faults = append(faults, fmt.Sprintf("%s: no %s", at, kind))
		}
	}
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
		sources: readSources(t, "..", "../verify", "../../probe", "../../scenarios", "../../scenarios/policy"), definitions: map[string]any{},
	}
	schema := generator.structure(of)
	properties := schema["properties"].(map[string]any)
	properties["apiVersion"] = map[string]any{"const": version, "description": "the version of this format"}
	properties["kind"] = map[string]any{"const": kind}
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["$id"] = "https://podknock.dev/schema/v1alpha1/" + name + ".schema.json"
	schema["title"] = title
	schema["$defs"] = generator.definitions
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	g.Expect(encoder.Encode(schema)).To(Succeed())
	return text.Bytes()
}
