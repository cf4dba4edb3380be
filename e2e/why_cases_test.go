//go:build e2e

package e2e

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
)

// wish says what the asker wants.
func wish(what string) []string { return []string{"--expect", what} }

// drop loses the packets to db, whatever the policies say: what a plugin with a fault does.
var drop = []string{"-I FORWARD -d POD(db) -p tcp --dport 5432 -j DROP"}

var _ = Describe("podknock why", Serial, func() {
	DescribeTable("names the cause first, and its fix mends it", func(ctx SpecContext, c whyCase) { c.play(ctx) },
		Entry("a label in a peer is misspelled", whyCase{
			manifests: whyPair + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: wbe}}}], ports: [{port: 5432}]}]}`),
			from:      "NS/web", to: "NS/db:5432", args: wish("connected"), cause: "selector-misses", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("the policy's own selector is misspelled, so that it protects nothing", whyCase{
			manifests: whyPair + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: bd}}, policyTypes: [Ingress]}`),
			from:      "NS/web", to: "NS/db:5432", args: wish("blocked"), cause: "selector-misses", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("the policy is in the wrong namespace", whyCase{
			manifests: whyPair + whyPolicy("OTHER", "db", `{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress]}`),
			from:      "NS/web", to: "svc/NS/db", args: wish("blocked"), cause: "other-namespace", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("egress is locked without DNS", whyCase{
			manifests: whyPair + whyPolicy("NS", "web", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]}`),
			from:      "NS/web", to: "db.NS:80", args: wish("connected"), cause: "dns-forgotten", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("AND was written as OR", whyCase{
			manifests: whyPair + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NS}}}, {podSelector: {matchLabels: {app: api}}}]}]}`),
			from:      "NS/web", to: "NS/db:5432", args: wish("blocked"), cause: "split-peer", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("policyTypes lacks the direction", whyCase{
			manifests: whyPair + whyPolicy("NS", "web", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: [{}], egress: [{to: [{podSelector: {matchLabels: {app: api}}}]}]}`),
			from:      "NS/web", to: "NS/db:5432", args: wish("blocked"), cause: "policy-types", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("nothing listens: refused is no matter of policies", whyCase{
			manifests: whyPair, from: "NS/web", to: "NS/db:5433", args: wish("connected"), cause: "not-listening", code: 1,
		}, SpecTimeout(whyTimeout)),
		Entry("the rule has the Service's port", whyCase{
			manifests: whyPair + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 80}]}]}`),
			from:      "NS/web", to: "svc/NS/db", args: wish("connected"), cause: "service-port", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),

		Entry("an empty podSelector selects every pod", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "db", `{podSelector: {matchLabels: {}}, ingress: [{from: [{podSelector: {matchLabels: {app: api}}}], ports: [{port: 8000}]}]}`),
			from:      "NS/web", to: "NS/db:5432", args: wish("connected"), cause: "empty-selector", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("the namespace lacks the label", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {matchLabels: {name: NS}}}]}]}`),
			from:      "NS/web", to: "NS/db:5432", args: wish("connected"), cause: "namespace-label", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("a podSelector alone is meant for another namespace", Label("full"), whyCase{
			manifests: whyPair + otherClient + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]}`),
			from:      "OTHER/client", to: "NS/db:5432", args: wish("connected"), cause: "peer-namespace", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("a deny does not take back an allow", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "deny", denyIngress) + whyPolicy("NS", "allow", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {}}]}]}`),
			from:      "NS/web", to: "NS/db:5432", args: wish("blocked"), cause: "adds-up", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("ingress is open, egress is not", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "deny", denyBoth) + whyPolicy("NS", "dns", dnsOnly) + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}`),
			from:      "NS/web", to: "NS/db:5432", args: wish("connected"), cause: "one-end", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("egress is open, ingress is not", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "deny", denyIngress) + whyPolicy("NS", "web", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]}`),
			from:      "NS/web", to: "NS/db:5432", args: wish("connected"), cause: "one-end", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("the plugin does not follow policyTypes", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "web", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: [{}], egress: [{to: [{podSelector: {matchLabels: {app: api}}}]}]}`),
			from:      "NS/web", to: "NS/db:5432", cause: "policy-types-ignored", code: 1, node: dropFrom,
		}, SpecTimeout(whyTimeout)),
		Entry("a policy about egress isolates ingress too", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, egress: [{to: [{podSelector: {matchLabels: {app: api}}}]}]}`),
			from:      "NS/web", to: "NS/db:5432", args: wish("connected"), cause: "defaulted-ingress", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("the name server is not a pod", Label("full"), whyCase{
			manifests: webWithServer("NODEIP") + whyDB + whyPolicy("NS", "web", dnsOnly),
			from:      "NS/web", to: "db.NS.svc.cluster.local:80", cause: "dns-of-host", code: -1,
		}, SpecTimeout(whyTimeout)),
		Entry("the DNS pods listen on another port", Label("full"), whyCase{
			manifests: whyDB + otherDNS + whyPolicy("NS", "web", dnsOnly), prepare: webWithOtherDNS,
			from: "NS/web", to: "db.NS.svc.cluster.local:80", cause: "dns-port", code: -1,
		}, SpecTimeout(whyTimeout)),
		Entry("DNS over TCP is not admitted", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "web", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}], ports: [{port: 53, protocol: UDP}]}]}`),
			from:      "NS/web", to: "svc/kube-system/kube-dns:53/TCP", args: wish("connected"), cause: "dns-tcp", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("the Service's address is stopped before it is translated", Label("full"), whyCase{
			manifests: whyPair, from: "NS/web", to: "svc/NS/db", cause: "before-translation", code: 1, four: true, node: []string{"-t mangle -I PREROUTING -d SVC(db) -j DROP"},
		}, SpecTimeout(whyTimeout)),
		Entry("egress to the API server", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "web", dnsOnly), from: "NS/web", to: "svc/default/kubernetes:443", args: wish("connected"), cause: "api-server", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("an ipBlock over pods", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: 10.244.0.0/16}}, {ipBlock: {cidr: "fd00:10:244::/48"}}]}]}`),
			from:      "NS/web", to: "NS/db:5432", args: wish("blocked"), cause: "block-over-pods", code: 1,
		}, SpecTimeout(whyTimeout)),
		Entry("an ipBlock over nodes", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "web", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.89.0.0/24}}, {ipBlock: {cidr: "fd00:10:89::/64"}}]}]}`),
			from:      "NS/web", to: "node/NODE2:10250", args: wish("blocked"), cause: "block-over-nodes", code: 1,
		}, SpecTimeout(whyTimeout)),
		Entry("the source address is translated", Label("full"), whyCase{
			manifests: whyPair, from: "NS/web", to: "NS/db:5432", args: wish("blocked"), cause: "source-translated", code: 1,
			node: []string{"-t nat -I POSTROUTING -s 10.244.1.0/24 -d 10.244.2.0/24 -j MASQUERADE"}, nodes: []string{"node1"},
		}, SpecTimeout(whyTimeout)),
		Entry("the source is in the network of its node", Label("full"), whyCase{
			manifests: hostClient + whyDB + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: ingress}}}]}]}`),
			from:      "NS/ingress", to: "NS/db:5432", args: wish("connected"), cause: "source-on-host", code: -1,
		}, SpecTimeout(whyTimeout)),
		Entry("the destination is in the network of its node", Label("full"), whyCase{
			manifests: whyWeb + hostServer + whyPolicy("NS", "deny", denyIngress),
			from:      "NS/web", to: "NS/hostdb:15432", args: wish("blocked"), cause: "target-on-host", code: 1,
		}, SpecTimeout(whyTimeout)),
		Entry("a pod's own node", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "deny", denyIngress), from: "node/NODE2", to: "NS/db:5432", args: append(wish("blocked"), "--static"), cause: "own-node", code: 1,
		}, SpecTimeout(whyTimeout)),
		Entry("the API server does not reach a webhook", Label("full"), whyCase{
			manifests: whyPair + webhookOfDB + whyPolicy("NS", "deny", denyIngress),
			from:      "10.89.0.1", to: "NS/db:5432", args: append(wish("connected"), "--static"), cause: "webhook", code: 1, mends: true, prepare: removeWebhook,
		}, SpecTimeout(whyTimeout)),
		Entry("the port's name is not declared", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: postgres}]}]}`),
			from:      "NS/web", to: "NS/db:5432", args: wish("connected"), cause: "named-port", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("the plugin mishandles named ports", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: pg}]}]}`),
			from:      "NS/web", to: "NS/db:5432", cause: "named-port-ignored", code: 1, node: dropFrom,
		}, SpecTimeout(whyTimeout)),
		Entry("the plugin ignores endPort", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5430, endPort: 5440}]}]}`),
			from:      "NS/web", to: "NS/db:5432", cause: "end-port-ignored", code: 1, node: dropFrom,
		}, SpecTimeout(whyTimeout)),
		Entry("a port without a protocol means TCP", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}`),
			from:      "NS/web", to: "NS/db:5432/UDP", args: wish("connected"), cause: "protocol", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("a policy of another API decides", Label("full"), whyCase{
			manifests: whyPair + adminPolicyKind, prepare: adminPolicy, from: "NS/web", to: "NS/db:5432", cause: "other-policy", code: 1, node: drop,
		}, SpecTimeout(whyTimeout)),
		Entry("a proxy of a mesh answers", Label("full"), whyCase{
			manifests: whyWeb + meshDB + whyPolicy("NS", "deny", denyIngress), from: "NS/web", to: "NS/db:5432", cause: "mesh", code: 1, node: letThrough,
		}, SpecTimeout(whyTimeout)),
		Entry("what is stopped is rejected aloud", Label("full"), whyCase{
			manifests: whyPair, from: "NS/web", to: "NS/db:5432", cause: "rejected", code: 1, node: []string{"-I FORWARD -d POD(db) -p tcp --dport 5432 -j REJECT --reject-with icmp-admin-prohibited"},
			nodes: []string{"node1"},
		}, SpecTimeout(whyTimeout)),
		Entry("the Service leads to a port where nothing listens", Label("full"), whyCase{
			manifests: whyPair + wrongTarget, from: "NS/web", to: "svc/NS/wrong", args: wish("connected"), cause: "not-listening", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("the Service selects no pod", Label("full"), whyCase{
			manifests: whyPair + emptyService, from: "NS/web", to: "svc/NS/empty", args: wish("connected"), cause: "no-endpoints", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("the pods of the Service are not ready", Label("full"), whyCase{
			manifests: whyPair + unreadyService, unready: true, from: "NS/web", to: "svc/NS/slow", args: wish("connected"), cause: "no-endpoints", code: 1, prepare: awaitRunning,
		}, SpecTimeout(whyTimeout)),
		Entry("a finished pod had the address", Label("full"), whyCase{
			manifests: whyPair + finishedPod, unready: true, prepare: sameAddress, from: "NS/web", to: "NS/db:5432", cause: "address-reused", code: 1, node: drop,
		}, SpecTimeout(whyTimeout)),
		Entry("a label key that Cilium takes for its own", Label("full"), whyCase{
			manifests: whyWeb + hostLabel + fakeAgent("cilium"), from: "NS/web", to: "NS/db:5432", cause: "special-label", code: 1, node: drop,
		}, SpecTimeout(whyTimeout)),
		Entry("the agent of the Amazon VPC CNI and a bare pod", Label("full"), whyCase{
			manifests: whyPair + fakeAgent("aws-node"), from: "NS/web", to: "NS/db:5432", cause: "name-prefix", code: 1, node: drop,
		}, SpecTimeout(whyTimeout)),
		Entry("one family is not handled", Label("full"), whyCase{
			manifests: whyPair, from: "NS/web", to: "NS/db:5432", cause: "one-family", code: 1, six: true, node: drop,
		}, SpecTimeout(whyTimeout)),
		Entry("an ipBlock of one family alone", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "web", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 198.51.100.0/24}}]}]}`),
			from:      "NS/web", to: "203.0.113.10:80", args: wish("connected"), cause: "block-misses", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("a pod reaches itself through a Service", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}`),
			from:      "NS/db", to: "svc/NS/db", cause: "hairpin", code: -1,
		}, SpecTimeout(whyTimeout)),
		Entry("a second interface", Label("full"), whyCase{
			manifests: whyWeb + multusDB, from: "NS/web", to: "NS/db:5432", args: wish("blocked"), cause: "second-interface", code: 1,
		}, SpecTimeout(whyTimeout)),
		Entry("the network between the nodes loses the pods' packets", Label("full"), whyCase{
			manifests: whyPair, from: "NS/web", to: "NS/db:5432", cause: "between-nodes", code: 1, node: []string{"-I FORWARD -s 10.244.1.0/24 -d 10.244.2.0/24 -j DROP"},
			nodes: []string{"node1"},
		}, SpecTimeout(whyTimeout)),
		Entry("large packets get lost", Label("full"), whyCase{
			manifests: whyPair, from: "NS/web", to: "NS/db:5432", args: wish("connected"), cause: "mtu", code: -1,
			node: []string{"-I FORWARD -p tcp -m length --length 1000:65535 -j DROP"}, nodes: []string{"node1"},
		}, SpecTimeout(whyTimeout)),
		Entry("a node of a kind that the engine does not cover", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "deny", denyIngress), prepare: virtualNode, from: "NS/web", to: "NS/db:5432", cause: "uncovered-node", code: 1, node: letThrough,
		}, SpecTimeout(whyTimeout)),
		Entry("the pod is older than the network's agent", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "deny", denyIngress), prepare: laterAgent, from: "NS/web", to: "NS/db:5432", cause: "unmanaged-pod", code: 1, node: letThrough,
		}, SpecTimeout(whyTimeout)),
		Entry("a node does not enforce", Label("full"), whyCase{
			manifests: strings.Replace(whyPair, "NODE1", "NODE2", 1) + whyPolicy("NS", "deny", denyIngress), from: "NS/web", to: "NS/db:5432", cause: "node-not-enforcing", code: 1,
			node: []string{"-I FORWARD -j ACCEPT"}, nodes: []string{"node2"},
		}, SpecTimeout(whyTimeout)),
		Entry("the image of the probe pods is not there", Label("full"), whyCase{
			manifests: whyPair, from: "NS/web", to: "NS/db:5432", args: []string{"--image", "podknock.invalid/none:1", "--image-pull-policy", "Never"}, cause: "test", code: 3,
		}, SpecTimeout(whyTimeout)),
		Entry("a rule for another port", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5433}]}]}`),
			from:      "NS/web", to: "NS/db:5432", args: wish("connected"), cause: "rule-port", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("default deny, and nothing admits it", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "deny", denyIngress), from: "NS/web", to: "NS/db:5432", args: wish("connected"), cause: "no-rule", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("nothing protects the pod", Label("full"), whyCase{
			manifests: whyPair, from: "NS/web", to: "NS/db:5432", args: wish("blocked"), cause: "not-isolated", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("a rule admits what was to be blocked", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {}}]}]}`),
			from:      "NS/web", to: "NS/db:5432", args: wish("blocked"), cause: "admitted", code: 1, mends: true,
		}, SpecTimeout(whyTimeout)),
		Entry("a name that does not exist", Label("full"), whyCase{
			manifests: whyPair, from: "NS/web", to: "dbb.NS.svc.cluster.local:80", args: wish("connected"), cause: "name-unknown", code: 1,
		}, SpecTimeout(whyTimeout)),
	)
})
