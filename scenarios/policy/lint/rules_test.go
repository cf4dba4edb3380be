package lint_test

import (
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/scenarios/policy/inventory"
	"github.com/podknock/podknock/scenarios/policy/lint"
)

// mistake is a row: what is added to the shop, and the findings of every severity that there are then.
type mistake struct {
	name      string
	manifests string
	knowledge func(*inventory.Knowledge)
	want      []string
}

var mistakes = []mistake{
	{"a port number in quotes", policyOf("p", "podSelector: {matchLabels: {app: web}}\ningress: [{ports: [{port: \"8080\"}]}]"), nil,
		[]string{"invalid-object spec.ingress[0].ports[0].port"}},
	{"a misspelt key", policyOf("p", "podSelector: {matchLabels: {app: web}}\ningres: []"), nil, []string{"invalid-object spec.ingres"}},
	{"an endPort below the port", policyOf("p", "podSelector: {matchLabels: {app: web}}\ningress: [{ports: [{port: 8090, endPort: 8080}]}]"), nil,
		[]string{"invalid-object spec.ingress[0].ports[0].endPort"}},
	{"the same policy twice", policyOf("p", "podSelector: {matchLabels: {app: web}}") + policyOf("p", "podSelector: {matchLabels: {app: db}}"), nil,
		[]string{"invalid-object metadata.name"}},
	{"an API version of old", "---\napiVersion: extensions/v1beta1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec: {podSelector: {}}\n", nil,
		[]string{"invalid-object apiVersion"}},
	{"a label that YAML takes for a number", policyOf("p", "podSelector: {matchLabels: {app: 1.0}}"), nil,
		[]string{"invalid-object spec.podSelector.matchLabels.app"}},
	{"a cidr in capitals", policyOf("p", "podSelector: {matchLabels: {app: web}}\ningress: [{from: [{ipBlock: {cidr: \"2001:DB8::/32\"}}]}]"), nil,
		[]string{"ambiguous-cidr spec.ingress[0].from[0].ipBlock.cidr"}},
	{"a policy of Cilium", "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: c, namespace: shop}\n", nil, []string{"other-policy-api"}},
	{"from without anything below it", policyOf("p", "podSelector: {matchLabels: {app: web}}\ningress:\n- from:\n  ports: [{port: 8080}]"), nil,
		[]string{"empty-key spec.ingress[0].from"}},
	{"matchLabels of which a template left nothing", policyOf("p", "podSelector:\n  matchLabels:\npolicyTypes: [Ingress]"), nil,
		[]string{"empty-key spec.podSelector.matchLabels"}},
	{"a policy beside the pods' namespace", "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\nspec: {podSelector: {matchLabels: {app: db}}}\n", nil,
		[]string{"other-namespace metadata.namespace"}},
	{"a label that is misspelt", policyOf("p", "podSelector: {matchLabels: {app: wep}}"), nil, []string{"selects-nothing spec.podSelector.matchLabels[app]"}},
	{"a label of the Deployment and not of its pods", policyOf("p", "podSelector: {matchLabels: {app: web, tier: front}}"), nil,
		[]string{"selects-nothing spec.podSelector.matchLabels[tier]"}},
	{"a selector for all, with the port of one", policyOf("p", "podSelector: {}\npolicyTypes: [Ingress]\ningress: [{ports: [{port: 8080}]}]"), nil,
		[]string{"selects-all spec.podSelector"}},
	{"pods on the host network", hostPod + policyOf("p", "podSelector: {matchLabels: {app: exporter}}"), nil, []string{"host-network spec.podSelector"}},
	{"pods on Windows", "---\napiVersion: v1\nkind: Pod\nmetadata: {name: win, namespace: shop, labels: {app: win}}\nspec: {nodeSelector: {kubernetes.io/os: windows}}\n" +
		policyOf("p", "podSelector: {matchLabels: {app: win}}"), nil, []string{"node-not-covered spec.podSelector"}},
	{"a pod with two networks and a proxy", "---\napiVersion: v1\nkind: Pod\nmetadata: {name: m, namespace: shop, labels: {app: m}, annotations: {k8s.v1.cni.cncf.io/networks: net1}}\nspec: {containers: [{name: istio-proxy}]}\n" +
		policyOf("p", "podSelector: {matchLabels: {app: m}}"), nil, []string{"second-interface spec.podSelector", "sidecar-proxy spec.podSelector"}},
	{"egress rules under policyTypes Ingress", policyOf("p", "podSelector: {matchLabels: {app: web}}\npolicyTypes: [Ingress]\negress: [{}]"), nil,
		[]string{"types-missing spec.policyTypes"}},
	{"egress rules without policyTypes", policyOf("p", "podSelector: {matchLabels: {app: web}}\negress: [{}]"), nil, []string{"types-defaulted spec.egress"}},
	{"a namespace by a label that it lacks", policyOf("p", "podSelector: {matchLabels: {app: web}}\ningress: [{from: [{namespaceSelector: {matchLabels: {name: ops}}}]}]"), nil,
		[]string{"namespace-label spec.ingress[0].from[0].namespaceSelector.matchLabels[name]"}},
	{"kube-system by the label name", policyOf("p", "podSelector: {matchLabels: {app: web}}\ningress: [{from: [{namespaceSelector: {matchLabels: {name: kube-system}}}]}]"), nil,
		[]string{"namespace-label spec.ingress[0].from[0].namespaceSelector.matchLabels[name]"}},
	{"a namespace that does not exist", policyOf("p", "podSelector: {matchLabels: {app: web}}\ningress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: opps}}}]}]"), everything,
		[]string{"namespace-label spec.ingress[0].from[0].namespaceSelector"}},
	{"a peer of another namespace without its selector", policyOf("p", "podSelector: {matchLabels: {app: web}}\ningress: [{from: [{podSelector: {matchLabels: {app: probe}}}]}]"), nil,
		[]string{"peer-namespace spec.ingress[0].from[0].podSelector"}},
	{"a peer that is misspelt", policyOf("p", "podSelector: {matchLabels: {app: db}}\ningress: [{from: [{podSelector: {matchLabels: {app: webb}}}]}]"), nil,
		[]string{"peer-matches-nothing spec.ingress[0].from[0].podSelector.matchLabels[app]"}},
	{"a dash too many", "---\napiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: ops, labels: {role: x}}\n" +
		policyOf("p", "podSelector: {matchLabels: {app: db}}\ningress:\n- from:\n  - namespaceSelector: {matchLabels: {team: ops}}\n  - podSelector: {matchLabels: {role: x}}"), nil,
		[]string{"peer-namespace spec.ingress[0].from[1].podSelector", "split-peer spec.ingress[0].from[1]"}},
	{"a peer on the host network", hostPod + policyOf("p", "podSelector: {matchLabels: {app: web}}\ningress: [{from: [{podSelector: {matchLabels: {app: exporter}}}]}]"), nil,
		[]string{"host-network-peer spec.ingress[0].from[0].podSelector"}},
	{"ranges over pods, nodes and Services", node + clusterService +
		policyOf("p", "podSelector: {matchLabels: {app: web}}\npolicyTypes: [Egress]\negress:\n- to: [{ipBlock: {cidr: 10.1.0.0/16}}, {ipBlock: {cidr: 192.168.7.0/24}}, {ipBlock: {cidr: 10.96.0.5/32}}]\n- ports: [{port: 53, protocol: UDP}, {port: 53}]"), nil,
		[]string{"ip-block-over-pods spec.egress[0].to[0].ipBlock.cidr", "ip-block-over-nodes spec.egress[0].to[1].ipBlock.cidr", "ip-block-over-services spec.egress[0].to[2].ipBlock.cidr"}},
	{"one family opened on pods with two", dualPod +
		policyOf("p", "podSelector: {matchLabels: {app: dual}}\npolicyTypes: [Egress]\negress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]"), nil,
		[]string{"one-family spec.egress[0].to[0].ipBlock.cidr"}},
	{"the port of the Service", policyOf("p", "podSelector: {matchLabels: {app: web}}\ningress: [{ports: [{port: 80}]}]"), nil,
		[]string{"service-port spec.ingress[0].ports[0].port"}},
	{"the name of the Service's port", policyOf("p", "podSelector: {matchLabels: {app: web}}\ningress: [{ports: [{port: www}]}]"), nil,
		[]string{"named-port spec.ingress[0].ports[0].port"}},
	{"a name of another protocol", policyOf("p", "podSelector: {matchLabels: {app: db}}\ningress: [{ports: [{port: gossip}]}]"), nil,
		[]string{"named-port spec.ingress[0].ports[0].port"}},
	{"a name towards addresses", policyOf("p", "podSelector: {matchLabels: {app: web}}\npolicyTypes: [Egress]\negress: [{to: [{ipBlock: {cidr: 192.0.2.0/24}}], ports: [{port: https}]}, {ports: [{port: 53, protocol: UDP}, {port: 53}]}]"), nil,
		[]string{"named-port spec.egress[0].ports[0].port"}},
	{"a name with two numbers", "---\napiVersion: v1\nkind: Pod\nmetadata: {name: old, namespace: shop, labels: {app: web}}\nspec: {containers: [{name: c, ports: [{name: http, containerPort: 80}]}]}\n" +
		policyOf("p", "podSelector: {matchLabels: {app: web}}\ningress: [{ports: [{port: http}]}]"), nil, []string{"named-port-differs spec.ingress[0].ports[0].port"}},
	{"TCP where only UDP listens", policyOf("p", "podSelector: {matchLabels: {app: db}}\ningress: [{ports: [{port: 7946}]}]"), nil,
		[]string{"protocol spec.ingress[0].ports[0]"}},
	{"a port of nobody", policyOf("p", "podSelector: {matchLabels: {app: db}}\ningress: [{ports: [{port: 3306}]}]"), nil,
		[]string{"port-undeclared spec.ingress[0].ports[0].port"}},
	{"a range of one port", policyOf("p", "podSelector: {matchLabels: {app: web}}\ningress: [{ports: [{port: 8080, endPort: 8080}]}]"), nil,
		[]string{"end-port spec.ingress[0].ports[0].endPort"}},
	{"egress without DNS", policyOf("p", "podSelector: {matchLabels: {app: web}}\npolicyTypes: [Egress]\negress: [{to: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: 5432}]}]"), nil,
		[]string{"dns-forgotten spec.egress"}},
	{"DNS over UDP alone", policyOf("p", "podSelector: {matchLabels: {app: web}}\npolicyTypes: [Egress]\negress: [{ports: [{port: 53, protocol: UDP}]}]"), nil,
		[]string{"dns-over-tcp spec.egress"}},
	{"DNS pods that listen on another port", clusterDNS +
		policyOf("p", "podSelector: {matchLabels: {app: web}}\npolicyTypes: [Egress]\negress: [{ports: [{port: 53, protocol: UDP}, {port: 53}]}]"), nil,
		[]string{"dns-forgotten spec.egress"}},
	{"a DNS cache on the nodes", clusterDNS + "---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: node-local-dns, namespace: kube-system}\nspec: {template: {metadata: {labels: {k8s-app: node-local-dns}}, spec: {hostNetwork: true}}}\n" +
		policyOf("p", "podSelector: {matchLabels: {app: web}}\npolicyTypes: [Egress]\negress: [{to: [{namespaceSelector: {}}]}]"), nil,
		[]string{"node-local-dns spec.egress"}},
	{"a policy within another", policyOf("a", "podSelector: {matchLabels: {app: web}}\ningress: [{from: [{podSelector: {}}]}]") +
		policyOf("b", "podSelector: {matchLabels: {app: web}}\ningress: [{from: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: 8080}]}]"), nil,
		[]string{"no-effect metadata.name"}},
	{"a denial beside an opening for everybody", policyOf("a", "podSelector: {}\npolicyTypes: [Ingress]\ningress: [{}]") +
		policyOf("deny", "podSelector: {matchLabels: {app: db}}\npolicyTypes: [Ingress]"), nil, []string{"deny-without-effect spec.podSelector"}},
	{"a lane that is open at one end", policyOf("a", "podSelector: {matchLabels: {app: db}}\ningress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]") +
		policyOf("b", "podSelector: {matchLabels: {app: web}}\npolicyTypes: [Egress]"), nil, []string{"one-end-only spec.ingress[0].from[0].podSelector"}},
	{"clients behind a node port", "---\napiVersion: v1\nkind: Service\nmetadata: {name: out, namespace: shop}\nspec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: http}]}\n" +
		policyOf("p", "podSelector: {matchLabels: {app: web}}\ningress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]"), nil,
		[]string{"source-translated spec.ingress[0].from[0].ipBlock.cidr"}},
	{"Services that lead nowhere", "---\napiVersion: v1\nkind: Service\nmetadata: {name: gone, namespace: shop}\nspec: {selector: {app: webb}, ports: [{port: 80}]}\n" +
		"---\napiVersion: v1\nkind: Service\nmetadata: {name: wrong, namespace: shop}\nspec: {selector: {app: web}, ports: [{port: 80, targetPort: htpp}]}\n", nil,
		[]string{"service-selects-nothing spec.selector", "service-target spec.ports[0].targetPort"}},
	{"a webhook that the API server cannot reach", "---\napiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: hook}\nwebhooks: [{name: a.b.c, clientConfig: {service: {namespace: shop, name: web, port: 80}}}]\n" +
		policyOf("p", "podSelector: {matchLabels: {app: web}}\ningress: [{from: [{podSelector: {}}]}]"), nil, []string{"webhook-isolated spec.ingress"}},
	{"an address that was another pod's", dualPod + "---\napiVersion: v1\nkind: Pod\nmetadata: {name: done, namespace: shop}\nstatus: {phase: Succeeded, podIP: 10.1.0.9}\n", nil,
		[]string{"shared-address status.podIPs"}},
}

