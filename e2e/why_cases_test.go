//go:build e2e

package e2e

import (
	"context"
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
			from:      "NS/web", to: "NS/db:5432", args: wish("connected"), cause: "empty-selector", code: 1,
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

	DescribeTable("accuses nothing where nothing is wrong", func(ctx SpecContext, c whyCase) { c.play(ctx) },
		Entry("no policy at all", whyCase{manifests: whyPair, from: "NS/web", to: "NS/db:5432", args: wish("connected")}, SpecTimeout(whyTimeout)),
		Entry("no policy, by Service", Label("full"), whyCase{manifests: whyPair, from: "NS/web", to: "svc/NS/db", args: wish("connected")}, SpecTimeout(whyTimeout)),
		Entry("no policy, by name", Label("full"), whyCase{manifests: whyPair, from: "NS/web", to: "db.NS:80", args: wish("connected")}, SpecTimeout(whyTimeout)),
		Entry("no policy, over UDP", Label("full"), whyCase{manifests: whyPair, from: "NS/web", to: "NS/db:5432/UDP", args: wish("connected")}, SpecTimeout(whyTimeout)),
		Entry("a deny that is meant", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "deny", denyIngress), from: "NS/web", to: "NS/db:5432", args: wish("blocked"),
		}, SpecTimeout(whyTimeout)),
		Entry("a rule that admits what is meant", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "deny", denyIngress) + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}`),
			from:      "NS/web", to: "NS/db:5432", args: wish("connected"),
		}, SpecTimeout(whyTimeout)),
		Entry("both directions locked, with DNS", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "deny", denyBoth) + whyPolicy("NS", "dns", dnsOnly) +
				whyPolicy("NS", "web", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: pg}]}]}`) +
				whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: pg}]}]}`),
			from: "NS/web", to: "db.NS:80", args: wish("connected"),
		}, SpecTimeout(whyTimeout)),
		Entry("across namespaces, as meant", Label("full"), whyCase{
			manifests: whyPair + otherClient + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: OTHER}}, podSelector: {matchLabels: {app: client}}}]}]}`),
			from:      "OTHER/client", to: "svc/NS/db", args: wish("connected"),
		}, SpecTimeout(whyTimeout)),
		Entry("outside the cluster, as meant", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "web", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}`),
			from:      "NS/web", to: "192.0.2.10:80", args: wish("connected"),
		}, SpecTimeout(whyTimeout)),
		Entry("a Deployment behind a Service, with a policy by its labels", Label("full"), whyCase{
			manifests: whyWeb + deployment + whyPolicy("NS", "api", `{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 8080}]}]}`),
			from:      "NS/web", to: "svc/NS/api", args: wish("connected"),
		}, SpecTimeout(whyTimeout)),
		Entry("blocked from a Deployment, as meant", Label("full"), whyCase{
			manifests: whyDB + deployment + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}`),
			from:      "NS/deploy/api", to: "NS/db:5432", args: wish("blocked"),
		}, SpecTimeout(whyTimeout)),
	)
})

// The pods of some cases.
const (
	otherClient = `
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: OTHER, labels: {app: client}}
spec:
  nodeName: NODE1
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: IMAGE, args: [serve, -listen, "8080/TCP", -control, none]}]
---`
	hostClient = `
apiVersion: v1
kind: Pod
metadata: {name: ingress, namespace: NS, labels: {app: ingress}}
spec:
  nodeName: NODE1
  hostNetwork: true
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: IMAGE, args: [serve, -listen, "15431/TCP", -control, none]}]
---`
	hostServer = `
apiVersion: v1
kind: Pod
metadata: {name: hostdb, namespace: NS, labels: {app: hostdb}}
spec:
  nodeName: NODE2
  hostNetwork: true
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: IMAGE, args: [serve, -listen, "15432/TCP", -control, none]}]
---`
	webhookOfDB = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: NS}
webhooks:
- name: db.example.org
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Ignore
  clientConfig: {service: {namespace: NS, name: db, port: 80}}
  rules: [{apiGroups: [none.example.org], apiVersions: [v1], operations: [CREATE], resources: [nothings]}]
