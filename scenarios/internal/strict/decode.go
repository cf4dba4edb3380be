package strict

import (
	"encoding"
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Decode fills the value that into points to. It never fails: what is wrong is reported.
func (d *Decoder) Decode(node *Node, path string, into any) {
	if _, ok := d.positions[path]; !ok {
		d.mark(path, node)
	}
	d.decode(node, path, reflect.ValueOf(into).Elem())
}

func (d *Decoder) decode(node *Node, path string, into reflect.Value) {
	if into.Kind() == reflect.Pointer {
		if isNull(node) {
			return
		}
		into.Set(reflect.New(into.Type().Elem()))
		d.decode(node, path, into.Elem())
		return
	}
	switch target := into.Addr().Interface().(type) {
	case NodeDecoder:
		target.DecodeNode(d, node, path)
		return
	case *netip.Addr:
		d.decodeAddress(node, path, target)
		return
	case encoding.TextUnmarshaler:
		d.decodeText(node, path, target)
		return
	case json.Unmarshaler:
		d.decodeJSON(node, path, target)
		return
	}
	if isNull(node) && into.Kind() != reflect.String && into.Kind() != reflect.Bool {
		return
	}
	switch into.Kind() {
	case reflect.Struct:
		d.decodeStruct(node, path, into)
	case reflect.Map:
		d.decodeMap(node, path, into)
	case reflect.Slice:
		d.decodeList(node, path, into)
	case reflect.String:
		d.decodeString(node, path, into)
	case reflect.Bool:
		if node.Kind != yaml.ScalarNode || node.Tag != boolTag {
			d.Report(path, "%s is not true or false: write one of them, without quotes", describe(node))
			return
		}
		into.SetBool(strings.EqualFold(node.Value, "true"))
	case reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(node.Value, 10, into.Type().Bits())
		if node.Kind != yaml.ScalarNode || node.Tag != intTag || err != nil {
			d.Report(path, "%s is not a whole number: write one, without quotes", describe(node))
			return
		}
		into.SetInt(n)
	default:
		d.Report(path, "the Go type %s can't be read from YAML", into.Type())
	}
}

func (d *Decoder) decodeMap(node *Node, path string, into reflect.Value) {
	if !d.isMapping(node, path) {
		return
	}
	into.Set(reflect.MakeMap(into.Type()))
	for key, value := range pairs(node) {
		at := Key(path, key.Value)
		d.mark(at, key)
		element := reflect.New(into.Type().Elem()).Elem()
		d.decode(value, at, element)
		into.SetMapIndex(reflect.ValueOf(key.Value).Convert(into.Type().Key()), element)
	}
}

func (d *Decoder) decodeList(node *Node, path string, into reflect.Value) {
	if node.Kind != yaml.SequenceNode {
		d.Report(path, "%s is not a list: write [a, b] or a line with \"- \" for each", describe(node))
		return
	}
	into.Set(reflect.MakeSlice(into.Type(), len(node.Content), len(node.Content)))
	for i, item := range node.Content {
		at := Index(path, i)
		d.mark(at, item)
		if isNull(item) {
			d.Report(at, "the item is empty: fill or remove it")
			continue
		}
		d.decode(item, at, into.Index(i))
	}
}

// yaml11Booleans are words that YAML 1.1, and so kubectl, takes for booleans, while YAML 1.2 has them as text.
var yaml11Booleans = []string{"y", "n", "yes", "no", "on", "off"}

func (d *Decoder) decodeString(node *Node, path string, into reflect.Value) {
	if node.Kind != yaml.ScalarNode {
		d.Report(path, "%s is not a text: write a single value", describe(node))
		return
	}
	plain := node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) == 0
	switch {
	case isNull(node):
		d.Report(path, "the value is empty: fill it or write \"\"")
		return
	case node.Tag != stringTag && !(node.Tag == "!!timestamp" && !d.Foreign),
		d.Foreign && plain && slices.Contains(yaml11Booleans, strings.ToLower(node.Value)):
		d.Report(path, "YAML does not take %s for a text: put it in quotes", node.Value)
		return
	}
	into.SetString(node.Value)
	if enum, ok := into.Interface().(Enum); ok {
		if values := enum.Values(); !slices.Contains(values, node.Value) {
			d.Report(path, "%q is not allowed here: %s", node.Value, Suggest(node.Value, values))
		}
	}
}

func (d *Decoder) decodeText(node *Node, path string, into encoding.TextUnmarshaler) {
	if node.Kind != yaml.ScalarNode || isNull(node) {
		d.Report(path, "%s is not a text: write a single value", describe(node))
		return
	}
	if err := into.UnmarshalText([]byte(node.Value)); err != nil {
		d.Report(path, "%v", err)
	}
}

// decodeJSON serves scalars that know their JSON only, such as a port that may be a number or a name.
func (d *Decoder) decodeJSON(node *Node, path string, into json.Unmarshaler) {
	if isNull(node) {
		return
	}
	var value any = node.Value
	if n, err := strconv.ParseInt(node.Value, 10, 64); err == nil && node.Tag == intTag {
		value = n
	} else if node.Kind != yaml.ScalarNode || node.Tag != stringTag {
		d.Report(path, "%s is neither a whole number nor a text: write one of them", describe(node))
		return
	}
	text, err := json.Marshal(value)
	if err == nil {
		err = into.UnmarshalJSON(text)
	}
	if err != nil {
		d.Report(path, "%s can't be read: %v", describe(node), err)
	}
}

func (d *Decoder) decodeAddress(node *Node, path string, into *netip.Addr) {
	if node.Kind != yaml.ScalarNode {
		d.Report(path, "%s is not an IP address: write a single value", describe(node))
		return
	}
	address, err := netip.ParseAddr(node.Value)
	if err != nil || address.Zone() != "" || address.Is4In6() {
		d.Report(path, "%q is not an IP address: write one such as 192.0.2.7 or 2001:db8::7", node.Value)
		return
	}
	*into = address
}

// isMapping reports a node that is none.
func (d *Decoder) isMapping(node *Node, path string) bool {
	if node.Kind == yaml.MappingNode {
		return true
	}
	d.Report(path, "%s is not a mapping: write keys and values", describe(node))
	return false
}

// pairs iterates over the keys and values of a mapping.
func pairs(mapping *Node) func(yield func(key, value *Node) bool) {
	return func(yield func(key, value *Node) bool) {
		for i := 0; i+1 < len(mapping.Content); i += 2 {
			if !yield(mapping.Content[i], mapping.Content[i+1]) {
				return
			}
		}
	}
}
