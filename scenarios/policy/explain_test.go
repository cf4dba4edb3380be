package policy

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	. "github.com/onsi/gomega"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// stories are the mistakes that explanations must name: the text of each is in testdata/explanations.golden, its heart here.
var stories = []struct {
	name     string
	policies []string
	query    string
	verdict  Verdict
	// terms are the kinds of the terms of the closest miss, at the end that denies.
	terms []TermKind
	// hints are the kinds of the hints of both ends.
	hints []HintKind
}{
	{name: "a value is misspelt", query: web, verdict: Deny, terms: []TermKind{TermPodLabel},
		policies: []string{inTo + "[{from: [{podSelector: {matchLabels: {app: wbe}}}]}]}"}},
	{name: "an expression lacks a value", query: web, verdict: Deny, terms: []TermKind{TermPodLabel},
		policies: []string{inTo + "[{from: [{podSelector: {matchExpressions: [{key: app, operator: In, values: [api, db]}]}}]}]}"}},
	{name: "the pod lacks the key", query: "bare/none -> app/db:5432", verdict: Deny, terms: []TermKind{TermPodLabel},
		policies: []string{inTo + "[{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}]}]}"}},
	{name: "an expression excludes the pod", query: web, verdict: Deny, terms: []TermKind{TermPodLabel},
		policies: []string{inTo + "[{from: [{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}}]}]}"}},
	{name: "a podSelector alone is meant for another namespace", query: "shop/web -> app/db:5432", verdict: Deny, terms: []TermKind{TermPeerNamespace},
		policies: []string{inTo + "[{from: [{podSelector: {matchLabels: {app: web}}}]}]}"}},
	{name: "the namespace lacks the label", query: "shop/web -> app/db:5432", verdict: Deny, terms: []TermKind{TermNamespaceLabel},
		policies: []string{inTo + "[{from: [{namespaceSelector: {matchLabels: {name: shop}}}]}]}"}},
	{name: "the namespace has another value", query: "shop/web -> app/db:5432", verdict: Deny, terms: []TermKind{TermNamespaceLabel},
		policies: []string{inTo + "[{from: [{namespaceSelector: {matchLabels: {team: blue}}, podSelector: {matchLabels: {app: web}}}]}]}"}},
	{name: "the protocol was left out", query: "app/web -> app/db:53/UDP", verdict: Deny, terms: []TermKind{TermProtocol},
		policies: []string{denyOut, outOf + "[{ports: [{port: 53}]}]}"}},
	{name: "the port differs", query: web, verdict: Deny, terms: []TermKind{TermPort},
		policies: []string{inTo + "[{from: [{podSelector: {}}], ports: [{port: 5433}, {port: 53, protocol: UDP}]}]}"}},
	{name: "the range ends before the port", query: web, verdict: Deny, terms: []TermKind{TermPort},
		policies: []string{inTo + "[{ports: [{port: 5000, endPort: 5431}]}]}"}},
	{name: "the port of the Service is in the rule", query: "app/web -> svc:app/pg:80", verdict: Deny, terms: []TermKind{TermServicePort},
		policies: []string{inTo + "[{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 80}]}]}"}},
	{name: "the port name is not declared", query: web, verdict: Deny, terms: []TermKind{TermNamedPort},
		policies: []string{inTo + "[{ports: [{port: postgres}]}]}"}},
	{name: "the port name has another number", query: "app/web -> app/db2:5432", verdict: Deny, terms: []TermKind{TermNamedPort},
		policies: []string{inTo + "[{ports: [{port: pg}]}]}"}},
	{name: "the address is in an exception", query: "app/web -> 192.0.2.9:443", verdict: Deny, terms: []TermKind{TermExcept},
		policies: []string{outOf + "[{to: [{ipBlock: {cidr: 192.0.2.0/24, except: [192.0.2.8/29]}}]}]}"}},
	{name: "the address is in no cidr", query: "app/web -> 198.51.100.1:443", verdict: Deny, terms: []TermKind{TermBlock},
		policies: []string{outOf + "[{to: [{ipBlock: {cidr: 192.0.2.0/24}}, {ipBlock: {cidr: 203.0.113.0/24}}]}]}"}},
	{name: "the second family was forgotten", query: "app/web -> [2001:db8::1]:443", verdict: Deny, terms: []TermKind{TermBlock},
		policies: []string{outOf + "[{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}"}},
	{name: "a selector does not match what is outside", query: "192.0.2.1 -> app/db:5432", verdict: Deny, terms: []TermKind{TermPeerKind},
		policies: []string{inTo + "[{from: [{namespaceSelector: {}}]}]}"}},
	{name: "peer and port both fail", query: "shop/web -> app/db:5432", verdict: Deny, terms: []TermKind{TermPort, TermNamespaceLabel},
		policies: []string{inTo + "[{from: [{namespaceSelector: {matchLabels: {team: blue}}}], ports: [{port: 80}]}]}"}},
	{name: "nothing was opened", query: web, verdict: Deny, terms: []TermKind{TermNoRules}, policies: []string{denyIn}},
	{name: "egress lock-down forgot DNS", query: "app/web -> app/db:53/UDP", verdict: Deny, terms: []TermKind{TermProtocol, TermPort},
		policies: []string{outOf + "[{to: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: 5432}]}]}"}},
	{name: "the policy that would admit has a misspelt podSelector", query: web, verdict: Deny, terms: []TermKind{TermSubjectLabel},
		hints:    []HintKind{HintNearlySelects},
		policies: []string{denyIn, "app/open: {podSelector: {matchLabels: {app: dbs}}, ingress: [{}]}"}},
	{name: "the policy that would admit is in another namespace", query: web, verdict: Deny, terms: []TermKind{TermNamespace},
		hints:    []HintKind{HintOtherNamespace},
		policies: []string{denyIn, "shop/open: {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {}}]}]}"}},
	{name: "the policy that would admit does not list the direction", query: web, verdict: Deny, terms: []TermKind{TermPolicyTypes},
		hints:    []HintKind{HintPolicyTypes},
		policies: []string{denyIn, "app/open: {podSelector: {}, policyTypes: [Egress], ingress: [{}], egress: [{}]}"}},
	{name: "an egress policy without policyTypes closes ingress", query: web, verdict: Deny, terms: []TermKind{TermNoRules},
		hints:    []HintKind{HintDefaultedIngress},
		policies: []string{"app/out-only: {podSelector: {matchLabels: {app: db}}, egress: [{}]}"}},
	{name: "a policy in the wrong namespace leaves the pod open", query: web, verdict: Allow, hints: []HintKind{HintOtherNamespace},
		policies: []string{"shop/lock: {podSelector: {matchLabels: {app: db}}}"}},
	{name: "a misspelt podSelector leaves the pod open", query: web, verdict: Allow, hints: []HintKind{HintNearlySelects},
		policies: []string{"app/lock: {podSelector: {matchLabels: {app: dbb}}}"}},
	{name: "policyTypes without the direction leave the pod open", query: "app/web -> 192.0.2.1:80", verdict: Allow, hints: []HintKind{HintPolicyTypes},
		policies: []string{"app/lock: {podSelector: {}, policyTypes: [Ingress], egress: [{ports: [{port: 53}]}]}"}},
	{name: "a dash too many turns AND into OR", query: "shop/empty -> app/db:5432", verdict: Allow, hints: []HintKind{HintSplitPeer},
		policies: []string{inTo + "[{from: [{namespaceSelector: {matchLabels: {team: red}}}, {podSelector: {matchLabels: {app: web}}}]}]}"}},
	{name: "a denial does not overrule an allow", query: web, verdict: Allow,
		policies: []string{denyIn, inTo + "[{from: [{podSelector: {matchLabels: {app: web}}}]}]}"}},
	{name: "only one end is open", query: web, verdict: Deny, terms: []TermKind{TermNoRules},
		policies: []string{denyOut, inTo + "[{from: [{podSelector: {}}]}]}"}},
	{name: "both ends are closed", query: web, verdict: Deny, terms: []TermKind{TermNoRules}, policies: []string{denyOut, denyIn}},
	{name: "a node is not selected", query: "node:n1 -> app/db:5432", verdict: Deny, terms: []TermKind{TermPeerKind},
		policies: []string{inTo + "[{from: [{podSelector: {}}]}]}"}},
	{name: "a hostNetwork pod is not selected", query: "app/host -> app/db:5432", verdict: Deny, terms: []TermKind{TermPodLabel},
		policies: []string{inTo + "[{from: [{podSelector: {matchLabels: {app: web}}}]}]}"}},
	{name: "the own node passes", query: "node:n2 -> app/db:5432", verdict: Allow, policies: []string{denyIn}},
	{name: "a block over pods is in doubt", query: web, verdict: Depends,
		policies: []string{inTo + "[{from: [{ipBlock: {cidr: 10.244.0.0/16}}]}]}"}},
	{name: "the backends differ", query: "app/web -> svc:app/pg:80", verdict: Depends,
		policies: []string{inTo + "[{ports: [{port: 5432}]}]}"}},
	{name: "a Service has no backend", query: "app/web -> svc:app/nobody:80", verdict: Depends},
	{name: "no policy applies", query: web, verdict: Allow},
}

