package generate

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/podknock/podknock/scenarios"
	"github.com/podknock/podknock/scenarios/policy"
)

func refOf(object *networkingv1.NetworkPolicy) policy.PolicyRef {
	return policy.PolicyRef{Namespace: object.Namespace, Name: object.Name}
}

// write spells the scenario with its expectations.
func (m *maker) write(name string, object *networkingv1.NetworkPolicy, lines []line) ([]byte, error) {
	var text strings.Builder
	if err := m.writeTopology(&text, name, object); err != nil {
		return nil, err
	}
	text.WriteString("    expect:\n")
	for _, one := range lines {
		fmt.Fprintf(&text, "      - {from: %s, to: %s, ", oneOr(one.from), oneOr(one.to))
		if one.family != "" {
			fmt.Fprintf(&text, "family: %s, ", one.family)
		}
		fmt.Fprintf(&text, "outcome: %s", one.outcome)
		if one.why != "" {
			fmt.Fprintf(&text, ", why: %s", quote(one.why))
		}
		text.WriteString("}\n")
	}
	if len(lines) == 0 {
		text.WriteString("      - {from: \"*\", to: \"*\", outcome: connected}\n")
	}
	return []byte(text.String()), nil
}

// writeDraft spells the scenario with expectations that are left to the policies, behind a step in which all is named that they are to be about.
func (m *maker) writeDraft(name string, object *networkingv1.NetworkPolicy) ([]byte, error) {
	var text strings.Builder
	if err := m.writeTopology(&text, name, object); err != nil {
		return nil, err
	}
	var first strings.Builder
	first.WriteString("steps:\n  - name: no policy yet\n    expect:\n      - {from: \"*\", to: \"*\", outcome: connected}\n")
	if m.dns {
		fmt.Fprintf(&first, "      - {from: %s, to: dns, outcome: connected}\n", m.subject().name)
	}
	for _, host := range m.hosts {
		fmt.Fprintf(&first, "      - {from: %s, to: %s, outcome: connected}\n", m.subject().name, host.name)
	}
	if len(m.pods) == 1 { // there is nobody that * could mean
		draft := strings.Replace(first.String(), "      - {from: \"*\", to: \"*\", outcome: connected}\n", "", 1)
		first.Reset()
		first.WriteString(draft)
	}
	return []byte(strings.Replace(text.String(), "steps:\n", first.String(), 1) + "    expect: policies\n"), nil
}

// writeTopology spells everything up to the expectations of the step that applies the policy.
func (m *maker) writeTopology(text *strings.Builder, name string, object *networkingv1.NetworkPolicy) error {
	fmt.Fprintf(text, "apiVersion: %s\nkind: %s\nmetadata: {name: %s}\n", scenarios.APIVersion, scenarios.Kind, name)
	fmt.Fprintf(text, "about: %s\n", quote(fmt.Sprintf("What NetworkPolicy %s/%s admits and what it does not, rule by rule.", object.Namespace, object.Name)))
	if len(m.hosts) > 0 {
		text.WriteString("external:\n")
		for _, one := range m.hosts {
			fmt.Fprintf(text, "  %s: {addresses: %s, ports: %s, why: %s}\n", one.name, quote(one.address.String()), flow(spellPorts(one.ports)), quote(one.why))
		}
	}
	text.WriteString("namespaces:\n")
	for _, space := range slices.Sorted(maps.Keys(m.namespaces)) {
		if !m.inhabited(space) {
			continue
		}
		fmt.Fprintf(text, "  %s: %s\n", quote(space), flowLabels(m.namespaces[space]))
	}
	text.WriteString("pods:\n")
	for _, one := range m.pods {
		fmt.Fprintf(text, "  %s: {namespace: %s, ", one.name, quote(one.namespace))
		if len(one.labels) > 0 {
			fmt.Fprintf(text, "labels: %s, ", spellLabels(one.labels))
		}
		if len(one.ports) > 0 {
			fmt.Fprintf(text, "ports: %s, ", flow(spellPorts(one.ports)))
		}
		fmt.Fprintf(text, "why: %s}\n", quote(one.why))
	}
	spelled, err := yaml.Marshal(map[string]any{
		"metadata": map[string]string{"name": object.Name, "namespace": object.Namespace}, "spec": object.Spec,
	})
	if err != nil {
		return fmt.Errorf("spell policy %q: %w", refOf(object), err)
	}
	fmt.Fprintf(text, "steps:\n  - name: %s\n    apply:\n", quote(object.Name+" applied"))
	for i, each := range strings.Split(strings.TrimRight(string(spelled), "\n"), "\n") {
		indent := "        "
		if i == 0 {
			indent = "      - "
		}
		text.WriteString(indent + each + "\n")
	}
	return nil
}

func (m *maker) inhabited(space string) bool {
	return space == m.object.Namespace || slices.ContainsFunc(m.pods, func(p *pod) bool { return p.namespace == space })
}

// plain are texts that every version of YAML takes for one without quotes.
var plain = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*(/[A-Za-z][A-Za-z0-9-]*)?$`)

// words are texts that some version of YAML takes for something else.
var words = []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}

// quote spells a text so that YAML takes it for one: JSON strings are YAML.
func quote(text string) string {
	if plain.MatchString(text) && !slices.Contains(words, strings.ToLower(text)) {
		return text
	}
	spelled, _ := json.Marshal(text) // a string always has a spelling
	return string(spelled)
}

// flow spells a list.
func flow(items []string) string {
	quoted := make([]string, len(items))
	for i, item := range items {
		quoted[i] = quote(item)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// oneOr spells a list that may be written as its only element.
func oneOr(items []string) string {
	if len(items) == 1 {
		return quote(items[0])
	}
	return flow(items)
}

func spellPorts(ports []port) []string {
	spelled := make([]string, len(ports))
	for i, one := range ports {
		spelled[i] = one.String()
	}
	return spelled
}

// flowLabels spells the labels of a namespace, if it has any.
func flowLabels(set map[string]string) string {
	if len(set) == 0 {
		return "{}"
	}
	return "{labels: " + spellLabels(set) + "}"
}

func spellLabels(set map[string]string) string {
	parts := make([]string, 0, len(set))
	for _, key := range slices.Sorted(maps.Keys(set)) {
		parts = append(parts, quote(key)+": "+quote(set[key]))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
