package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/runner/diagnose"
	"github.com/podknock/podknock/runner/report/schema"
)

const diagnosisSchemaFile = "schema/diagnosis.schema.json"

// TestDiagnosisSchemaIsThatOfTheTypes keeps the committed schema equal to what the types and their comments say. `-update` writes it.
func TestDiagnosisSchemaIsThatOfTheTypes(t *testing.T) {
	g := NewWithT(t)
	generated := schemaOf(t, reflect.TypeFor[diagnose.Report](), "diagnosis", "podknock diagnosis", diagnose.APIVersion, diagnose.Kind)
	if *update {
		g.Expect(os.WriteFile(diagnosisSchemaFile, generated, 0o644)).To(Succeed())
	}
	committed, err := os.ReadFile(diagnosisSchemaFile)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(committed)).To(Equal(string(generated)), "run go test ./runner/report -run Schema -update")
}

// TestDiagnosesKeepToTheSchema validates the golden files of package diagnose, and some that must not pass.
func TestDiagnosesKeepToTheSchema(t *testing.T) {
	for _, row := range []struct {
		name  string
		spoil func(map[string]any)
		fault string
	}{
		{"a diagnosis of another version", func(d map[string]any) { d["apiVersion"] = "podknock.dev/v2" }, "$.apiVersion: not podknock.dev/v1alpha1"},
		{"a diagnosis without an answer", func(d map[string]any) { delete(d, "answer") }, "$: answer is missing"},
		{"a diagnosis with a key of somebody else", func(d map[string]any) { d["colour"] = "red" }, "$: colour is unknown"},
		{"a wish that nobody knows", func(d map[string]any) { d["question"].(map[string]any)["expect"] = "maybe" }, "$.question.expect: maybe is none of [connected blocked]"},
		{"labels that are numbers", func(d map[string]any) {
			d["doubles"].([]any)[3].(map[string]any)["identity"].(map[string]any)["labels"] = map[string]any{"app": 7.0}
		}, "$.doubles[3].identity.labels.app: no string"},
	} {
		t.Run(row.name, func(t *testing.T) {
			value := diagnosis(t, "../diagnose/testdata/denied.json")
			row.spoil(value)
			NewWithT(t).Expect(validate(t, schema.Diagnosis, value)).To(ConsistOf(row.fault))
		})
	}
	files, err := filepath.Glob("../diagnose/testdata/*.json")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	NewWithT(t).Expect(files).NotTo(BeEmpty())
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			NewWithT(t).Expect(validate(t, schema.Diagnosis, diagnosis(t, file))).To(BeEmpty())
		})
	}
}

func diagnosis(t *testing.T, file string) (value map[string]any) {
	t.Helper()
	text, err := os.ReadFile(file)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	NewWithT(t).Expect(json.Unmarshal(text, &value)).To(Succeed())
	return value
}
