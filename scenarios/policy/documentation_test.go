package policy

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	. "github.com/onsi/gomega"
)

// TestDocumentation ties the evaluator to the documentation that the API types carry: each row is a promise of a field, in the words of the API
// version that go.mod names, with the questions that it decides. A new version that promises something else fails here first.
func TestDocumentation(t *testing.T) {
	type question struct {
		policies []string
		query    string
		verdict  Verdict
	}
	for _, row := range []struct {
		name      string
		docs      map[string]string
		field     string
		promise   string
		questions []question
	}{
		{"an empty podSelector selects the namespace", networkingv1.NetworkPolicySpec{}.SwaggerDoc(), "podSelector", "selector matches all pods in the policy's namespace",
			[]question{{[]string{denyIn}, web, Deny}, {[]string{denyIn}, "app/web -> shop/web:80", Allow}}},
		{"a missing podSelector is an empty one", networkingv1.NetworkPolicySpec{}.SwaggerDoc(), "podSelector", "If it is not specified, it defaults to an empty selector",
			[]question{{[]string{"app/p: {policyTypes: [Ingress]}"}, web, Deny}}},
		{"policies add up", networkingv1.NetworkPolicySpec{}.SwaggerDoc(), "podSelector", "combined additively",
			[]question{{[]string{denyIn, inTo + "[{}]}"}, web, Allow}}},
		{"a pod that no policy selects is open", networkingv1.NetworkPolicySpec{}.SwaggerDoc(), "ingress", "if there are no NetworkPolicies selecting the pod",
			[]question{{nil, web, Allow}}},
		{"the local node is always let in", networkingv1.NetworkPolicySpec{}.SwaggerDoc(), "ingress", "OR if the traffic source is the pod's local node",
			[]question{{[]string{denyIn}, "node:n2 -> app/db:5432", Allow}, {[]string{denyIn}, "node:n1 -> app/db:5432", Deny}}},
		{"no ingress rule means no traffic", networkingv1.NetworkPolicySpec{}.SwaggerDoc(), "ingress", "this NetworkPolicy does not allow any traffic",
			[]question{{[]string{inTo + "[]}"}, web, Deny}}},
		{"no egress rule means no traffic", networkingv1.NetworkPolicySpec{}.SwaggerDoc(), "egress", "this NetworkPolicy limits all outgoing traffic",
			[]question{{[]string{outOf + "[]}"}, web, Deny}}},
		{"types default by the rules", networkingv1.NetworkPolicySpec{}.SwaggerDoc(), "policyTypes", "policies that contain an egress section are assumed to affect egress, and all policies",
			[]question{
				{[]string{"app/p: {egress: [{ports: [{port: 53}]}]}"}, "app/web -> 192.0.2.1:80", Deny},
				{[]string{"app/p: {egress: [{}]}"}, web, Deny},
				{[]string{"app/p: {ingress: [{}]}"}, "app/web -> 192.0.2.1:80", Allow},
			}},
		{"an empty list of ports is every port", networkingv1.NetworkPolicyIngressRule{}.SwaggerDoc(), "ports", "empty or missing, this rule matches all ports",
			[]question{{[]string{inTo + "[{ports: []}]}"}, web + "/SCTP", Allow}}},
		{"an empty list of sources is every source", networkingv1.NetworkPolicyIngressRule{}.SwaggerDoc(), "from", "empty or missing, this rule matches all sources",
			[]question{{[]string{inTo + "[{from: []}]}"}, "192.0.2.1 -> app/db:80", Allow}}},
		{"an empty list of destinations is every destination", networkingv1.NetworkPolicyEgressRule{}.SwaggerDoc(), "to", "empty or missing, this rule matches all destinations",
			[]question{{[]string{outOf + "[{to: []}]}"}, "app/web -> 192.0.2.1:80", Allow}}},
		{"traffic must match ports and sources", networkingv1.NetworkPolicyIngressRule{}.SwaggerDoc(), "", "The traffic must match both ports and from",
			[]question{{[]string{inTo + "[{from: [{podSelector: {}}], ports: [{port: 80}]}]}"}, web, Deny}}},
		{"the protocol defaults to TCP", networkingv1.NetworkPolicyPort{}.SwaggerDoc(), "protocol", "this field defaults to TCP",
			[]question{{[]string{inTo + "[{ports: [{port: 5432}]}]}"}, web, Allow}, {[]string{inTo + "[{ports: [{port: 5432}]}]}"}, web + "/UDP", Deny}}},
		{"a missing port is every port", networkingv1.NetworkPolicyPort{}.SwaggerDoc(), "port", "If this field is not provided, this matches all port names and numbers",
			[]question{{[]string{inTo + "[{ports: [{protocol: UDP}]}]}"}, web + "/UDP", Allow}, {[]string{inTo + "[{ports: [{protocol: UDP}]}]}"}, web, Deny}}},
		{"a port may be a name of the pod", networkingv1.NetworkPolicyPort{}.SwaggerDoc(), "port", "numerical or named port on a pod",
			[]question{{[]string{inTo + "[{ports: [{port: pg}]}]}"}, web, Allow}}},
		{"endPort is inclusive", networkingv1.NetworkPolicyPort{}.SwaggerDoc(), "endPort", "from port to endPort if set, inclusive",
			[]question{{[]string{inTo + "[{ports: [{port: 5000, endPort: 5432}]}]}"}, web, Allow}}},
		{"except is taken out", networkingv1.IPBlock{}.SwaggerDoc(), "except", "should not be included within an IPBlock",
			[]question{{[]string{outOf + "[{to: [{ipBlock: {cidr: 192.0.2.0/24, except: [192.0.2.1/32]}}]}]}"}, "app/web -> 192.0.2.1:80", Deny}}},
		{"a podSelector alone is of the policy's namespace", networkingv1.NetworkPolicyPeer{}.SwaggerDoc(), "podSelector", "Otherwise it selects the pods matching podSelector in the policy's own namespace",
			[]question{{[]string{inTo + "[{from: [{podSelector: {matchLabels: {app: web}}}]}]}"}, "shop/web -> app/db:5432", Deny}}},
		{"an empty podSelector selects all pods", networkingv1.NetworkPolicyPeer{}.SwaggerDoc(), "podSelector", "if present but empty, it selects all pods",
			[]question{{[]string{inTo + "[{from: [{podSelector: {}}]}]}"}, web, Allow}}},
		{"both selectors together mean both", networkingv1.NetworkPolicyPeer{}.SwaggerDoc(), "namespaceSelector", "selects the pods matching podSelector in the namespaces selected by namespaceSelector",
			[]question{
				{[]string{inTo + "[{from: [{namespaceSelector: {matchLabels: {team: red}}, podSelector: {matchLabels: {app: web}}}]}]}"}, "shop/web -> app/db:5432", Allow},
				{[]string{inTo + "[{from: [{namespaceSelector: {matchLabels: {team: red}}, podSelector: {matchLabels: {app: web}}}]}]}"}, web, Deny},
			}},
		{"an empty namespaceSelector selects all namespaces", networkingv1.NetworkPolicyPeer{}.SwaggerDoc(), "namespaceSelector", "if present but empty, it selects all namespaces",
			[]question{{[]string{inTo + "[{from: [{namespaceSelector: {}}]}]}"}, "bare/none -> app/db:5432", Allow}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(row.docs[row.field]).To(ContainSubstring(row.promise))
			for _, question := range row.questions {
				explanation := mustExplain(t, mustCompile(t, fixture(readPolicies(t, question.policies...)...)), readQuery(t, question.query))
				g.Expect(explanation.Verdict).To(Equal(question.verdict), "%s", explanation.Sentence())
			}
		})
	}
}
