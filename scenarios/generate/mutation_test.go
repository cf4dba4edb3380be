package generate_test

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/podknock/podknock/scenarios"
	"github.com/podknock/podknock/scenarios/generate"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

// notices reports whether any cell of the scenarios would be expected otherwise if the policy were another one.
func notices(t *testing.T, result generate.Result, changed *networkingv1.NetworkPolicy) bool {
	t.Helper()
	g := NewWithT(t)
	for _, made := range result.Scenarios {
		stated := expand(t, made)
		scenario, err := scenarios.Loader{}.Parse(made.Name+".yaml", made.YAML)
		g.Expect(err).NotTo(HaveOccurred())
		scenario.Steps[0].Apply[0].Policies[0] = *changed
		mutated, err := scenarios.Expand(scenario, scenarios.ExpandOptions{Families: []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}})
		g.Expect(err).NotTo(HaveOccurred())
		for i := range mutated.Steps {
			if mutated.Steps[i].Step != 0 {
				continue
			}
			evaluator, err := mutated.Steps[i].Evaluator()
			g.Expect(err).NotTo(HaveOccurred())
			for _, cell := range stated.Steps[i].Cells {
				computed, err := evaluator.Expected(cell)
				g.Expect(err).NotTo(HaveOccurred())
				if computed != cell.Expected {
					return true
				}
			}
		}
	}
	return false
}

// TestAMutatedPolicyIsNoticed drops rules and widens ports: some cell of the scenarios says that this is another policy.
func TestAMutatedPolicyIsNoticed(t *testing.T) {
	dropped, widened := 0, 0
	for seed := range uint64(cases(t)) {
		object := random(seed + 10_000)
		result, err := generate.From(object, generate.Options{})
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		var proven []string
		for _, made := range result.Scenarios {
			proven = append(proven, made.Proven...)
		}
		check := func(what string, mutate func(spec *networkingv1.NetworkPolicySpec)) {
			changed := object.DeepCopy()
			mutate(&changed.Spec)
			if !notices(t, result, changed) {
				t.Errorf("seed %d: %s is not noticed\n%s\n%v", seed+10_000, what, result.Scenarios[0].YAML, result.Unproven)
			}
		}
		types := []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		if len(object.Spec.PolicyTypes) > 0 {
			types = object.Spec.PolicyTypes
		} else if len(object.Spec.Egress) > 0 {
			types = append(types, networkingv1.PolicyTypeEgress)
		}
		for i, rule := range object.Spec.Ingress {
			if !slices.Contains(proven, field("ingress", i)) {
				continue
			}
			dropped++
			check("dropping "+field("ingress", i), func(spec *networkingv1.NetworkPolicySpec) {
				spec.PolicyTypes, spec.Ingress = types, slices.Delete(spec.Ingress, i, i+1)
			})
			if len(object.Spec.Ingress) == 1 && narrow(rule.Ports) && slices.ContainsFunc(rule.From, selecting) {
				widened++
				check("widening "+field("ingress", i), func(spec *networkingv1.NetworkPolicySpec) { spec.Ingress[i].Ports = nil })
			}
		}
		for i := range object.Spec.Egress {
			if !slices.Contains(proven, field("egress", i)) {
				continue
			}
			dropped++
			check("dropping "+field("egress", i), func(spec *networkingv1.NetworkPolicySpec) {
				spec.PolicyTypes, spec.Egress = types, slices.Delete(spec.Egress, i, i+1)
			})
		}
	}
	t.Logf("%d rules dropped, %d widened", dropped, widened)
	NewWithT(t).Expect(min(dropped, widened)).To(BeNumerically(">", 0))
}

const shopPolicy = `
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from:
    - podSelector: {matchLabels: {app: web}, matchExpressions: [{key: retired, operator: DoesNotExist}]}
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ops}}
      podSelector: {matchLabels: {app: backup}}
    ports: [{port: sql}, {port: 9000, endPort: 9010}]
  egress:
  - to: [{ipBlock: {cidr: 198.51.100.0/24, except: [198.51.100.128/26]}}]
    ports: [{port: 443}]
  - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: {matchLabels: {k8s-app: kube-dns}}}]
    ports: [{port: 53, protocol: UDP}, {port: 53}]
`

