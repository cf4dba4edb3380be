package policy

import (
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	. "github.com/onsi/gomega"
)

// The rules are compared with the API server's own code, on random policies, in the lab's module (e2e/lab/validation). These rows are the
// ones that a reader of the rules would ask about.
func TestValidate(t *testing.T) {
	spec := func(spec string) string { return "metadata: {name: p, namespace: n}\nspec: " + spec }
	rule := func(rule string) string { return spec("{podSelector: {}, ingress: [" + rule + "]}") }
	for _, row := range []struct {
		name, policy string
		faults       []string
	}{
		{"a name is required", "metadata: {namespace: n}", []string{"metadata.name: Required"}},
		{"a name is a DNS subdomain", "metadata: {namespace: n, name: Not_This}", []string{"metadata.name: Invalid"}},
		{"a namespace is required", "metadata: {name: p}", []string{"metadata.namespace: Required"}},
		{"a label of the policy itself", "metadata: {name: p, namespace: n, labels: {-a: b}}", []string{"metadata.labels: Invalid"}},
		{"a label key in podSelector", spec("{podSelector: {matchLabels: {a b: c}}}"), []string{"spec.podSelector.matchLabels: Invalid"}},
		{"a label value in podSelector", spec("{podSelector: {matchLabels: {a: \"b c\"}}}"), []string{"spec.podSelector.matchLabels: Invalid"}},
		{"two labels, in the order of their values", spec("{podSelector: {matchLabels: {b: \"2 2\", a: \"1 1\"}}}"),
			[]string{"spec.podSelector.matchLabels: Invalid", "spec.podSelector.matchLabels: Invalid"}},
		{"an operator", spec("{podSelector: {matchExpressions: [{key: a, operator: Gt, values: [\"1\"]}]}}"), []string{"spec.podSelector.matchExpressions[0].operator: Invalid"}},
		{"In without values", spec("{podSelector: {matchExpressions: [{key: a, operator: In}]}}"), []string{"spec.podSelector.matchExpressions[0].values: Required"}},
		{"Exists with values", spec("{podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}"), []string{"spec.podSelector.matchExpressions[0].values: Forbidden"}},
		{"a peer of nothing", rule("{from: [{}]}"), []string{"spec.ingress[0].from[0]: Required"}},
		{"a peer of everything", rule("{from: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}"), []string{"spec.ingress[0].from[0]: Forbidden"}},
		{"a cidr is required", rule("{from: [{ipBlock: {}}]}"), []string{"spec.ingress[0].from[0].ipBlock.cidr: Required"}},
		{"a cidr needs a length", rule("{from: [{ipBlock: {cidr: 10.0.0.0}}]}"), []string{"spec.ingress[0].from[0].ipBlock.cidr: Invalid"}},
		{"a cidr has no leading zeros", rule("{from: [{ipBlock: {cidr: 010.0.0.0/8}}]}"), []string{"spec.ingress[0].from[0].ipBlock.cidr: Invalid"}},
		{"a cidr has no bits beyond its length", rule("{from: [{ipBlock: {cidr: 10.0.0.1/8}}]}"), []string{"spec.ingress[0].from[0].ipBlock.cidr: Invalid"}},
		{"an exception is within the cidr", rule("{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16, 11.0.0.0/16]}}]}"), []string{"spec.ingress[0].from[0].ipBlock.except[1]: Invalid"}},
		{"an exception is not the cidr itself", rule("{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]}"), []string{"spec.ingress[0].from[0].ipBlock.except[0]: Invalid"}},
		{"an exception is of the same family", rule("{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [\"2001:db8::/32\"]}}]}"), []string{"spec.ingress[0].from[0].ipBlock.except[0]: Invalid"}},
		{"a protocol", rule("{ports: [{protocol: ICMP}]}"), []string{"spec.ingress[0].ports[0].protocol: Unsupported"}},
		{"a port of 0", rule("{ports: [{port: 0}]}"), []string{"spec.ingress[0].ports[0].port: Invalid"}},
		{"a port name", rule("{ports: [{port: Upper}]}"), []string{"spec.ingress[0].ports[0].port: Invalid"}},
		{"an endPort below the port", rule("{ports: [{port: 81, endPort: 80}]}"), []string{"spec.ingress[0].ports[0].endPort: Invalid"}},
		{"an endPort beyond 65535", rule("{ports: [{port: 81, endPort: 65536}]}"), []string{"spec.ingress[0].ports[0].endPort: Invalid"}},
		{"an endPort without a port", rule("{ports: [{endPort: 80}]}"), []string{"spec.ingress[0].ports[0].endPort: Invalid"}},
		{"an endPort with a name", rule("{ports: [{port: http, endPort: 80}]}"), []string{"spec.ingress[0].ports[0].endPort: Invalid"}},
		{"an unknown type", spec("{podSelector: {}, policyTypes: [ingress]}"), []string{"spec.policyTypes[0]: Unsupported"}},
		{"three types", spec("{podSelector: {}, policyTypes: [Ingress, Egress, Ingress]}"), []string{"spec.policyTypes: Invalid"}},
		{"all faults at once", spec("{podSelector: {}, ingress: [{ports: [{port: 0}]}], egress: [{to: [{}]}], policyTypes: [x]}"),
			[]string{"spec.ingress[0].ports[0].port: Invalid", "spec.egress[0].to[0]: Required", "spec.policyTypes[0]: Unsupported"}},
		{"one type twice is accepted", spec("{podSelector: {}, policyTypes: [Ingress, Ingress]}"), nil},
		{"empty lists are accepted", spec("{podSelector: {}, policyTypes: [], ingress: [], egress: [{to: [], ports: []}]}"), nil},
		{"a missing podSelector is accepted", spec("{}"), nil},
		{"an empty label value is accepted", spec("{podSelector: {matchLabels: {a: \"\"}}}"), nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			var policy networkingv1.NetworkPolicy
			g.Expect(yaml.UnmarshalStrict([]byte(row.policy), &policy)).To(Succeed())
			var faults []string
			for _, fault := range Validate(&policy) {
				// The type's first word: "Invalid value", "Required value", "Unsupported value", "Forbidden".
				kind, _, _ := strings.Cut(fault.Type.String(), " ")
				faults = append(faults, fault.Field+": "+kind)
			}
			g.Expect(faults).To(Equal(row.faults))
		})
	}
}

func TestWarnings(t *testing.T) {
	g := NewWithT(t)
	policy := readPolicies(t, "app/p: {podSelector: {}, ingress: [{from: [{podSelector: {}}, {ipBlock: {cidr: 2001:DB8::/32}}]}], "+
		"egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.2.3/16, nonsense]}}]}]}")[0]
	g.Expect(Warnings(&policy)).To(Equal([]string{
		`spec.ingress[0].from[1].ipBlock.cidr: IPv6 CIDR value "2001:DB8::/32" should be in RFC 5952 canonical format ("2001:db8::/32")`,
		`spec.egress[0].to[0].ipBlock.except[0]: CIDR value "10.1.2.3/16" is ambiguous in this context (should be "10.1.0.0/16" or "10.1.2.3/32"?)`,
	}))
}

func TestValidateIsDeterministic(t *testing.T) {
	g := NewWithT(t)
	policy := readPolicies(t, "app/p: {podSelector: {matchLabels: {a: \"1 1\", b: \"2 2\", c: \"3 3\", d: \"4 4\"}}}")[0]
	first := Validate(&policy).ToAggregate().Error()
	for range 20 {
		g.Expect(Validate(&policy).ToAggregate().Error()).To(Equal(first))
	}
}