func TestExplanationsNameTheMistake(t *testing.T) {
	for _, story := range stories {
		t.Run(story.name, func(t *testing.T) {
			g := NewWithT(t)
			explanation := mustExplain(t, mustCompile(t, fixture(readPolicies(t, story.policies...)...)), readQuery(t, story.query))
			g.Expect(explanation.Verdict).To(Equal(story.verdict))
			var terms []TermKind
			var hints []HintKind
			for _, path := range explanation.Paths[:min(1, len(explanation.Paths))] {
				for _, end := range []End{path.Egress, path.Ingress} {
					if len(end.Misses) > 0 {
						terms = nil
						for _, term := range end.Misses[0].Terms {
							terms = append(terms, term.Kind)
						}
					}
					for _, hint := range end.Hints {
						hints = append(hints, hint.Kind)
					}
				}
			}
			if story.verdict == Deny {
				g.Expect(terms).To(Equal(story.terms))
				for _, end := range []End{explanation.Paths[0].Egress, explanation.Paths[0].Ingress} {
					keepsItsPromise(t, readPolicies(t, story.policies...), story.query, end)
				}
			}
			g.Expect(hints).To(Equal(story.hints))
		})
	}
}

// keepsItsPromise applies each change of an end and asks the end again.
func keepsItsPromise(t *testing.T, policies []networkingv1.NetworkPolicy, query string, end End) {
	t.Helper()
	for _, miss := range end.Misses {
		changed := slices.Clone(policies)
		for i := range changed {
			if miss.Policy != (PolicyRef{changed[i].Namespace, changed[i].Name}) {
				continue
			}
			applied, err := miss.Change.Apply(&changed[i])
			if err != nil {
				t.Fatal(err)
			}
			changed[i] = *applied
		}
		path := mustExplain(t, mustCompile(t, fixture(changed...)), readQuery(t, query)).Paths[0]
		now := path.Ingress
		if end.Direction == networkingv1.PolicyTypeEgress {
			now = path.Egress
		}
		NewWithT(t).Expect(now.Verdict).To(And(Equal(miss.Change.Result), Not(Equal(Deny))), "%s", miss.Change.Sentence())
	}
}

