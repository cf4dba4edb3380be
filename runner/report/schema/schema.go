// Package schema holds the JSON Schemas of the reports, and checks values against them.
//
// The schemas are generated from the types and their comments by the tests of package runner/report. [Validate] knows the part of JSON Schema that
// they use, and is stricter in one point: a key that a schema does not name is a fault, so that whatever is written is documented. Readers of
// reports are free to skip such keys, which later versions may add.
package schema

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
)

// The names of the schemas.
const (
	// Report is the schema of `podknock run -o json`.
	Report = "report"
	// Verification is the schema of `podknock verify -o json`.
	Verification = "verification"
	// Diagnosis is the schema of `podknock why -o json`.
	Diagnosis = "diagnosis"
)

//go:embed *.schema.json
var files embed.FS

// Validate checks a value, as encoding/json decodes it into an any, against a schema, and returns what does not fit, each with its place. The error
// says that there is no such schema.
func Validate(name string, value any) (faults []string, err error) {
	text, err := files.ReadFile(name + ".schema.json")
	if err != nil {
		return nil, fmt.Errorf("read schema %q: %w", name, err)
	}
	var root map[string]any
	if err := json.Unmarshal(text, &root); err != nil {
		return nil, fmt.Errorf("read schema %q: %w", name, err)
	}
	return validate(root, root, value, "$"), nil
}

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
		return object(root, schema, value, at)
	case []any:
		if kind != "array" && kind != "" {
			return []string{fmt.Sprintf("%s: no %s", at, kind)}
		}
		items, _ := schema["items"].(map[string]any)
		for i, child := range value {
			faults = append(faults, validate(root, items, child, fmt.Sprintf("%s[%d]", at, i))...)
		}
		return faults
	}
	if !fits(kind, value) {
		return []string{fmt.Sprintf("%s: no %s", at, kind)}
	}
	return nil
}

// object checks the keys of an object. A schema without a type takes any.
func object(root, schema, value map[string]any, at string) (faults []string) {
	if schema["type"] == nil {
		return nil
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
		if !ok {
			property, ok = schema["additionalProperties"].(map[string]any)
		}
		if !ok {
			faults = append(faults, fmt.Sprintf("%s: %s is unknown", at, key))
			continue
		}
		faults = append(faults, validate(root, property, child, at+"."+key)...)
	}
	slices.Sort(faults)
	return faults
}

// fits tells whether a value that is neither an object nor a list is of a type of JSON Schema.
func fits(kind string, value any) bool {
	switch value := value.(type) {
	case string:
		return kind == "" || kind == "string"
	case bool:
		return kind == "" || kind == "boolean"
	case float64:
		return kind == "" || kind == "number" || kind == "integer" && value == float64(int64(value))
	}
	return kind == ""
}
