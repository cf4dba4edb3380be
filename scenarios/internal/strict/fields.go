package strict

import (
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Field is one key of a struct, as its tags describe it.
type Field struct {
	// Name is the key in a file.
	Name string
	// GoName is that of the struct's field.
	GoName string
	Type   reflect.Type
	// Required, Key, One, Short and Want are the tags; see the package's documentation.
	Required bool
	Key      string
	One      bool
	Short    bool
	Want     string
}

// Fields lists the keys of a struct in the order of the type. Structs within structs are keys of their own: embedding is not supported.
func Fields(structType reflect.Type) []Field {
	var fields []Field
	for field := range structType.Fields() {
		if !field.IsExported() {
			continue
		}
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" || name == "" {
			continue
		}
		fields = append(fields, Field{
			Name: name, GoName: field.Name, Type: field.Type,
			Required: !strings.Contains(options, "omit"),
			Key:      field.Tag.Get("key"),
			One:      field.Tag.Get("one") != "",
			Short:    field.Tag.Get("short") != "",
			Want:     field.Tag.Get("want"),
		})
	}
	return fields
}

func (d *Decoder) decodeStruct(node *Node, path string, into reflect.Value) {
	fields := Fields(into.Type())
	if node.Kind != yaml.MappingNode {
		for _, field := range fields {
			if field.Short {
				d.decodeField(node, path, into, field)
				return
			}
		}
	}
	if !d.isMapping(node, path) {
		return
	}
	byName := make(map[string]Field, len(fields))
	names := make([]string, len(fields))
	for i, field := range fields {
		byName[field.Name], names[i] = field, field.Name
	}
	present := map[string]bool{}
	for key, value := range pairs(node) {
		at := Key(path, key.Value)
		d.mark(at, key)
		field, ok := byName[key.Value]
		if !ok && d.Lenient {
			continue
		}
		if !ok {
			d.Report(at, "the key %q is unknown: %s", key.Value, Suggest(key.Value, names))
			continue
		}
		if isNull(value) && field.Required && !d.Foreign {
			continue
		}
		present[key.Value] = true
		d.decodeField(value, at, into, field)
	}
	for _, field := range fields {
		if field.Required && !d.Foreign && !present[field.Name] {
			d.Report(Key(path, field.Name), "the key %q is missing: add it", field.Name)
		}
	}
}

func (d *Decoder) decodeField(node *Node, path string, into reflect.Value, field Field) {
	value := into.FieldByName(field.GoName)
	switch {
	case field.Key != "":
		d.decodeNamed(node, path, value, field.Key)
	case field.One && node.Kind == yaml.ScalarNode && !isNull(node):
		value.Set(reflect.MakeSlice(value.Type(), 1, 1))
		d.decode(node, path, value.Index(0))
	case field.Want != "":
		d.decode(node, path, value)
		if value.String() != field.Want {
			d.Report(path, "%s is not what is read here: write %s", describe(node), field.Want)
		}
	default:
		d.decode(node, path, value)
	}
}

// decodeNamed reads a list of structs that is written as a mapping.
func (d *Decoder) decodeNamed(node *Node, path string, into reflect.Value, keyField string) {
	if isNull(node) || !d.isMapping(node, path) {
		return
	}
	list := reflect.MakeSlice(into.Type(), 0, len(node.Content)/2)
	for key, value := range pairs(node) {
		at := Key(path, key.Value)
		d.mark(at, key)
		element := reflect.New(into.Type().Elem()).Elem()
		d.decode(key, at, element.FieldByName(keyField))
		if isNull(value) {
			value = &Node{Kind: yaml.MappingNode, Line: value.Line, Column: value.Column}
		}
		d.decode(value, at, element)
		list = reflect.Append(list, element)
	}
	into.Set(list)
}