func shop(t *testing.T) *networkingv1.NetworkPolicy {
	t.Helper()
	object := &networkingv1.NetworkPolicy{}
	NewWithT(t).Expect(yaml.UnmarshalStrict([]byte(shopPolicy), object)).To(Succeed())
	return object
}

func TestTheScenariosOfAPolicyLookAsInTheGoldenFiles(t *testing.T) {
	g := NewWithT(t)
	pods := []corev1.Pod{{Spec: corev1.PodSpec{Containers: []corev1.Container{{Ports: []corev1.ContainerPort{{Name: "sql", ContainerPort: 5432}}}}}}}
	result, err := generate.From(shop(t), generate.Options{Pods: pods})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(result.Scenarios).To(HaveLen(2))
	for _, made := range result.Scenarios {
		path := "testdata/" + made.Name + ".yaml"
		if *update {
			g.Expect(os.WriteFile(path, made.YAML, 0o644)).To(Succeed())
		}
		want, err := os.ReadFile(path)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(string(made.YAML)).To(Equal(string(want)), "if the change is meant, run go test ./scenarios/generate -update and read the difference")
	}
	g.Expect(result.Scenarios[0].Proven).To(Equal([]string{"spec.ingress[0]", "spec.egress[1]"}))
	g.Expect(result.Scenarios[1].Proven).To(Equal([]string{"spec.egress[0]"}))
	g.Expect(result.Unproven).To(Equal([]string{"spec.egress[1].to[0]: podknock puts no pods into kube-system; what the rule means for DNS is expected"}))
}

func TestEachPartOfAPolicyIsNoticed(t *testing.T) {
	result, err := generate.From(shop(t), generate.Options{})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for name, mutate := range map[string]func(spec *networkingv1.NetworkPolicySpec){
		"the exception goes":         func(spec *networkingv1.NetworkPolicySpec) { spec.Egress[0].To[0].IPBlock.Except = nil },
		"the block is all addresses": func(spec *networkingv1.NetworkPolicySpec) { spec.Egress[0].To[0].IPBlock.CIDR = "0.0.0.0/0" },
		"the range is one longer":    func(spec *networkingv1.NetworkPolicySpec) { *spec.Ingress[0].Ports[1].EndPort++ },
		"the range is one shorter":   func(spec *networkingv1.NetworkPolicySpec) { *spec.Ingress[0].Ports[1].EndPort-- },
		"the range begins before":    func(spec *networkingv1.NetworkPolicySpec) { spec.Ingress[0].Ports[1].Port.IntVal-- },
		"the name is gone":           func(spec *networkingv1.NetworkPolicySpec) { spec.Ingress[0].Ports = spec.Ingress[0].Ports[1:] },
		"a peer is gone":             func(spec *networkingv1.NetworkPolicySpec) { spec.Ingress[0].From = spec.Ingress[0].From[1:] },
		"a label is not asked for":   func(spec *networkingv1.NetworkPolicySpec) { spec.Ingress[0].From[0].PodSelector.MatchLabels = nil },
		"an expression is gone":      func(spec *networkingv1.NetworkPolicySpec) { spec.Ingress[0].From[0].PodSelector.MatchExpressions = nil },
		"the namespace is forgotten": func(spec *networkingv1.NetworkPolicySpec) { spec.Ingress[0].From[1].NamespaceSelector = nil },
		"every namespace is meant": func(spec *networkingv1.NetworkPolicySpec) {
			spec.Ingress[0].From[1].NamespaceSelector.MatchLabels = nil
		},
		"egress is not isolated":      func(spec *networkingv1.NetworkPolicySpec) { spec.PolicyTypes = spec.PolicyTypes[:1] },
		"DNS is closed":               func(spec *networkingv1.NetworkPolicySpec) { spec.Egress = spec.Egress[:1] },
		"DNS is closed over TCP":      func(spec *networkingv1.NetworkPolicySpec) { spec.Egress[1].Ports = spec.Egress[1].Ports[:1] },
		"every pod is selected":       func(spec *networkingv1.NetworkPolicySpec) { spec.PodSelector.MatchLabels = nil },
		"the subject is another one":  func(spec *networkingv1.NetworkPolicySpec) { spec.PodSelector.MatchLabels["app"] = "else" },
		"the port outside is another": func(spec *networkingv1.NetworkPolicySpec) { spec.Egress[0].Ports[0].Port.IntVal = 8443 },
	} {
		t.Run(name, func(t *testing.T) {
			changed := shop(t)
			mutate(&changed.Spec)
			NewWithT(t).Expect(notices(t, result, changed)).To(BeTrue())
		})
	}
}