func TestSentences(t *testing.T) {
	var text strings.Builder
	for _, story := range stories {
		fmt.Fprintf(&text, "# %s\n", story.name)
		for _, policy := range story.policies {
			fmt.Fprintf(&text, "#   %s\n", policy)
		}
		explanation := mustExplain(t, mustCompile(t, fixture(readPolicies(t, story.policies...)...)), readQuery(t, story.query))
		fmt.Fprintf(&text, "%s\n\n", strings.Join(explanation.Sentences(), "\n"))
	}
	golden := filepath.Join("testdata", "explanations.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	wanted, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	NewWithT(t).Expect(text.String()).To(Equal(string(wanted)), "run the test with -update and review the difference")
}

func TestHintsAreQuiet(t *testing.T) {
	for name, policy := range map[string]string{
		"a policy elsewhere that does its work there":                      "shop/lock: {podSelector: {matchLabels: {app: web}}}",
		"a policy elsewhere for all pods of an empty namespace":            "void/lock: {podSelector: {}}",
		"a policy elsewhere for the other direction":                       "shop/lock: {podSelector: {matchLabels: {app: db}}, policyTypes: [Egress]}",
		"a policy here for the other direction that nearly selects":        "app/lock: {podSelector: {matchLabels: {app: dbb}}, policyTypes: [Egress]}",
		"a policy here that selects nothing but means another pod":         "app/lock: {podSelector: {matchLabels: {app: hosts}}}",
		"a policy here that selects other pods":                            "app/lock: {podSelector: {matchLabels: {app: web}}}",
		"types without the direction where there are no rules to ignore":   "app/lock: {podSelector: {}, policyTypes: [Egress], egress: [{}]}",
		"a namespaceSelector and a podSelector that both match":            inTo + "[{from: [{namespaceSelector: {matchLabels: {team: blue}}}, {podSelector: {matchLabels: {app: web}}}]}]}",
		"a podSelector beside one that has a namespaceSelector of its own": inTo + "[{from: [{namespaceSelector: {matchLabels: {team: red}}, podSelector: {matchLabels: {app: x}}}, {podSelector: {matchLabels: {app: web}}}]}]}",
		"a podSelector beside every namespace":                             inTo + "[{from: [{namespaceSelector: {}}, {podSelector: {matchLabels: {app: x}}}]}]}",
	} {
		t.Run(name, func(t *testing.T) {
			explanation := mustExplain(t, mustCompile(t, fixture(readPolicies(t, policy)...)), readQuery(t, web))
			NewWithT(t).Expect(explanation.Paths[0].Ingress.Hints).To(BeEmpty())
			NewWithT(t).Expect(explanation.Verdict).To(Equal(Allow))
		})
	}
}

func TestDecidingRule(t *testing.T) {
	g := NewWithT(t)
	policies := readPolicies(t,
		inTo+"[{from: [{podSelector: {matchLabels: {app: x}}}]}, {from: [{ipBlock: {cidr: 192.0.2.0/24}}, {podSelector: {}}], ports: [{port: 1}, {port: pg}]}]}",
		"app/z-open: {podSelector: {}, ingress: [{}]}", denyIn)
	ingress := mustExplain(t, mustCompile(t, fixture(policies...)), readQuery(t, web)).Paths[0].Ingress
	g.Expect(ingress.Basis).To(Equal(BasisRule))
	g.Expect(ingress.Deciding).To(Equal(&Match{Policy: PolicyRef{"app", "in"}, Rule: 1, Peer: 1, Port: 1}))
	g.Expect(ingress.Selecting).To(Equal([]Selection{
		{PolicyRef{"app", "deny"}, Deny}, {PolicyRef{"app", "in"}, Allow}, {PolicyRef{"app", "z-open"}, Allow},
	}))

	outside := mustExplain(t, mustCompile(t, fixture(policies...)), readQuery(t, "198.51.100.1 -> app/db:5432")).Paths[0].Ingress
	g.Expect(outside.Deciding).To(Equal(&Match{Policy: PolicyRef{"app", "z-open"}, Rule: 0, Peer: All, Port: All}), "empty lists have no index")
}

func TestMissesAreOrderedByDistance(t *testing.T) {
	g := NewWithT(t)
	policies := readPolicies(t, denyIn,
		inTo+"[{ports: [{port: 80}]}, {from: [{podSelector: {matchLabels: {app: webb}}}], ports: [{port: pg}]}, {from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}")
	ingress := mustExplain(t, mustCompile(t, fixture(policies...)), readQuery(t, web)).Paths[0].Ingress
	type position struct {
		policy string
		rule   int
	}
	var order []position
	for _, miss := range ingress.Misses {
		order = append(order, position{miss.Policy.Name, miss.Rule})
	}
	g.Expect(order).To(Equal([]position{{"in", 1}, {"in", 0}, {"in", 2}, {"deny", All}}))
	g.Expect(ingress.Misses[0].Terms).To(Equal([]Term{{
		Kind: TermPodLabel, Field: "spec.ingress[1].from[0].podSelector.matchLabels[app]",
		Key: "app", Operator: "In", Wanted: []string{"webb"}, Found: "web",
	}}))
}

func TestChangesAreSmall(t *testing.T) {
	for _, row := range []struct{ name, policy, query, patch string }{
		{"a selector that matches nobody is corrected", inTo + "[{from: [{podSelector: {matchLabels: {app: wbe}}}]}]}", web,
			`[{"op":"replace","path":"/spec/ingress/0/from/0/podSelector/matchLabels/app","value":"web"}]`},
		{"a selector that matches others stays, and gets company", inTo + "[{from: [{podSelector: {matchLabels: {app: host}}}]}]}", web,
			`[{"op":"add","path":"/spec/ingress/0/from/-","value":{"podSelector":{"matchLabels":{"app":"web"}}}}]`},
		{"an expression gets one more value", inTo + "[{from: [{podSelector: {matchExpressions: [{key: app, operator: In, values: [host]}]}}]}]}", web,
			`[{"op":"add","path":"/spec/ingress/0/from/0/podSelector/matchExpressions/0/values/-","value":"web"}]`},
		{"a podSelector that matches nobody at home gets a namespace", inTo + "[{from: [{podSelector: {matchLabels: {tier: \"\"}}}]}]}", "shop/empty -> app/db:5432",
			`[{"op":"add","path":"/spec/ingress/0/from/0/namespaceSelector","value":{"matchLabels":{"kubernetes.io/metadata.name":"shop"}}}]`},
		{"a port joins the others", inTo + "[{ports: [{port: 80}]}]}", web,
			`[{"op":"add","path":"/spec/ingress/0/ports/-","value":{"protocol":"TCP","port":5432}}]`},
		{"an address is opened alone, not its exception", outOf + "[{to: [{ipBlock: {cidr: 192.0.2.0/24, except: [192.0.2.8/29]}}]}]}", "app/web -> 192.0.2.9:443",
			`[{"op":"add","path":"/spec/egress/0/to/-","value":{"ipBlock":{"cidr":"192.0.2.9/32"}}}]`},
		{"peer and port together get a rule of their own", inTo + "[{from: [{podSelector: {matchLabels: {app: host}}}], ports: [{port: 80}]}]}", web,
			`[{"op":"add","path":"/spec/ingress/-","value":{"ports":[{"protocol":"TCP","port":5432}],"from":[{"podSelector":{"matchLabels":{"app":"web"}}}]}}]`},
		{"a rule with a doubtful peer is left alone for one that is certain", inTo + "[{from: [{ipBlock: {cidr: 10.244.0.0/16}}], ports: [{port: 80}]}]}", web,
			`[{"op":"add","path":"/spec/ingress/-","value":{"ports":[{"protocol":"TCP","port":5432}],"from":[{"podSelector":{"matchLabels":{"app":"web"}}}]}}]`},
		{"a policy without rules gets its first", inTo + "[]}", web,
			`[{"op":"add","path":"/spec/ingress","value":[{"ports":[{"protocol":"TCP","port":5432}],"from":[{"podSelector":{"matchLabels":{"app":"web"}}}]}]}]`},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			explanation := mustExplain(t, mustCompile(t, fixture(readPolicies(t, row.policy)...)), readQuery(t, row.query))
			end := explanation.Paths[0].Ingress
			if explanation.Paths[0].Egress.Verdict == Deny {
				end = explanation.Paths[0].Egress
			}
			patch, err := end.Misses[0].Change.Patch()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(patch)).To(Equal(row.patch))
			g.Expect(end.Misses[0].Change.Result).To(Equal(Allow))
		})
	}
}

