package scenarios

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/probe"
)

// loadEntry loads a built-in scenario.
func loadEntry(t *testing.T, entry Entry) *Scenario {
	t.Helper()
	scenario, err := Loader{ReadFile: ReadLibrary}.Load(entry.File)
	if err != nil {
		t.Fatalf("load %s:\n%v", entry, err)
	}
	return scenario
}

// eachEntry runs a test for each built-in scenario, but for those of some suites.
func eachEntry(t *testing.T, test func(t *testing.T, entry Entry, scenario *Scenario), without ...string) {
	t.Helper()
	entries, err := Library()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for _, entry := range entries {
		if slices.Contains(without, entry.Suite) {
			continue
		}
		t.Run(entry.String(), func(t *testing.T) { test(t, entry, loadEntry(t, entry)) })
	}
}

func TestStatedAndComputedExpectationsOfTheLibraryAgree(t *testing.T) {
	eachEntry(t, func(t *testing.T, _ Entry, scenario *Scenario) { checkAgreement(t, scenario) })
}

// checkAgreement compares what a scenario states with what its policies say, in a cluster with both families.
func checkAgreement(t *testing.T, scenario *Scenario) {
	t.Helper()
	g := NewWithT(t)
	stated, err := Expand(scenario, ExpandOptions{Families: Families()})
	g.Expect(err).NotTo(HaveOccurred())
	for i := range stated.Steps {
		step := &stated.Steps[i]
		g.Expect(step.Cells).NotTo(BeEmpty())
		evaluator, err := step.Evaluator()
		g.Expect(err).NotTo(HaveOccurred())
		for j, cell := range step.Cells {
			computed, err := evaluator.Expected(cell)
			g.Expect(err).NotTo(HaveOccurred())
			if !agree(cell.Expected, computed) && !(cell.Expected == Any && mayLeaveOpen(stated, i, j)) {
				explanation, err := evaluator.Explain(cell)
				t.Errorf("step %q: %s: expected %s (%s), computed %s\n%v %v", step.Name, cell, cell.Expected, cell.Reason.Origin,
					computed, explanation.Sentences(), err)
			}
		}
	}
}

// agree reports whether a computed expectation confirms a stated one. A stated way of blocking is narrower than what policies can say.
func agree(stated, computed Expected) bool {
	if computed == Blocked {
		return stated == Blocked || stated == Expected(probe.Timeout) || stated == Expected(probe.Rejected)
	}
	return stated == computed
}

// mayLeaveOpen reports whether a cell may expect any: where the NetworkPolicy API leaves the answer to the plugin, and where the pod behind a
// node's port may see another source.
func mayLeaveOpen(expansion *Expansion, step, cell int) bool {
	return slices.ContainsFunc(AxesOf(expansion, step, cell), func(a Axis) bool { return a.Unjudged || a.Name == AxisNodePort })
}

func TestBuiltInScenariosAreSelfContained(t *testing.T) {
	names := map[string]string{}
	eachEntry(t, func(t *testing.T, entry Entry, scenario *Scenario) {
		g := NewWithT(t)
		g.Expect(scenario.Metadata.Name).To(Equal(entry.Name), "the file is named like the scenario")
		g.Expect(names).NotTo(HaveKey(entry.Name), "names are unique in all suites")
		names[entry.Name] = entry.Suite
		g.Expect(scenario.About).To(MatchRegexp(`^\p{Lu}.*\.$`), "about is a sentence")
		for _, namespace := range scenario.Namespaces {
			g.Expect(namespace.Existing).To(BeFalse(), "a built-in scenario stays in its own namespaces")
		}
		for _, external := range scenario.External {
			g.Expect([]string{"inside", "excluded", "outside"}).To(ContainElement(external.Name), "names of external hosts are shared")
		}
	})
}

// TestBuiltInScenariosProveTheirDenials holds that each scenario expects both kinds of outcome while its policies are in force, and that
// every cell that should fail has a control that should succeed.
func TestBuiltInScenariosProveTheirDenials(t *testing.T) {
	eachEntry(t, func(t *testing.T, _ Entry, scenario *Scenario) {
		g := NewWithT(t)
		expansion, err := Expand(scenario, ExpandOptions{})
		g.Expect(err).NotTo(HaveOccurred())
		succeed, fail := 0, 0
		for i, step := range expansion.Steps {
			for j, cell := range step.Cells {
				if cell.Expected == Any {
					g.Expect(mayLeaveOpen(expansion, i, j)).To(BeTrue(), "%s", cell)
					continue
				}
				if cell.Expected.NeedsControl() {
					g.Expect(cell.Control).NotTo(BeNil(), "%s", cell)
					control := expansion.Steps[cell.Control.Step].Cells[cell.Control.Cell]
					g.Expect(provesPath(control.Expected)).To(BeTrue(), "%s is proven by %s", cell, control)
					fail++
				} else if len(step.world.policies) > 0 {
					succeed++
				}
			}
		}
		g.Expect(succeed).NotTo(BeZero(), "something works under policies")
		g.Expect(fail).NotTo(BeZero(), "something is denied")
	})
}

