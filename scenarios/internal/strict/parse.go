package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v4"
)

// MaxBytes bounds a file that [Parse] reads.
const MaxBytes = 1 << 20

// maxDepth bounds the nesting of every file.
const maxDepth = 60

// Limits bound what is read.
type Limits struct{ Bytes, Documents, Nodes int }

// parseLimits are far above any sensible file that a person writes, and low enough that a hostile one costs little.
var parseLimits = Limits{Bytes: MaxBytes, Documents: 1000, Nodes: 100_000}

// Node is one value of a file: a mapping, a sequence or a scalar. There are neither aliases nor duplicate keys below it.
type Node = yaml.Node

// Parse splits a file into the trees of its documents, without those that are empty. If there are problems, what could be read is
// returned all the same.
func Parse(data []byte) ([]*Node, []Problem) { return parseLimits.Parse(data) }

// Parse is the function [Parse] with these limits.
func (l Limits) Parse(data []byte) ([]*Node, []Problem) {
	if len(data) > l.Bytes {
		return nil, []Problem{{Message: fmt.Sprintf("the file has %d bytes: at most %d are read", len(data), l.Bytes)}}
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithV4Defaults())
	if err != nil {
		return nil, []Problem{{Message: err.Error()}}
	}
	var roots []*Node
	resolver := resolver{budget: l.Nodes}
	for {
		var document yaml.Node
		if err := loader.Load(&document); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			resolver.problems = append(resolver.problems, syntaxProblem(err))
			break
		}
		if len(document.Content) == 0 || isNull(document.Content[0]) {
			continue
		}
		if len(roots) == l.Documents {
			resolver.report(&document, "", "more than %d documents: split the file", l.Documents)
			break
		}
		roots = append(roots, resolver.resolve(document.Content[0], "", 0))
	}
	Sort(resolver.problems)
	return roots, resolver.problems
}

// syntaxProblem translates an error of the YAML library.
func syntaxProblem(err error) Problem {
	var syntax *yaml.LoadError
	if !errors.As(err, &syntax) {
		return Problem{Message: fmt.Sprintf("not YAML: %v", err)}
	}
	problem := Problem{
		Position: Position{Line: syntax.Mark.Line, Column: syntax.Mark.Column},
		Message:  "not YAML: " + syntax.Message,
	}
	if syntax.ContextMsg != "" {
		problem.Message += " " + syntax.ContextMsg
	}
	return problem
}

// resolver copies a tree without its aliases. Its budget counts the nodes of all copies: aliases of aliases grow exponentially.
type resolver struct {
	budget   int
	over     bool
	problems []Problem
}

func (r *resolver) report(node *Node, field, format string, args ...any) {
	r.problems = append(r.problems, Problem{
		Position: Position{Line: node.Line, Column: node.Column}, Field: field, Message: fmt.Sprintf(format, args...),
	})
}

// resolve returns null for what is beyond the bounds.
func (r *resolver) resolve(node *Node, path string, depth int) *Node {
	null := &Node{Kind: yaml.ScalarNode, Tag: nullTag, Line: node.Line, Column: node.Column}
	if r.budget--; r.budget < 0 || depth > maxDepth {
		if !r.over {
			r.report(node, path, "the file is too deep or repeats itself too often through aliases: write it plainer")
		}
		r.over = true
		return null
	}
	if node.Kind == yaml.AliasNode {
		target := r.resolve(node.Alias, path, depth+1)
		target.Line, target.Column = node.Line, node.Column
		return target
	}
	result := &Node{
		Kind: node.Kind, Style: node.Style, Tag: node.ShortTag(), Value: node.Value, Line: node.Line, Column: node.Column,
	}
	switch node.Kind {
	case yaml.MappingNode:
		r.resolveMapping(node, result, path, depth)
	case yaml.SequenceNode:
		for i, item := range node.Content {
			result.Content = append(result.Content, r.resolve(item, Index(path, i), depth+1))
		}
	}
	return result
}

// resolveMapping copies the pairs of a mapping whose keys are usable.
func (r *resolver) resolveMapping(node, result *Node, path string, depth int) {
	lines := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode || isNull(key) {
			r.report(key, path, "a key must be a plain word")
			continue
		}
		if key.ShortTag() == mergeTag {
			r.report(key, path, "merge keys (<<) are not supported: write the keys out")
			continue
		}
		if line, ok := lines[key.Value]; ok {
			r.report(key, Key(path, key.Value), "the key %q is already on line %d: keep one of them", key.Value, line)
			continue
		}
		lines[key.Value] = key.Line
		name := &Node{Kind: yaml.ScalarNode, Tag: stringTag, Value: key.Value, Line: key.Line, Column: key.Column}
		result.Content = append(result.Content, name, r.resolve(value, Key(path, key.Value), depth+1))
	}
}

// The tags of scalars that matter here.
const (
	nullTag   = "!!null"
	mergeTag  = "!!merge"
	stringTag = "!!str"
	intTag    = "!!int"
	boolTag   = "!!bool"
)

// isNull reports whether a node is null or absent.
func isNull(node *Node) bool {
	return node == nil || node.Kind == yaml.ScalarNode && node.ShortTag() == nullTag
}
