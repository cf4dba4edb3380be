package generate

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/scenarios"
)

// bothFamilies are what the scenarios are about.
var bothFamilies = []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}

// line is one expectation of the file.
type line struct {
	from    []string
	to      []string
	family  string
	outcome scenarios.Expected
	why     string
}

// finish writes the scenario, with each cell stated that policies change, and says which rules it proves.
func (m *maker) finish(name string) (Scenario, error) {
	object := m.object
	step, err := m.judge(name, object)
	if err != nil {
		return Scenario{}, err
	}
	made := Scenario{Name: name}
	if made.Proven, err = m.proven(step, object); err != nil {
		return Scenario{}, err
	}
	if made.YAML, err = m.write(name, object, m.lines(step.Cells)); err != nil {
		return Scenario{}, err
	}
	if _, err := (scenarios.Loader{ReadFile: noFile}).Parse(name+".yaml", made.YAML); err != nil {
		return Scenario{}, fmt.Errorf("generate scenario %q: %w", name, err)
	}
	return made, nil
}

// dropRule is the policy without a rule, isolating as before.
func dropRule(object *networkingv1.NetworkPolicy, r *rule) *networkingv1.NetworkPolicy {
	changed := object.DeepCopy()
	changed.Spec.PolicyTypes = nil
	for _, policyType := range []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress} {
		if governs(object, policyType) {
			changed.Spec.PolicyTypes = append(changed.Spec.PolicyTypes, policyType)
		}
	}
	if r.ingress() {
		changed.Spec.Ingress = slices.Delete(changed.Spec.Ingress, r.index, r.index+1)
	} else {
		changed.Spec.Egress = slices.Delete(changed.Spec.Egress, r.index, r.index+1)
	}
	return changed
}

func noFile(string) ([]byte, error) { return nil, errors.New("a generated scenario names no files") }

// judge lets the policies decide each cell of the topology.
func (m *maker) judge(name string, object *networkingv1.NetworkPolicy) (*scenarios.ExpandedStep, error) {
	draft, err := m.writeDraft(name, object)
	if err != nil {
		return nil, err
	}
	scenario, err := scenarios.Loader{ReadFile: noFile}.Parse(name+".yaml", draft)
	if err != nil {
		return nil, fmt.Errorf("generate scenario %q: %w", name, err)
	}
	expansion, err := scenarios.Expand(scenario, scenarios.ExpandOptions{Families: bothFamilies})
	if err != nil {
		return nil, fmt.Errorf("generate scenario %q: %w", name, err)
	}
	for i := range expansion.Steps {
		if expansion.Steps[i].Step == 1 {
			return &expansion.Steps[i], nil
		}
	}
	return nil, fmt.Errorf("generate scenario %q: the step of the policy is missing", name)
}

// lines state the cells: all that are not connected, and those of the subject that are.
func (m *maker) lines(cells []scenarios.Cell) []line {
	type key struct {
		from    string
		family  string
		outcome scenarios.Expected
	}
	found := map[key][]string{}
	var order []key
	for _, one := range sameInBothFamilies(cells) {
		from, to := one.cell.From.String(), spellTarget(&one.cell)
		subject := from == m.subject().name || one.cell.To.String() == m.subject().name
		if one.cell.Expected == connected && !subject {
			continue
		}
		k := key{from, one.family, one.cell.Expected}
		if _, known := found[k]; !known {
			order = append(order, k)
		}
		if !slices.Contains(found[k], to) {
			found[k] = append(found[k], to)
		}
	}
	var lines []line
	for _, k := range order {
		i := slices.IndexFunc(lines, func(l line) bool {
			return l.family == k.family && l.outcome == k.outcome && slices.Equal(l.to, found[k])
		})
		if i >= 0 {
			lines[i].from = append(lines[i].from, k.from)
			continue
		}
		lines = append(lines, line{from: []string{k.from}, to: found[k], family: k.family, outcome: k.outcome})
	}
	for i := range lines {
		if lines[i].outcome == scenarios.Any {
			lines[i].why = "the API leaves this to the plugin, or it depends on addresses"
		}
	}
	return lines
}

// connected is the outcome of what nothing stops.
const connected = scenarios.Expected("connected")

// stated is a cell and the family that it is about, empty for both.
type stated struct {
	cell   scenarios.Cell
	family string
}

// sameInBothFamilies joins the cells of the two families where both expect the same.
func sameInBothFamilies(cells []scenarios.Cell) []stated {
	type key struct{ from, to string }
	byKey := map[key][]scenarios.Cell{}
	var order []key
	for _, cell := range cells {
		k := key{cell.From.String(), spellTarget(&cell)}
		if _, known := byKey[k]; !known {
			order = append(order, k)
		}
		byKey[k] = append(byKey[k], cell)
	}
	slices.SortStableFunc(order, func(a, b key) int { return cmp.Compare(a.from, b.from) })
	var joined []stated
	for _, k := range order {
		same := byKey[k]
		if !slices.ContainsFunc(same, func(c scenarios.Cell) bool { return c.Expected != same[0].Expected }) {
			joined = append(joined, stated{cell: same[0]})
			continue
		}
		for _, cell := range same {
			joined = append(joined, stated{cell: cell, family: string(cell.Family)})
		}
	}
	return joined
}

// spellTarget writes a cell's target as a file has it.
func spellTarget(cell *scenarios.Cell) string {
	if cell.To.Kind == scenarios.EndpointDNS {
		return "dns/" + string(cell.Protocol)
	}
	return fmt.Sprintf("%s:%d/%s", cell.To, cell.Port, cell.Protocol)
}