const (
	hostPod = "---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: exporter, namespace: shop}\nspec: {template: {metadata: {labels: {app: exporter}}, spec: {hostNetwork: true}}}\n"
	node    = "---\napiVersion: v1\nkind: Node\nmetadata: {name: worker}\nspec: {podCIDR: 10.1.3.0/24}\nstatus: {addresses: [{type: InternalIP, address: 192.168.7.3}]}\n"
	dualPod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: dual, namespace: shop, labels: {app: dual}}\nstatus: {podIPs: [{ip: 10.1.0.9}, {ip: \"fd00::9\"}]}\n"

	clusterService = "---\napiVersion: v1\nkind: Service\nmetadata: {name: api, namespace: shop}\nspec: {clusterIP: 10.96.0.5, selector: {app: db}, ports: [{port: 5432}]}\n"
	clusterDNS     = "---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: dns, namespace: openshift-dns}\nspec: {template: {metadata: {labels: {dns: default}}, spec: {containers: [{name: dns, ports: [{name: dns, containerPort: 5353, protocol: UDP}, {name: dns-tcp, containerPort: 5353}]}]}}}\n" +
		"---\napiVersion: v1\nkind: Service\nmetadata: {name: dns-default, namespace: openshift-dns}\nspec: {selector: {dns: default}, ports: [{name: dns, port: 53, protocol: UDP, targetPort: dns}, {name: dns-tcp, port: 53, targetPort: dns-tcp}]}\n"
)

func TestMistakesAreFound(t *testing.T) {
	met := map[string]bool{}
	for _, row := range mistakes {
		t.Run(row.name, func(t *testing.T) {
			report := look(t, shop+row.manifests, row.knowledge, lint.Options{})
			for _, finding := range report.Findings {
				met[finding.Rule] = true
				NewWithT(t).Expect(finding.What).To(MatchRegexp(`[.?]$`), "a sentence")
				NewWithT(t).Expect(finding.Do).To(HaveSuffix("."), "a sentence")
				NewWithT(t).Expect(finding.Position.Line).To(BeNumerically(">", 1))
			}
			NewWithT(t).Expect(told(report, lint.Note)).To(ConsistOf(row.want), "%+v", report.Findings)
		})
	}
	for _, rule := range lint.Rules() {
		if !met[rule.ID] {
			t.Errorf("no mistake above is found by rule %s", rule.ID)
		}
	}
}

func TestWhatIsNotKnownIsSaidAndNoFinding(t *testing.T) {
	g := NewWithT(t)
	report := look(t, policyOf("p", `
podSelector: {matchLabels: {app: web}}
ingress:
- from:
  - podSelector: {matchLabels: {app: front}}
  - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ops}}
    podSelector: {matchLabels: {app: probe}}
  - namespaceSelector: {matchLabels: {team: ops}}
  ports: [{port: http}, {port: 80}]`), nil, lint.Options{})
	g.Expect(report.Findings).To(BeEmpty())
	g.Expect(report.Unchecked).To(ConsistOf(
		"whether policy shop/p selects anything: no pods of namespace shop are given",
		"whether the namespaceSelector of policy shop/p, spec.ingress[0].from[1], matches anything: not all namespaces are given",
		"whether the namespaceSelector of policy shop/p, spec.ingress[0].from[2], matches anything: not all namespaces are given",
		"whether the peer spec.ingress[0].from[0] of policy shop/p matches anything: no pods of shop are given",
	))
}

func TestFindingsThatAreMeantAreLeftOut(t *testing.T) {
	g := NewWithT(t)
	wrong := policyOf("p", "podSelector: {matchLabels: {app: wep}}")
	g.Expect(told(look(t, shop+wrong, nil, lint.Options{Skip: []string{"selects-nothing"}}), lint.Note)).To(BeEmpty())
	g.Expect(told(look(t, shop+wrong, nil, lint.Options{Namespace: "ops"}), lint.Note)).To(BeEmpty())
	meant := "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop, annotations: {podknock.dev/lint-ignore: \"service-port, selects-nothing\"}}\nspec: {podSelector: {matchLabels: {app: wep}}}\n"
	g.Expect(told(look(t, shop+meant, nil, lint.Options{}), lint.Note)).To(BeEmpty())
	_, err := lint.Run(&inventory.Inventory{}, nil, lint.Options{Skip: []string{"nonsense"}})
	g.Expect(err).To(MatchError(`no rule is called "nonsense"`))
}

func TestASelectorForAllIsNarrowedByALabelThatTells(t *testing.T) {
	open := policyOf("p", "podSelector: {}\npolicyTypes: [Ingress]\ningress: [{ports: [{port: 8080}]}]")
	for _, row := range []struct{ name, manifests, want string }{
		{"another pod has all of its labels", shop + "---\napiVersion: v1\nkind: Pod\nmetadata: {name: twin, namespace: shop, labels: {app: web, tier: front}}\nspec: {containers: [{name: c, ports: [{containerPort: 9}]}]}\n" + open, ""},
		{"its name", shop + open, `kubectl patch networkpolicy p -n shop --type=json -p '[{"op":"replace","path":"/spec/podSelector","value":{"matchLabels":{"app":"web"}}}]'`},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			found := look(t, row.manifests, nil, lint.Options{}).Findings
			i := slices.IndexFunc(found, func(f lint.Finding) bool { return f.Rule == "selects-all" })
			g.Expect(i).To(BeNumerically(">=", 0))
			g.Expect(found[i].Command).To(Equal(row.want))
			var text strings.Builder
			g.Expect(lint.Text(&text, &lint.Report{Findings: found}, lint.Note)).To(Succeed())
			g.Expect(strings.Contains(text.String(), "kubectl patch")).To(Equal(row.want != ""))
		})
	}
}