func TestChangesPreferSelectors(t *testing.T) {
	g := NewWithT(t)
	cluster := fixture(readPolicies(t, inTo+"[]}")...)
	cluster.Plugin.BlocksMatchPods = Yes
	ingress := mustExplain(t, mustCompile(t, cluster), readQuery(t, web)).Paths[0].Ingress
	g.Expect(ingress.Misses[0].Change.Sentence()).To(ContainSubstring(`"podSelector":{"matchLabels":{"app":"web"}}`), "addresses of pods do not last")
}

func TestChangesUseTheNodeOfAHostNetworkPod(t *testing.T) {
	g := NewWithT(t)
	cluster := fixture(readPolicies(t, inTo+"[]}")...)
	cluster.Pods[3].Status.PodIPs = nil
	ingress := mustExplain(t, mustCompile(t, cluster), readQuery(t, "app/host -> app/db:5432")).Paths[0].Ingress
	g.Expect(ingress.Misses[0].Change.Sentence()).To(ContainSubstring(`{"ipBlock":{"cidr":"10.0.0.1/32"}}`))
	g.Expect(ingress.Misses[0].Change.Result).To(Equal(Depends))
}

func TestChangesAvoidLabelsThatDoNotLast(t *testing.T) {
	g := NewWithT(t)
	cluster := fixture(readPolicies(t, inTo+"[]}")...)
	cluster.Pods[0].Labels = readLabels("app=web,pod-template-hash=5d8,helm.sh/chart=web-1")
	change := func() string {
		return mustExplain(t, mustCompile(t, cluster), readQuery(t, web)).Paths[0].Ingress.Misses[0].Change.Sentence()
	}
	g.Expect(change()).To(ContainSubstring(`"podSelector":{"matchLabels":{"app":"web"}}`))
	cluster.Pods[0].Labels = readLabels("pod-template-hash=5d8")
	g.Expect(change()).To(ContainSubstring(`"podSelector":{"matchLabels":{"pod-template-hash":"5d8"}}`), "better than all pods")
}

