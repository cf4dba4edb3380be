package report

import (
	"encoding"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// sources are what the reader of Go sees and reflection does not, by package and type: "probe.Outcome", "probe.Result.Remote".
type sources struct {
	comments map[string]string
	// words are the constants of a type.
	words map[string][]string
}

// readSources parses the packages of some folders.
func readSources(t *testing.T, folders ...string) sources {
	t.Helper()
	g := NewWithT(t)
	s := sources{comments: map[string]string{}, words: map[string][]string{}}
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		g.Expect(err).NotTo(HaveOccurred())
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
			g.Expect(err).NotTo(HaveOccurred())
			for _, declaration := range parsed.Decls {
				if general, ok := declaration.(*ast.GenDecl); ok {
					s.read(parsed.Name.Name, general)
				}
			}
		}
	}
	return s
}

// read keeps the comments and constants of one declaration.
func (s sources) read(pkg string, declaration *ast.GenDecl) {
	for _, spec := range declaration.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			at := pkg + "." + spec.Name.Name
			s.comments[at] = oneLine(declaration.Doc, spec.Doc)
			structure, ok := spec.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, field := range structure.Fields.List {
				for _, name := range field.Names {
					s.comments[at+"."+name.Name] = oneLine(field.Doc, field.Comment)
				}
			}
		case *ast.ValueSpec:
			kind, typed := spec.Type.(*ast.Ident)
			if !typed || len(spec.Values) != 1 {
				continue
			}
			if literal, ok := spec.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
				if word, err := strconv.Unquote(literal.Value); err == nil {
					s.words[pkg+"."+kind.Name] = append(s.words[pkg+"."+kind.Name], word)
				}
			}
		}
	}
}

// oneLine is the first comment that there is.
func oneLine(comments ...*ast.CommentGroup) string {
	for _, comment := range comments {
		if text := strings.Join(strings.Fields(comment.Text()), " "); text != "" {
			return text
		}
	}
	return ""
}

// schemaGenerator turns types into schemas as encoding/json writes them.
type schemaGenerator struct {
	sources     sources
	definitions map[string]any
}

// of is the schema of a type. Structs become definitions.
func (g *schemaGenerator) of(t reflect.Type) map[string]any {
	name := typeName(t)
	switch {
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[time.Duration]():
		return map[string]any{"type": "integer"}
	case t.Kind() != reflect.Pointer && t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return map[string]any{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Interface:
		return map[string]any{}
	case reflect.Pointer:
		return g.of(t.Elem())
	case reflect.Slice:
		return map[string]any{"type": "array", "items": g.of(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": g.of(t.Elem())}
	case reflect.String:
		schema := map[string]any{"type": "string"}
		if words := g.sources.words[name]; len(words) > 0 {
			schema["enum"] = words
		}
		return schema
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Int, reflect.Int32, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer"}
	case reflect.Struct:
		if _, ok := g.definitions[name]; !ok {
			g.definitions[name] = nil // a type may hold itself
			g.definitions[name] = g.structure(t)
		}
		return map[string]any{"$ref": "#/$defs/" + name}
	}
	panic(fmt.Sprintf("no schema for %s", t))
}

func (g *schemaGenerator) structure(t reflect.Type) map[string]any {
	properties, required := map[string]any{}, []string{}
	g.fields(t, properties, &required)
	schema := map[string]any{"type": "object", "properties": properties, "required": required}
	if comment := g.sources.comments[typeName(t)]; comment != "" {
		schema["description"] = comment
	}
	return schema
}

// fields adds the fields of a struct, those of embedded ones too.
func (g *schemaGenerator) fields(t reflect.Type, properties map[string]any, required *[]string) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, rest, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous && name == "" {
			g.fields(field.Type, properties, required)
			continue
		}
		if name == "-" {
			continue
		}
		schema := g.of(field.Type)
		if comment := g.sources.comments[typeName(t)+"."+field.Name]; comment != "" {
			schema["description"] = comment
		}
		properties[name] = schema
		if !strings.Contains(rest, "omitempty") && !strings.Contains(rest, "omitzero") {
			*required = append(*required, name)
		}
	}
}

// typeName is package.Type.
func typeName(t reflect.Type) string { return path.Base(t.PkgPath()) + "." + t.Name() }