---`
	adminPolicyKind = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: ciliumnetworkpolicies.cilium.io
spec:
  group: cilium.io
  scope: Namespaced
  names: {kind: CiliumNetworkPolicy, plural: ciliumnetworkpolicies, singular: ciliumnetworkpolicy, listKind: CiliumNetworkPolicyList}
  versions: [{name: v2, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
---`
	meshDB = `
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: NS, labels: {app: db}}
spec:
  nodeName: NODE2
  terminationGracePeriodSeconds: 0
  containers:
  - {name: app, image: IMAGE, args: [serve, -listen, "5432/TCP", -control, none], ports: [{containerPort: 5432}]}
  - {name: istio-proxy, image: IMAGE, args: [serve, -listen, "15001/TCP", -control, none]}
---`
	wrongTarget = `
apiVersion: v1
kind: Service
metadata: {name: wrong, namespace: NS}
spec: {selector: {app: db}, ports: [{port: 80, targetPort: 5433}]}
---`
	emptyService = `
apiVersion: v1
kind: Service
metadata: {name: empty, namespace: NS}
spec: {selector: {app: dbb}, ports: [{port: 80, targetPort: 5432}]}
---`
	unreadyService = `
apiVersion: v1
kind: Pod
metadata: {name: slow, namespace: NS, labels: {app: slow}}
spec:
  nodeName: NODE2
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: IMAGE, args: [serve, -listen, "8080/TCP", -control, none], readinessProbe: {tcpSocket: {port: 9}}}]
---
apiVersion: v1
kind: Service
metadata: {name: slow, namespace: NS}
spec: {selector: {app: slow}, ports: [{port: 80, targetPort: 8080}]}
---`
	finishedPod = `
apiVersion: v1
kind: Pod
metadata: {name: done, namespace: NS, labels: {app: done}}
spec:
  nodeName: NODE2
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: IMAGE, args: [version]}]
---`
	hostLabel = `
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: NS, labels: {app: db, host: a}}
spec:
  nodeName: NODE2
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: IMAGE, args: [serve, -listen, "5432/TCP", -control, none], ports: [{containerPort: 5432}]}]
---`
	multusDB = `
apiVersion: v1
kind: Pod
metadata:
  name: db
  namespace: NS
  labels: {app: db}
  annotations: {k8s.v1.cni.cncf.io/network-status: '[{"name": "lab", "ips": ["10.244.2.9"]}, {"name": "NS/second", "interface": "net1", "ips": ["10.9.9.9"]}]'}
spec:
  nodeName: NODE2
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: IMAGE, args: [serve, -listen, "5432/TCP", -control, none], ports: [{containerPort: 5432}]}]
---`
	deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: NS}
spec:
  replicas: 2
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: app, image: IMAGE, args: [serve, -listen, "8080/TCP", -control, none], ports: [{containerPort: 8080}]}]
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: NS}
spec: {selector: {app: api}, ports: [{port: 80, targetPort: 8080}]}
---`
	// otherDNS stands for name servers that listen on another port than their Service.
	otherDNS = `
apiVersion: v1
kind: Pod
metadata: {name: names, namespace: NS, labels: {app: names}}
spec:
  nodeName: NODE2
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: IMAGE, args: [serve, -listen, "5353/UDP,5353/TCP", -control, none]}]
---
apiVersion: v1
kind: Service
metadata: {name: names, namespace: NS}
spec: {selector: {app: names}, ports: [{name: dns, port: 53, targetPort: 5353, protocol: UDP}, {name: dns-tcp, port: 53, targetPort: 5353, protocol: TCP}]}
---`
)

// dropFrom loses what web's labels send to db, also from the doubles: all that the pods of the first node send there.
var dropFrom = []string{"-I FORWARD -s 10.244.1.0/24 -p tcp --dport 5432 -j DROP", "-I FORWARD -s 10.244.2.0/24 -p tcp --dport 5432 -j DROP"}

// letThrough lets everything through to the real db and nothing else, whatever the policies say.
var letThrough = []string{"-I FORWARD -d POD(db) -j ACCEPT"}

// webWithServer is web with a name server of its own.
func webWithServer(server string) string {
	if server == "NODEIP" {
		server = "10.89.0.12"
	}
	return `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: NS, labels: {app: web}}