func TestWhatCannotBeProvenIsListed(t *testing.T) {
	for name, row := range map[string]struct{ spec, want string }{
		"a selector that contradicts itself":  {"podSelector: {matchLabels: {a: b}, matchExpressions: [{key: a, operator: DoesNotExist}]}", "spec.podSelector contradicts itself"},
		"a peer that contradicts itself":      {"{podSelector: {}, ingress: [{from: [{podSelector: {matchExpressions: [{key: a, operator: Exists}, {key: a, operator: DoesNotExist}]}}]}]}", "its selectors contradict each other"},
		"addresses that connect":              {"{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}", "an ipBlock of sources needs a host there that knocks"},
		"rules that are ignored":              {"{podSelector: {}, policyTypes: [Ingress], egress: [{}]}", "spec.egress[0] is ignored: policyTypes lacks Egress"},
		"a rule within another one":           {"{podSelector: {}, ingress: [{}, {ports: [{port: 80}]}]}", "spec.ingress[1] makes no difference to any cell"},
		"exceptions that leave nothing":       {"{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 192.0.2.0/31, except: [192.0.2.0/32, 192.0.2.1/32]}}]}]}", "its exceptions leave no address"},
		"a host that is asked for UDP":        {"{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 192.0.2.0/24}}], ports: [{port: 53, protocol: UDP}]}]}", "only TCP is proven with hosts outside the cluster"},
		"a name of a namespace that is taken": {"{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: DoesNotExist}]}}]}]}", "its selectors contradict each other"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			object := &networkingv1.NetworkPolicy{}
			object.Name, object.Namespace = "p", "shop"
			g.Expect(yaml.UnmarshalStrict([]byte(row.spec), &object.Spec)).To(Succeed())
			result, err := generate.From(object, generate.Options{})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(strings.Join(result.Unproven, "\n")).To(ContainSubstring(row.want))
			for _, made := range result.Scenarios {
				expand(t, made)
			}
		})
	}
	_, err := generate.From(&networkingv1.NetworkPolicy{}, generate.Options{})
	NewWithT(t).Expect(err).To(MatchError(ContainSubstring("metadata.name: Required value")))
}

func TestNamesOfFilesAreUnique(t *testing.T) {
	g := NewWithT(t)
	var policies []networkingv1.NetworkPolicy
	for _, name := range []string{"a.b", "a-b", "a--b", strings.Repeat("long", 20) + "1", strings.Repeat("long", 20) + "2", "x", "x-external", "y-external", "y"} {
		object := networkingv1.NetworkPolicy{}
		object.Name, object.Namespace = name, "shop"
		if name == "x" || name == "y" {
			object.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{
				To: []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: "203.0.113.0/24"}}},
			}}
		}
		policies = append(policies, object)
	}
	results, err := generate.All(policies, generate.Options{})
	g.Expect(err).NotTo(HaveOccurred())
	seen := map[string]bool{}
	for _, result := range results {
		for _, made := range result.Scenarios {
			g.Expect(seen[made.Name]).To(BeFalse(), made.Name)
			seen[made.Name] = true
		}
	}
	g.Expect(seen).To(HaveLen(11), "policies with egress to the outside have two")
}