// TestBuiltInScenariosAreMinimal holds that whatever a scenario declares is used: a pod, an external host or a Service in an expectation of
// its own, a port in one that tells it from the others, a namespace by a pod or a policy, a variable and a label by a policy or Service.
func TestBuiltInScenariosAreMinimal(t *testing.T) {
	eachEntry(t, func(t *testing.T, entry Entry, scenario *Scenario) {
		used := usageOf(scenario)
		for _, pod := range scenario.Pods {
			used.expect(t, "pod", pod.Name)
			for _, port := range pod.Ports {
				used.expect(t, "port", pod.Name+":"+port.String())
			}
			for key := range pod.Labels {
				used.expect(t, "label", key)
			}
		}
		for _, external := range scenario.External {
			used.expect(t, "pod", external.Name)
			for _, port := range external.Ports {
				used.expect(t, "port", external.Name+":"+port.String())
			}
		}
		for _, service := range scenario.Services {
			used.expect(t, "service", service.Name)
		}
		for _, namespace := range scenario.Namespaces {
			used.expect(t, "namespace", namespace.Name)
			for key := range namespace.Labels {
				used.expect(t, "label", key)
			}
		}
		text, err := ReadLibrary(entry.File)
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		for _, variable := range scenario.Variables {
			NewWithT(t).Expect(string(text)).To(ContainSubstring("$(" + variable.Name + ")"))
		}
	}, "conformance") // whose scenarios share few topologies, so that pods can be used again
}

// usage is what a scenario refers to, as "kind name".
type usage map[string]bool

func (u usage) expect(t *testing.T, kind, name string) {
	t.Helper()
	if !u[kind+" "+name] {
		t.Errorf("%s %q is declared and not used", kind, name)
	}
}

func usageOf(scenario *Scenario) usage {
	used := usage{}
	expander := newExpander(scenario, nil)
	for i := range scenario.Steps {
		step := &scenario.Steps[i]
		expander.world, _ = expander.world.after(step, i+1)
		for _, expectation := range step.Expect.List {
			used.addExpectation(expander, expectation)
		}
		for _, apply := range step.Apply {
			for j := range apply.Policies {
				used["namespace "+apply.Policies[j].Namespace] = true
				used.addLabels(&apply.Policies[j])
			}
		}
	}
	for _, pod := range scenario.Pods {
		used["namespace "+pod.Namespace] = true
	}
	for _, service := range scenario.Services {
		for key := range service.Selector {
			used["label "+key] = true
		}
	}
	return used
}

// addExpectation counts who is named, and which ports. A port is told apart if a line names it, if it is the only one of its pod or if a
// line that blocks all of them has to hold for it too.
func (u usage) addExpectation(expander *expander, expectation Expectation) {
	for _, source := range expectation.From {
		if !source.Wildcard() {
			u["pod "+source.Name] = true
		}
	}
	for key := range expander.matches(expectation, func(error) {}) {
		u["pod "+key.to.Name], u["service "+key.to.Name], u["pod "+key.from.Name] = true, true, true
		declared, _ := expander.scenario.declaredPorts(key.to)
		for _, port := range declared {
			if port.Number == key.port && port.Protocol == key.protocol {
				u["port "+key.to.Name+":"+port.String()] = true
			}
		}
	}
}

// addLabels counts the keys that a policy's selectors name.
func (u usage) addLabels(policy *networkingv1.NetworkPolicy) {
	selectors := []*metav1.LabelSelector{&policy.Spec.PodSelector}
	for _, rule := range policy.Spec.Ingress {
		for _, peer := range rule.From {
			selectors = append(selectors, peer.PodSelector, peer.NamespaceSelector)
		}
	}
	for _, rule := range policy.Spec.Egress {
		for _, peer := range rule.To {
			selectors = append(selectors, peer.PodSelector, peer.NamespaceSelector)
		}
	}
	for _, selector := range selectors {
		if selector == nil {
			continue
		}
		for key := range selector.MatchLabels {
			u["label "+key] = true
		}
		for _, expression := range selector.MatchExpressions {
			u["label "+expression.Key] = true
		}
	}
}

