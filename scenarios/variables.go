package scenarios

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v4"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/podknock/podknock/scenarios/internal/strict"
)

// bindVariables puts the loader's values in place of the file's and checks both.
func (l *loading) bindVariables() {
	for i := range l.scenario.Variables {
		variable := &l.scenario.Variables[i]
		at := strict.Key("variables", variable.Name)
		l.checkLabelName(at, variable.Name)
		if value, ok := l.loader.Variables[variable.Name]; ok {
			variable.Value = value
		}
		if err := checkVariable(variable.Value); err != nil {
			l.report(at, "%v", err)
		}
	}
	for i := range l.scenario.External {
		external := &l.scenario.External[i]
		at := strict.Key("external", external.Name)
		l.checkLabelName(at, external.Name)
		if addresses, ok := l.loader.External[external.Name]; ok {
			external.take(addresses)
		}
		if families := addressFamilies(external.Addresses); len(families) != len(external.Addresses) || len(families) == 0 {
			l.report(at+".addresses", "%d addresses: give one, or one of each family", len(external.Addresses))
		}
		l.checkPorts(at+".ports", external.Ports)
		if slices.ContainsFunc(l.scenario.Variables, func(v Variable) bool { return v.Name == external.Name }) {
			l.report(at, "%q is also a variable: rename one of them", external.Name)
		}
	}
}

// take puts the addresses that the caller has given in the place of the file's. A host with one address in the file stays one with one address,
// the first, because its policies speak of one. Of a family that the caller has not given, policies keep the file's address, which nobody
// knocks on then.
func (e *External) take(addresses []netip.Addr) {
	if len(e.Addresses) == 1 && len(addresses) > 1 && len(addressFamilies(addresses)) == len(addresses) {
		addresses = addresses[:1]
	}
	for _, address := range e.Addresses {
		if !slices.ContainsFunc(addresses, func(a netip.Addr) bool { return familyOf(a) == familyOf(address) }) {
			e.unasked = append(e.unasked, address)
		}
	}
	e.named = len(e.Addresses) > 1
	e.Addresses = addresses
}

// checkVariable accepts a CIDR without host bits and an IP address.
func checkVariable(value string) error {
	if address, err := netip.ParseAddr(value); err == nil && address.Zone() == "" && !address.Is4In6() {
		return nil
	}
	prefix, err := netip.ParsePrefix(value)
	switch {
	case err != nil:
		return fmt.Errorf("%q is neither a CIDR nor an IP address: write one such as 192.0.2.0/24 or 2001:db8::7", value)
	case prefix != prefix.Masked():
		return fmt.Errorf("%q has bits behind its prefix: write %s", value, prefix.Masked())
	}
	return nil
}

// addressFamilies lists the families that occur, each once, in the order of [Families].
func addressFamilies(addresses []netip.Addr) []Family {
	var families []Family
	for _, family := range Families() {
		if slices.ContainsFunc(addresses, func(a netip.Addr) bool { return familyOf(a) == family }) {
			families = append(families, Family(family))
		}
	}
	return families
}

// values are what policies may refer to.
func (s *Scenario) values() map[string]string {
	values := map[string]string{}
	for _, variable := range s.Variables {
		values[variable.Name] = variable.Value
	}
	for _, external := range s.External {
		all := slices.Concat(external.Addresses, external.unasked)
		for _, address := range all {
			name := external.Name
			if len(external.Addresses) > 1 || external.named {
				name += "." + string(familyOf(address))
			}
			values[name] = address.String()
			values[name+".cidr"] = netip.PrefixFrom(address, address.BitLen()).String()
		}
	}
	return values
}

var variableShape = regexp.MustCompile(`\$\(([^()]*)\)`)

// substitute replaces $(name) in the values below a node. It returns the names that nobody declared, with their positions.
func substitute(node *strict.Node, values map[string]string) (unknown []strict.Problem) {
	if node.Kind == yaml.ScalarNode && strings.Contains(node.Value, "$(") {
		node.Value = variableShape.ReplaceAllStringFunc(node.Value, func(match string) string {
			name := match[2 : len(match)-1]
			value, ok := values[name]
			if !ok {
				unknown = append(unknown, strict.Problem{
					Position: strict.Position{Line: node.Line, Column: node.Column},
					Message:  fmt.Sprintf("the variable %q is unknown: %s", name, strict.Suggest(name, sortedKeys(values))),
				})
			}
			return value
		})
	}
	for i, child := range node.Content {
		if isKey := node.Kind == yaml.MappingNode && i%2 == 0; !isKey {
			unknown = append(unknown, substitute(child, values)...)
		}
	}
	return unknown
}

// checkLabelName checks a name that has to be a DNS label (RFC 1123).
func (l *loading) checkLabelName(at, name string) {
	if faults := validation.IsDNS1123Label(name); len(faults) > 0 {
		l.report(at, "%q is no name: write at most 63 lower-case letters, digits or \"-\", with a letter or digit at both ends", name)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
