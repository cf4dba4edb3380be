package strict

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

// Decoder fills Go values from nodes, and collects problems and positions. The zero value is ready.
type Decoder struct {
	// Foreign says that the types below are not ours: required fields are checked by somebody else, and scalars must be text also where
	// YAML 1.1, which other tools read, takes them for booleans.
	Foreign bool
	// Lenient says that keys which the types do not have are skipped: they are partial views of what is read.
	Lenient bool

	problems  []Problem
	positions map[string]Position
}

// NodeDecoder is a type that decodes itself. It may call back [Decoder.Decode].
type NodeDecoder interface {
	DecodeNode(d *Decoder, node *Node, path string)
}

// Enum is a kind of string with a closed set of values.
type Enum interface{ Values() []string }

// Ignored accepts any value and keeps nothing of it.
type Ignored struct{}

// DecodeNode implements [NodeDecoder].
func (*Ignored) DecodeNode(*Decoder, *Node, string) {}

// Problems are those found so far, in the order of the file.
func (d *Decoder) Problems() []Problem {
	Sort(d.problems)
	return d.problems
}

// Report adds a problem of the value at path. The value need not exist: what would hold it gives the position then.
func (d *Decoder) Report(path, format string, args ...any) {
	d.ReportAt(d.Position(path), path, format, args...)
}

// ReportAt adds a problem at a position.
func (d *Decoder) ReportAt(position Position, path, format string, args ...any) {
	d.problems = append(d.problems, Problem{Position: position, Field: path, Message: fmt.Sprintf(format, args...)})
}

// Position is where the value at path stands, or else the nearest value around it.
func (d *Decoder) Position(path string) Position {
	for {
		if position, ok := d.positions[path]; ok || path == "" {
			return position
		}
		path = parent(path)
	}
}

// mark remembers where the value at path stands.
func (d *Decoder) mark(path string, node *Node) {
	if d.positions == nil {
		d.positions = map[string]Position{}
	}
	d.positions[path] = Position{Line: node.Line, Column: node.Column}
}

// describe names what a node is, for messages.
func describe(node *Node) string {
	switch {
	case isNull(node):
		return "nothing"
	case node.Kind == yaml.MappingNode:
		return "a mapping"
	case node.Kind == yaml.SequenceNode:
		return "a list"
	}
	return fmt.Sprintf("%q", node.Value)
}