// TestExplanationsNameTheMistakes holds that for each mistake that the guides warn of, the evaluator's explanation says which it is.
func TestExplanationsNameTheMistakes(t *testing.T) {
	rows := []struct {
		scenario, step, cell string
		want                 string
	}{
		{"mistake-egress-without-dns", "egress to the database only", "loader -> dns/UDP",
			"policy default/loader-egress misses: spec.egress[0].ports[0]"},
		{"staging-to-prod-or", "allow-deployer applied with one dash too many", "tester -> api:8080/TCP",
			"the namespaceSelector and the podSelector are two items, either is enough; in one item both are needed"},
		{"mistake-and-for-or", "both selectors in one item", "api -> db:5432/TCP",
			"spec.ingress[0].from[0].namespaceSelector.matchLabels[team] wants team=frontend"},
		{"mistake-and-for-or", "both selectors in one item", "web -> db:5432/TCP",
			"spec.ingress[0].from[0].podSelector.matchLabels[role] wants role=api"},
		{"mistake-wrong-namespace", "prod closed, the rule for the client put into staging", "client -> api:8080/TCP",
			"policy staging/allow-client misses: metadata.namespace is staging, so it selects no pod in prod"},
		{"mistake-label-typo", "deny-backend applied with a typo", "client -> backend:8080/TCP",
			"policy default/deny-backend selects no pod at all: spec.podSelector.matchLabels[app] wants app=back-end, the pod has app=backend"},
		{"debug-empty-selector", "the rule for the backend applied without its selector", "backend -> bystander:80/TCP",
			"ingress of pod default/bystander is closed: isolated by policy default/allow-frontend"},
		{"debug-peer-label", "allow-frontend applied with a typo in the peer", "frontend -> backend:8080/TCP",
			"spec.ingress[0].from[0].podSelector.matchLabels[app] wants app=front-end, the pod has app=frontend"},
		{"debug-policy-types", "an egress rule applied under policyTypes Ingress", "client -> other:80/TCP",
			"spec.policyTypes lists only Ingress, so its egress rules are ignored"},
		{"debug-policy-types", "egress closed for all", "client -> db:5432/TCP",
			`in policy default/client-to-db add "Egress" to spec.policyTypes`},
		{"debug-timeout-or-refused", "two ports admitted, one of them without a listener", "client -> server:8082/TCP",
			"policy default/allow-two-ports misses: spec.ingress[0].ports[0].port admits 8080/TCP"},
		{"frontend-to-backend", "default-deny applied, backend admits frontend", "frontend -> backend:8080/TCP",
			"egress of pod default/frontend is closed: isolated by policy default/default-deny"},
		{"allow-dns", "default-deny and allow-dns by the label name applied", "client -> plain:53/UDP",
			"spec.egress[0].to[0].namespaceSelector.matchLabels[name] wants name=kube-system"},
	}
	for _, row := range rows {
		t.Run(row.scenario+": "+row.cell, func(t *testing.T) {
			g := NewWithT(t)
			found, err := Loader{}.Find(row.scenario)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(found).To(HaveLen(1))
			expansion, err := Expand(found[0], ExpandOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			explained := false
			for _, step := range expansion.Steps {
				evaluator, err := step.Evaluator()
				g.Expect(err).NotTo(HaveOccurred())
				for _, cell := range step.Cells {
					if step.Name != row.step || cell.withoutFamily() != row.cell {
						continue
					}
					explanation, err := evaluator.Explain(cell)
					g.Expect(err).NotTo(HaveOccurred())
					g.Expect(explanation.Sentences()).To(ContainElement(ContainSubstring(row.want)))
					explained = true
				}
			}
			g.Expect(explained).To(BeTrue(), "the cell exists")
		})
	}
}

func TestFind(t *testing.T) {
	g := NewWithT(t)
	entries, err := Library()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(slices.IsSortedFunc(entries, func(a, b Entry) int { return strings.Compare(a.String(), b.String()) })).To(BeTrue())

	directory := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(directory, name)
		g.Expect(os.WriteFile(file, []byte(text), 0o600)).To(Succeed())
		return file
	}
	user := strings.Replace(sound, "metadata: {name: sound}", "metadata: {name: mine}", 1)
	write("b.yaml", strings.Replace(user, "mine", "later", 1))
	mine := write("a.yml", user)
	write("more.yaml", morePolicies)
	write("notes.txt", "no scenario")

	names := func(arguments ...string) []string {
		found, err := Loader{}.Find(arguments...)
		g.Expect(err).NotTo(HaveOccurred(), "%v", arguments)
		var names []string
		for _, scenario := range found {
			names = append(names, scenario.Metadata.Name)
		}
		return names
	}
	guides := slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return e.Suite != "guides" })
	g.Expect(guides).NotTo(BeEmpty())
	g.Expect(names("guides")).To(HaveLen(len(guides)))
	g.Expect(names("bankapp")).To(Equal([]string{"bankapp"}))
	g.Expect(names("guides/bankapp", "bankapp")).To(Equal([]string{"bankapp"}), "what is meant twice is loaded once")
	g.Expect(names(mine)).To(Equal([]string{"mine"}))
	g.Expect(names(directory)).To(Equal([]string{"mine", "later"}), "policy files beside scenarios are left alone")
	g.Expect(names()).To(BeEmpty())
}

func TestFindReports(t *testing.T) {
	empty, broken := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "x.yaml"), []byte("a: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	rows := []struct{ name, argument, want string }{
		{"a misspelt name", "bank-app", `find scenario "bank-app": neither a built-in scenario nor a file: did you mean "bankapp"?`},
		{"a name unlike any other", "zzzzzzzz", "neither a built-in scenario nor a file: see `podknock list`"},
		{"a file that is not there", "./none.yaml", "find scenario: stat ./none.yaml: no such file or directory"},
		{"a directory without scenarios", empty, "no file there has apiVersion podknock.dev/v1alpha1"},
		{"a directory with a file that is no YAML", broken, "x.yaml:2: not YAML"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := Loader{}.Find(row.argument)
			NewWithT(t).Expect(err).To(MatchError(ContainSubstring(row.want)))
		})
	}
}