func TestApplyFailsWhereThePolicyDoesNotFit(t *testing.T) {
	for _, row := range []struct {
		name, fault string
		operation   Operation
	}{
		{"a field that is not there", `no field "nothing"`, Operation{Op: "replace", Path: "/spec/nothing", Value: "x"}},
		{"a list that is not there", `no field "ingress"`, Operation{Op: "add", Path: "/spec/ingress/-", Value: map[string]any{}}},
		{"an entry that is not there", `no entry "7"`, Operation{Op: "replace", Path: "/spec/policyTypes/7", Value: "Egress"}},
		{"below a value", `nothing below "deeper"`, Operation{Op: "add", Path: "/metadata/name/deeper", Value: "x"}},
		{"a value that cannot be spelt", "unsupported type", Operation{Op: "add", Path: "/spec/podSelector", Value: func() {}}},
		{"a value of the wrong type", "cannot unmarshal", Operation{Op: "add", Path: "/spec/policyTypes", Value: 7}},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			policy := readPolicies(t, "app/p: {podSelector: {}, policyTypes: [Ingress]}")[0]
			before := policy.DeepCopy()
			_, err := Change{Policy: PolicyRef{"app", "p"}, Operations: []Operation{row.operation}}.Apply(&policy)
			g.Expect(err).To(MatchError(ContainSubstring(row.fault)))
			g.Expect(err).To(MatchError(HavePrefix(`change policy "app/p": `)))
			g.Expect(&policy).To(Equal(before), "the policy itself must stay")
		})
	}
}

func TestApplyInserts(t *testing.T) {
	g := NewWithT(t)
	policy := readPolicies(t, "app/p: {podSelector: {}, policyTypes: [Ingress]}")[0]
	changed, err := Change{Operations: []Operation{{Op: "add", Path: "/spec/policyTypes/0", Value: "Egress"}}}.Apply(&policy)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(changed.Spec.PolicyTypes).To(Equal([]networkingv1.PolicyType{"Egress", "Ingress"}))
}

func TestOperationField(t *testing.T) {
	for path, field := range map[string]string{
		"/metadata/namespace":                                              "metadata.namespace",
		"/spec/ingress/0/ports/-":                                          "spec.ingress[0].ports",
		"/spec/podSelector/matchLabels/example.com~1role":                  "spec.podSelector.matchLabels[example.com/role]",
		"/spec/egress/1/to/2/podSelector/matchExpressions/0/values/-":      "spec.egress[1].to[2].podSelector.matchExpressions[0].values",
		"/spec/ingress/0/from/0/podSelector/matchLabels/with~0tilde~1both": "spec.ingress[0].from[0].podSelector.matchLabels[with~tilde/both]",
	} {
		NewWithT(t).Expect(Operation{Path: path}.Field()).To(Equal(field))
	}
}
