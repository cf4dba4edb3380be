package policy

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// Change is the smallest edit of one policy that admits a connection at one end. In a policy that already selects the subject it only
// ever adds, or corrects a selector that matches nothing: nothing that was admitted before is lost.
type Change struct {
	Policy PolicyRef `json:"policy"`
	// Operations are an RFC 6902 JSON patch of the policy, to be applied in order. A patch of metadata.namespace stands for moving the
	// policy, which the API server cannot do in place.
	Operations []Operation `json:"operations"`
	// Result is what the end's verdict is afterwards: Allow, or Depends where no edit can say it for every plugin.
	Result Verdict `json:"result"`
}

// Operation is one step of a JSON patch (RFC 6902), limited to what changes need: add and replace.
type Operation struct {
	Op string `json:"op"`
	// Path is an RFC 6901 pointer into the policy; "-" as its last part appends to a list.
	Path string `json:"path"`
	// Value is a string or an API type; encoding/json spells it as the API server does.
	Value any `json:"value"`
}

// Patch is the change as JSON: what `kubectl patch --type=json -p` takes.
func (c Change) Patch() ([]byte, error) {
	patch, err := json.Marshal(c.Operations)
	if err != nil {
		return nil, fmt.Errorf("spell patch of policy %q: %w", c.Policy, err)
	}
	return patch, nil
}

// Apply returns the policy after the change. The policy itself is left as it is.
func (c Change) Apply(policy *networkingv1.NetworkPolicy) (*networkingv1.NetworkPolicy, error) {
	changed, err := c.apply(policy)
	if err != nil {
		return nil, fmt.Errorf("change policy %q: %w", c.Policy, err)
	}
	return changed, nil
}

func (c Change) apply(policy *networkingv1.NetworkPolicy) (*networkingv1.NetworkPolicy, error) {
	var document any
	if err := transcode(policy, &document); err != nil {
		return nil, err
	}
	for _, operation := range c.Operations {
		var value any
		if err := transcode(operation.Value, &value); err != nil {
			return nil, err
		}
		parts := strings.Split(operation.Path, "/")[1:]
		for i := range parts {
			parts[i] = unescapePointer(parts[i])
		}
		edited, err := edit(document, parts, operation.Op == "replace", value)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", operation.Op, operation.Path, err)
		}
		document = edited
	}
	changed := &networkingv1.NetworkPolicy{}
	if err := transcode(document, changed); err != nil {
		return nil, err
	}
	return changed, nil
}

// transcode copies a value by way of its JSON.
func transcode(from, to any) error {
	spelled, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(spelled, to)
}

// edit sets, appends or inserts a value below a JSON value, and returns the latter as it is then.
func edit(below any, parts []string, replace bool, value any) (any, error) {
	if len(parts) == 0 {
		return value, nil
	}
	part, rest := parts[0], parts[1:]
	switch container := below.(type) {
	case map[string]any:
		child, exists := container[part]
		if !exists && (len(rest) > 0 || replace) {
			return nil, fmt.Errorf("no field %q", part)
		}
		edited, err := edit(child, rest, replace, value)
		if err != nil {
			return nil, err
		}
		container[part] = edited
		return container, nil
	case []any:
		if part == "-" && len(rest) == 0 && !replace {
			return append(container, value), nil
		}
		i, err := strconv.Atoi(part)
		if err != nil || i < 0 || i >= len(container) {
			return nil, fmt.Errorf("no entry %q", part)
		}
		if len(rest) == 0 && !replace {
			return append(container[:i:i], append([]any{value}, container[i:]...)...), nil
		}
		edited, err := edit(container[i], rest, replace, value)
		if err != nil {
			return nil, err
		}
		container[i] = edited
		return container, nil
	}
	return nil, fmt.Errorf("nothing below %q", part)
}

var pointerEscapes, pointerUnescapes = strings.NewReplacer("~", "~0", "/", "~1"), strings.NewReplacer("~1", "/", "~0", "~")

// escapePointer spells a key as a part of an RFC 6901 pointer.
func escapePointer(key string) string { return pointerEscapes.Replace(key) }

func unescapePointer(part string) string { return pointerUnescapes.Replace(part) }

// Field is the operation's place as a field path: "spec.ingress[0].ports". Appending names the list.
func (o Operation) Field() string {
	var field strings.Builder
	for _, part := range strings.Split(o.Path, "/")[1:] {
		_, err := strconv.Atoi(part)
		switch {
		case part == "-":
		case err == nil:
			field.WriteString("[" + part + "]")
		case strings.HasSuffix(field.String(), "matchLabels"):
			field.WriteString("[" + unescapePointer(part) + "]")
		case field.Len() == 0:
			field.WriteString(part)
		default:
			field.WriteString("." + part)
		}
	}
	return field.String()
}
