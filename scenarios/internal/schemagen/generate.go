package schemagen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"regexp"
	"strings"

	"github.com/podknock/podknock/scenarios/internal/strict"
)

// Schema is a JSON Schema or a part of one.
type Schema map[string]any

// Generator writes schemas. The zero value knows no comments.
type Generator struct {
	// Comments document the types of Package.
	Comments Comments
	// Package is the path of the package whose types are ours: only their fields can be required.
	Package string
	// Special are the schemas of types that decode themselves.
	Special map[reflect.Type]func() Schema

	definitions map[string]Schema
	faults      []string
}

// patterned is a text with a shape.
type patterned interface{ Pattern() string }

// documented are types of Kubernetes, which carry their comments with them.
type documented interface{ SwaggerDoc() map[string]string }

// Document is the whole schema of a type, with a title and an id.
func (g *Generator) Document(root reflect.Type, id, title string) ([]byte, error) {
	g.definitions = map[string]Schema{}
	g.faults = nil
	document := g.structure(root)
	document["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	document["$id"] = id
	document["title"] = title
	document["$defs"] = g.definitions
	if len(g.faults) > 0 {
		return nil, fmt.Errorf("generate schema: %s", strings.Join(g.faults, "; "))
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document); err != nil {
		return nil, fmt.Errorf("generate schema: %w", err)
	}
	return text.Bytes(), nil
}

// Of is the schema of a type. Structs become definitions.
func (g *Generator) Of(t reflect.Type) Schema {
	if special, ok := g.Special[t]; ok {
		return special()
	}
	value := reflect.New(t).Elem().Interface()
	switch value := value.(type) {
	case netip.Addr:
		return Schema{"type": "string", "pattern": `^[0-9a-fA-F:.]+$`}
	case strict.Ignored:
		return Schema{}
	case strict.Enum:
		return Schema{"type": "string", "enum": value.Values()}
	case patterned:
		return g.text(t, value)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return g.nullable(g.Of(t.Elem()))
	case reflect.Struct:
		return g.reference(t)
	case reflect.Map:
		return Schema{"type": "object", "additionalProperties": g.Of(t.Elem())}
	case reflect.Slice:
		return Schema{"type": "array", "items": g.Of(t.Elem())}
	case reflect.String:
		return Schema{"type": "string"}
	case reflect.Bool:
		return Schema{"type": "boolean"}
	case reflect.Int32, reflect.Int64:
		return Schema{"type": "integer"}
	}
	g.faults = append(g.faults, fmt.Sprintf("no schema for %s", t))
	return Schema{}
}

// text is a text of some shape. YAML takes one that is all digits for a number.
func (g *Generator) text(t reflect.Type, value patterned) Schema {
	schema := Schema{"type": "string", "pattern": value.Pattern()}
	if regexp.MustCompile(value.Pattern()).MatchString("80") {
		schema["type"] = []string{"string", "integer"}
	}
	if comment := g.Comments[t.Name()]; comment != "" {
		schema["description"] = comment
	}
	return schema
}

func (g *Generator) nullable(schema Schema) Schema {
	return Schema{"anyOf": []Schema{schema, {"type": "null"}}}
}

// reference makes a struct a definition and refers to it.
func (g *Generator) reference(t reflect.Type) Schema {
	if _, ok := g.definitions[t.Name()]; !ok {
		g.definitions[t.Name()] = nil // a type may hold itself
		g.definitions[t.Name()] = g.structure(t)
	}
	return Schema{"$ref": "#/$defs/" + t.Name()}
}

// structure is the schema of a struct, with its short form if it has one.
func (g *Generator) structure(t reflect.Type) Schema {
	properties, required := map[string]Schema{}, []string{}
	var short Schema
	for _, field := range strict.Fields(t) {
		schema := g.field(field)
		if field.Short {
			short = schema
		}
		if field.Required && t.PkgPath() == g.Package {
			required = append(required, field.Name)
		}
		if comment := g.comment(t, field); comment != "" {
			schema = maps.Clone(schema)
			schema["description"] = comment
		}
		properties[field.Name] = schema
	}
	schema := Schema{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		schema["required"] = required
	}
	if short != nil {
		schema = Schema{"anyOf": []Schema{schema, short}}
	}
	if comment := g.Comments[t.Name()]; comment != "" && t.PkgPath() == g.Package {
		schema["description"] = comment
	}
	return schema
}

// comment is the documentation of a field.
func (g *Generator) comment(t reflect.Type, field strict.Field) string {
	if foreign, ok := reflect.New(t).Elem().Interface().(documented); ok {
		return foreign.SwaggerDoc()[field.Name]
	}
	return g.Comments[t.Name()+"."+field.GoName]
}

// field is the schema of a field with its tags.
func (g *Generator) field(field strict.Field) Schema {
	switch {
	case field.Want != "":
		return Schema{"const": field.Want}
	case field.Key != "":
		element := field.Type.Elem()
		key, _ := element.FieldByName(field.Key)
		names := g.Of(key.Type)
		if names["pattern"] == nil {
			names["pattern"] = `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
			names["maxLength"] = 63
		}
		delete(names, "description")
		names["type"] = "string"
		return Schema{"type": "object", "propertyNames": names, "additionalProperties": g.nullable(g.Of(element))}
	case field.One:
		return Schema{"anyOf": []Schema{g.Of(field.Type.Elem()), g.Of(field.Type)}}
	}
	return g.Of(field.Type)
}