spec:
  nodeName: NODE1
  terminationGracePeriodSeconds: 0
  dnsPolicy: None
  dnsConfig: {nameservers: ["` + server + `"]}
  containers: [{name: app, image: IMAGE, args: [serve, -listen, "8080/TCP", -control, none], ports: [{containerPort: 8080}]}]
---`
}

// fakeAgent is a DaemonSet that is named like the agent of a network.
func fakeAgent(name string) string {
	return `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ` + name + `, namespace: OTHER}
spec:
  selector: {matchLabels: {k8s-app: ` + name + `}}
  template:
    metadata: {labels: {k8s-app: ` + name + `}}
    spec:
      nodeSelector: {example.org/none: "true"}
      containers: [{name: app, image: IMAGE, args: [serve, -listen, "8080/TCP", -control, none]}]
---`
}

// webWithOtherDNS makes web when the address of its name server is known.
func webWithOtherDNS(ctx context.Context, w *whyWorld) {
	address := shell(ctx, w.words("kubectl get svc -n NS names -o jsonpath='{.spec.clusterIP}'"))
	w.apply(ctx, &whyCase{manifests: webWithServer(address)})
}

// adminPolicy makes a policy of another API when its kind is there.
func adminPolicy(ctx context.Context, w *whyWorld) {
	shell(ctx, "kubectl wait --for=condition=Established crd/ciliumnetworkpolicies.cilium.io --timeout=20s")
	shell(ctx, w.words("kubectl apply -f - <<'END'\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: db, namespace: NS}\nspec: {endpointSelector: {matchLabels: {\"k8s:app\": db}}, ingress: [{}]}\nEND"))
	DeferCleanup(func(ctx SpecContext) { shell(ctx, "kubectl delete crd ciliumnetworkpolicies.cilium.io --timeout=90s") }, NodeTimeout(whyTimeout))
}

// awaitRunning waits until all pods run, ready or not.
func awaitRunning(ctx context.Context, w *whyWorld) {
	shell(ctx, w.words("kubectl wait -n NS --for=jsonpath='{.status.phase}'=Running pod --all --timeout=90s"))
}

// sameAddress gives the finished pod the address of db.
func sameAddress(ctx context.Context, w *whyWorld) {
	shell(ctx, w.words("kubectl wait -n NS --for=condition=Ready pod/web pod/db --timeout=90s; kubectl wait -n NS --for=jsonpath='{.status.phase}'=Succeeded pod/done --timeout=90s"))
	address := w.address(ctx, "db", false)
	shell(ctx, w.words(`kubectl patch pod done -n NS --subresource=status --type=merge -p '{"status":{"podIP":"`+address+`","podIPs":[{"ip":"`+address+`"}]}}'`))
}

// removeWebhook removes the webhook's configuration, which is in no namespace, at the end.
func removeWebhook(_ context.Context, w *whyWorld) {
	DeferCleanup(func(ctx SpecContext) {
		shell(ctx, w.words("kubectl delete validatingwebhookconfiguration NS"))
	}, NodeTimeout(whyTimeout))
}

// virtualNode labels the node of db as one that no engine covers.
func virtualNode(ctx context.Context, _ *whyWorld) {
	shell(ctx, "kubectl label node node2 type=virtual-kubelet --overwrite")
	DeferCleanup(func(ctx SpecContext) { shell(ctx, "kubectl label node node2 type-") }, NodeTimeout(whyTimeout))
}

// laterAgent starts something that looks like the network's agent, after the pods.
func laterAgent(ctx context.Context, w *whyWorld) {
	shell(ctx, w.words(`kubectl apply -f - <<'END'
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: calico-node, namespace: OTHER}
spec:
  selector: {matchLabels: {k8s-app: calico-node}}
  template:
    metadata: {labels: {k8s-app: calico-node}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: app, image: IMAGE, args: [serve, -listen, "8080/TCP", -control, none]}]
END
kubectl rollout status -n OTHER ds/calico-node --timeout=90s`))
}
