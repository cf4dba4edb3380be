package inventory

import (
	"go.yaml.in/yaml/v4"

	"github.com/podknock/podknock/scenarios/internal/strict"
)

// child is the value of a key of a mapping; nil if there is none.
func child(node *strict.Node, key string) *strict.Node {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

// scalar is the text of a key of a mapping; empty if there is none.
func scalar(node *strict.Node, key string) string {
	value := child(node, key)
	if value == nil || value.Kind != yaml.ScalarNode || value.ShortTag() == "!!null" {
		return ""
	}
	return value.Value
}

// join appends a key to a path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// findEmpty notes the keys without a value below a node.
func (o *Origin) findEmpty(node *strict.Node, path string) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			at := strict.Key(path, node.Content[i].Value)
			if value := node.Content[i+1]; value.Kind == yaml.ScalarNode && value.ShortTag() == "!!null" {
				o.empty[at] = true
				continue
			}
			o.findEmpty(node.Content[i+1], at)
		}
	case yaml.SequenceNode:
		for i, item := range node.Content {
			o.findEmpty(item, strict.Index(path, i))
		}
	}
}
