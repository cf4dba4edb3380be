package conformance

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	_ "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif" // holds the schema, unexported
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// sarifSchema compiles the schema of SARIF 2.1.0 with errata 01, which OASIS publishes. It is read from the source of a library that carries it,
// so that no copy has to be kept here.
func sarifSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	g := NewWithT(t)
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif").Output()
	g.Expect(err).NotTo(HaveOccurred())
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "schema.go"), nil, 0)
	g.Expect(err).NotTo(HaveOccurred())
	var text string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && spec.Names[0].Name == "schema" {
			text, err = strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		}
		return true
	})
	g.Expect(err).NotTo(HaveOccurred())
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	g.Expect(err).NotTo(HaveOccurred())
	const published = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	g.Expect(document).To(HaveKeyWithValue("id", published))
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	g.Expect(compiler.AddResource(published, document)).To(Succeed())
	schema, err := compiler.Compile(published)
	g.Expect(err).NotTo(HaveOccurred())
	return schema
}

// lintLog is what `podknock lint -o sarif` writes: package lint keeps the file equal to that.
func lintLog(t *testing.T) map[string]any {
	t.Helper()
	text, err := os.ReadFile("../../policy/lint/testdata/sample.sarif")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	var log map[string]any
	NewWithT(t).Expect(json.Unmarshal(text, &log)).To(Succeed())
	return log
}

func TestTheLogOfLintFitsTheSchemaOfSARIF(t *testing.T) {
	g := NewWithT(t)
	log := lintLog(t)
	g.Expect(sarifSchema(t).Validate(log)).To(Succeed())
	g.Expect(run(log)["results"]).To(ContainElement(HaveKey("locations")))
	g.Expect(len(run(log)["tool"].(map[string]any)["driver"].(map[string]any)["rules"].([]any))).To(BeNumerically(">", 30))
}

func run(log map[string]any) map[string]any { return log["runs"].([]any)[0].(map[string]any) }

// TestTheSchemaOfSARIFRefuses shows that the schema is in force: what is spoiled does not pass.
func TestTheSchemaOfSARIFRefuses(t *testing.T) {
	schema := sarifSchema(t)
	result := func(log map[string]any) map[string]any { return run(log)["results"].([]any)[0].(map[string]any) }
	place := func(log map[string]any) map[string]any {
		return result(log)["locations"].([]any)[0].(map[string]any)["physicalLocation"].(map[string]any)
	}
	for _, row := range []struct {
		name  string
		spoil func(map[string]any)
	}{
		{"another version", func(log map[string]any) { log["version"] = "2.0.0" }},
		{"no runs", func(log map[string]any) { delete(log, "runs") }},
		{"a key of its own", func(log map[string]any) { run(log)["colour"] = "red" }},
		{"a tool without a driver", func(log map[string]any) { run(log)["tool"] = map[string]any{} }},
		{"a level that nobody knows", func(log map[string]any) { result(log)["level"] = "bad" }},
		{"a result without a message", func(log map[string]any) { delete(result(log), "message") }},
		{"a line before the first", func(log map[string]any) { place(log)["region"].(map[string]any)["startLine"] = 0 }},
		{"a file that is no URI", func(log map[string]any) { place(log)["artifactLocation"].(map[string]any)["uri"] = "my shop%zz" }},
	} {
		t.Run(row.name, func(t *testing.T) {
			log := lintLog(t)
			row.spoil(log)
			NewWithT(t).Expect(schema.Validate(log)).NotTo(Succeed())
		})
	}
}
