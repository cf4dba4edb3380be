package policy

import (
	"testing"

	. "github.com/onsi/gomega"
)

// row is one question to the fixture cluster.
type row struct {
	name     string
	policies []string
	plugin   Plugin
	partial  bool
	query    string
	verdict  Verdict
	doubts   []Doubt
}

func ask(t *testing.T, rows []row) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			cluster := fixture(readPolicies(t, row.policies...)...)
			cluster.Plugin, cluster.Partial = row.plugin, row.partial
			explanation := mustExplain(t, mustCompile(t, cluster), readQuery(t, row.query))
			g.Expect(explanation.Verdict).To(Equal(row.verdict), "%s", explanation.Sentence())
			g.Expect(explanation.Doubts).To(Equal(row.doubts))
		})
	}
}

const (
	web        = "app/web -> app/db:5432"
	denyIn     = "app/deny: {podSelector: {}, policyTypes: [Ingress]}"
	denyOut    = "app/deny-out: {podSelector: {}, policyTypes: [Egress]}"
	inTo       = "app/in: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: "
	outOf      = "app/out: {podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: "
	intoWeb    = "app/in-web: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: "
	intoHosted = "app/in-host: {podSelector: {matchLabels: {app: host}}, policyTypes: [Ingress], ingress: "
)

func TestIsolation(t *testing.T) {
	ask(t, []row{
		{name: "an isolated pod without rules is closed", policies: []string{denyIn}, query: web, verdict: Deny},
		{name: "a missing list of rules admits nothing", policies: []string{inTo + "null}"}, query: web, verdict: Deny},
		{name: "an empty list of rules admits nothing", policies: []string{inTo + "[]}"}, query: web, verdict: Deny},
		{name: "one empty rule admits everything", policies: []string{inTo + "[{}]}"}, query: web, verdict: Allow},
		{name: "one empty rule admits everything, UDP too", policies: []string{inTo + "[{}]}"}, query: web + "/UDP", verdict: Allow},
		{name: "empty peers admit every source", policies: []string{inTo + "[{from: []}]}"}, query: "192.0.2.1 -> app/db:5432", verdict: Allow},
		{name: "null peers admit every source", policies: []string{inTo + "[{from: null, ports: [{port: 5432}]}]}"}, query: "192.0.2.1 -> app/db:5432", verdict: Allow},
		{name: "null peers still ask for the port", policies: []string{inTo + "[{from: null, ports: [{port: 5432}]}]}"}, query: "192.0.2.1 -> app/db:5433", verdict: Deny},
		{name: "no policy at all leaves pods open", query: web, verdict: Allow},
		{name: "a policy of another namespace does not select here", policies: []string{"shop/deny: {podSelector: {}}"}, query: web, verdict: Allow},
		{name: "a policy that selects other pods does not isolate", policies: []string{"app/deny: {podSelector: {matchLabels: {app: web}}}"}, query: web, verdict: Allow},
		{name: "egress of the source closes", policies: []string{denyOut}, query: web, verdict: Deny},
		{name: "egress of the destination is of no interest", policies: []string{"app/deny: {podSelector: {matchLabels: {app: db}}, policyTypes: [Egress]}"}, query: web, verdict: Allow},
		{name: "both ends must open: only ingress does", policies: []string{denyOut, inTo + "[{}]}"}, query: web, verdict: Deny},
		{name: "both ends must open: only egress does", policies: []string{denyIn, outOf + "[{}]}"}, query: web, verdict: Deny},
		{name: "both ends must open: both do", policies: []string{denyIn, denyOut, inTo + "[{}]}", outOf + "[{}]}"}, query: web, verdict: Allow},
		{name: "an allow beats any number of denials", policies: []string{denyIn, inTo + "[{from: [{podSelector: {matchLabels: {app: web}}}]}]}"}, query: web, verdict: Allow},
	})
}

func TestPolicyTypes(t *testing.T) {
	ask(t, []row{
		{name: "without types a policy isolates ingress", policies: []string{"app/p: {podSelector: {}}"}, query: "192.0.2.1 -> app/db:80", verdict: Deny},
		{name: "without types and egress rules egress stays open", policies: []string{"app/p: {podSelector: {}}"}, query: "app/db -> 192.0.2.1:80", verdict: Allow},
		{name: "empty types are missing types", policies: []string{"app/p: {podSelector: {}, policyTypes: []}"}, query: "192.0.2.1 -> app/db:80", verdict: Deny},
		{name: "egress rules without types isolate egress", policies: []string{"app/p: {podSelector: {}, egress: [{ports: [{port: 53}]}]}"}, query: "app/db -> 192.0.2.1:80", verdict: Deny},
		{name: "egress rules without types isolate ingress too", policies: []string{"app/p: {podSelector: {}, egress: [{}]}"}, query: "192.0.2.1 -> app/db:80", verdict: Deny},
		{name: "an empty egress list without types does not isolate egress", policies: []string{"app/p: {podSelector: {}, egress: []}"}, query: "app/db -> 192.0.2.1:80", verdict: Allow},
		{name: "egress rules are ignored with types of ingress only", policies: []string{"app/p: {podSelector: {}, policyTypes: [Ingress], egress: [{ports: [{port: 53}]}]}"}, query: "app/db -> 192.0.2.1:80", verdict: Allow},
		{name: "ingress rules are ignored with types of egress only", policies: []string{"app/p: {podSelector: {}, policyTypes: [Egress], ingress: [{}]}", denyIn}, query: web, verdict: Deny},
		{name: "types of egress only leave ingress open", policies: []string{"app/p: {podSelector: {}, policyTypes: [Egress]}"}, query: "192.0.2.1 -> app/db:80", verdict: Allow},
	})
}

func TestSelectors(t *testing.T) {
	from := func(peers string) []string { return []string{inTo + "[{from: " + peers + "}]}"} }
	ask(t, []row{
		{name: "a podSelector alone means the policy's own namespace", policies: from("[{podSelector: {matchLabels: {app: web}}}]"), query: "shop/web -> app/db:5432", verdict: Deny},
		{name: "a podSelector alone admits the pod of its own namespace", policies: from("[{podSelector: {matchLabels: {app: web}}}]"), query: web, verdict: Allow},
		{name: "an empty podSelector admits the own namespace only", policies: from("[{podSelector: {}}]"), query: "shop/web -> app/db:5432", verdict: Deny},
		{name: "a namespaceSelector alone admits every pod there", policies: from("[{namespaceSelector: {matchLabels: {team: red}}}]"), query: "shop/empty -> app/db:5432", verdict: Allow},
		{name: "an empty namespaceSelector admits every namespace", policies: from("[{namespaceSelector: {}}]"), query: "bare/none -> app/db:5432", verdict: Allow},
		{name: "an empty namespaceSelector admits no address outside", policies: from("[{namespaceSelector: {}}]"), query: "192.0.2.1 -> app/db:5432", verdict: Deny},
		{name: "an empty podSelector admits no node", policies: from("[{namespaceSelector: {}, podSelector: {}}]"), query: "node:n1 -> app/db:5432", verdict: Deny},
		{name: "both selectors in one item: the namespace differs", policies: from("[{namespaceSelector: {matchLabels: {team: red}}, podSelector: {matchLabels: {app: web}}}]"), query: web, verdict: Deny},
		{name: "both selectors in one item: the pod differs", policies: from("[{namespaceSelector: {matchLabels: {team: red}}, podSelector: {matchLabels: {app: web}}}]"), query: "shop/empty -> app/db:5432", verdict: Deny},
		{name: "both selectors in one item: both match", policies: from("[{namespaceSelector: {matchLabels: {team: red}}, podSelector: {matchLabels: {app: web}}}]"), query: "shop/web -> app/db:5432", verdict: Allow},
		{name: "as two items the namespace is enough", policies: from("[{namespaceSelector: {matchLabels: {team: red}}}, {podSelector: {matchLabels: {app: web}}}]"), query: "shop/empty -> app/db:5432", verdict: Allow},
		{name: "as two items the pod is enough", policies: from("[{namespaceSelector: {matchLabels: {team: red}}}, {podSelector: {matchLabels: {app: web}}}]"), query: web, verdict: Allow},
		{name: "every namespace has its name as a label", policies: from("[{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: bare}}}]"), query: "bare/none -> app/db:5432", verdict: Allow},
		{name: "NotIn matches a pod without the key", policies: from("[{namespaceSelector: {}, podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}}]"), query: "bare/none -> app/db:5432", verdict: Allow},
		{name: "NotIn does not match one of the values", policies: from("[{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web, x]}]}}]"), query: web, verdict: Deny},
		{name: "In matches any of the values", policies: from("[{podSelector: {matchExpressions: [{key: app, operator: In, values: [x, web]}]}}]"), query: web, verdict: Allow},
		{name: "In does not match a pod without the key", policies: from("[{namespaceSelector: {}, podSelector: {matchExpressions: [{key: app, operator: In, values: [web]}]}}]"), query: "bare/none -> app/db:5432", verdict: Deny},
		{name: "Exists matches an empty value", policies: from("[{namespaceSelector: {}, podSelector: {matchExpressions: [{key: tier, operator: Exists}]}}]"), query: "shop/empty -> app/db:5432", verdict: Allow},
		{name: "Exists does not match a missing key", policies: from("[{podSelector: {matchExpressions: [{key: tier, operator: Exists}]}}]"), query: web, verdict: Deny},
		{name: "DoesNotExist matches a missing key", policies: from("[{podSelector: {matchExpressions: [{key: tier, operator: DoesNotExist}]}}]"), query: web, verdict: Allow},
		{name: "DoesNotExist does not match an empty value", policies: from("[{namespaceSelector: {}, podSelector: {matchExpressions: [{key: tier, operator: DoesNotExist}]}}]"), query: "shop/empty -> app/db:5432", verdict: Deny},
		{name: "an empty value is not a missing key", policies: from("[{podSelector: {matchLabels: {tier: \"\"}}}]"), query: web, verdict: Deny},
		{name: "an empty value matches an empty value", policies: from("[{namespaceSelector: {}, podSelector: {matchLabels: {tier: \"\"}}}]"), query: "shop/empty -> app/db:5432", verdict: Allow},
		{name: "labels and expressions must all match", policies: from("[{podSelector: {matchLabels: {app: web}, matchExpressions: [{key: tier, operator: Exists}]}}]"), query: web, verdict: Deny},
	})
}

func TestPorts(t *testing.T) {
	on := func(ports string) []string { return []string{inTo + "[{ports: " + ports + "}]}"} }
	ask(t, []row{
		{name: "another number", policies: on("[{port: 5433}]"), query: web, verdict: Deny},
		{name: "no protocol means TCP", policies: on("[{port: 5432}]"), query: web + "/UDP", verdict: Deny},
		{name: "a protocol without a port means all of its ports", policies: on("[{protocol: UDP}]"), query: web + "/UDP", verdict: Allow},
		{name: "an empty port means all of TCP", policies: on("[{}]"), query: web + "/UDP", verdict: Deny},
		{name: "an empty port admits any number of TCP", policies: on("[{}]"), query: "app/web -> app/db:1", verdict: Allow},
		{name: "an empty list of ports admits SCTP", policies: on("[]"), query: web + "/SCTP", verdict: Allow},
		{name: "SCTP is a protocol of its own", policies: on("[{port: 5432, protocol: SCTP}]"), query: web, verdict: Deny},
		{name: "SCTP matches SCTP", policies: on("[{port: 5432, protocol: SCTP}]"), query: web + "/SCTP", verdict: Allow},
		{name: "below a range", policies: on("[{port: 5000, endPort: 6000}]"), query: "app/web -> app/db:4999", verdict: Deny},
		{name: "the first of a range", policies: on("[{port: 5000, endPort: 6000}]"), query: "app/web -> app/db:5000", verdict: Allow},
		{name: "the last of a range", policies: on("[{port: 5000, endPort: 6000}]"), query: "app/web -> app/db:6000", verdict: Allow},
		{name: "above a range", policies: on("[{port: 5000, endPort: 6000}]"), query: "app/web -> app/db:6001", verdict: Deny},
		{name: "a range of one", policies: on("[{port: 5432, endPort: 5432}]"), query: web, verdict: Allow},
		{name: "a range is of one protocol", policies: on("[{port: 5000, endPort: 6000}]"), query: web + "/UDP", verdict: Deny},
		{name: "any port of the list is enough", policies: on("[{port: 1}, {port: 5432}]"), query: web, verdict: Allow},
		{name: "ports and peers must both match", policies: []string{inTo + "[{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 1}]}, {from: [{podSelector: {matchLabels: {app: x}}}], ports: [{port: 5432}]}]}"}, query: web, verdict: Deny},
		{name: "a named port is resolved at the receiver", policies: on("[{port: pg}]"), query: web, verdict: Allow},
		{name: "a named port is another number on another pod", policies: on("[{port: pg}]"), query: "app/web -> app/db2:5432", verdict: Deny},
		{name: "a named port is its own number on another pod", policies: on("[{port: pg}]"), query: "app/web -> app/db2:5433", verdict: Allow},
		{name: "a named port is of one protocol", policies: on("[{port: dns}]"), query: "app/web -> app/db:53", verdict: Deny},
		{name: "a named port with its protocol", policies: on("[{port: dns, protocol: UDP}]"), query: "app/web -> app/db:53/UDP", verdict: Allow},
		{name: "a named port with another protocol than declared", policies: on("[{port: pg, protocol: UDP}]"), query: web + "/UDP", verdict: Deny},
		{name: "a port name that nobody declares", policies: on("[{port: http}]"), query: web, verdict: Deny},
		{name: "the name declared by a sidecar counts", policies: on("[{port: metrics}]"), query: "app/web -> app/db:9090", verdict: Allow},
		{name: "the name declared by an init container that ends does not", policies: on("[{port: setup}]"), query: "app/web -> app/db:7000", verdict: Deny},
		{name: "a name declared twice is in doubt at the second number", policies: on("[{port: pg}]"), query: "app/web -> app/db:6432", verdict: Depends, doubts: []Doubt{DoubtPortName}},
		{name: "a named port for egress is resolved at the destination", policies: []string{outOf + "[{ports: [{port: pg}]}]}"}, query: web, verdict: Allow},
		{name: "a named port matches no address outside", policies: []string{outOf + "[{ports: [{port: pg}]}]}"}, query: "app/web -> 192.0.2.1:5432", verdict: Deny},
		{name: "a number matches an address outside", policies: []string{outOf + "[{ports: [{port: 5432}]}]}"}, query: "app/web -> 192.0.2.1:5432", verdict: Allow},
	})
}

func TestBlocks(t *testing.T) {
	to := func(peers string) []string { return []string{outOf + "[{to: " + peers + "}]}"} }
	podBlock := []Doubt{DoubtPodBlock}
	ask(t, []row{
		{name: "outside of the cidr", policies: to("[{ipBlock: {cidr: 192.0.2.0/24}}]"), query: "app/web -> 198.51.100.1:80", verdict: Deny},
		{name: "in the cidr", policies: to("[{ipBlock: {cidr: 192.0.2.0/24}}]"), query: "app/web -> 192.0.2.1:80", verdict: Allow},
		{name: "in an exception", policies: to("[{ipBlock: {cidr: 192.0.2.0/24, except: [192.0.2.8/29, 192.0.2.16/28]}}]"), query: "app/web -> 192.0.2.17:80", verdict: Deny},
		{name: "beside an exception", policies: to("[{ipBlock: {cidr: 192.0.2.0/24, except: [192.0.2.8/29]}}]"), query: "app/web -> 192.0.2.7:80", verdict: Allow},
		{name: "an exception is only of its own item", policies: to("[{ipBlock: {cidr: 192.0.2.0/24, except: [192.0.2.8/29]}}, {ipBlock: {cidr: 192.0.2.8/32}}]"), query: "app/web -> 192.0.2.8:80", verdict: Allow},
		{name: "all of IPv4 is not IPv6", policies: to("[{ipBlock: {cidr: 0.0.0.0/0}}]"), query: "app/web -> [2001:db8::1]:80", verdict: Deny},
		{name: "all of IPv6 is IPv6", policies: to("[{ipBlock: {cidr: \"::/0\"}}]"), query: "app/web -> [2001:db8::1]:80", verdict: Allow},
		{name: "bits beyond the prefix length do not count", policies: to("[{ipBlock: {cidr: 192.0.2.77/24}}]"), query: "app/web -> 192.0.2.1:80", verdict: Allow},
		{name: "leading zeros of old objects are decimal", policies: to("[{ipBlock: {cidr: 192.000.002.010/32}}]"), query: "app/web -> 192.0.2.10:80", verdict: Allow},
		{name: "ingress from an address outside", policies: []string{inTo + "[{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}"}, query: "192.0.2.1 -> app/db:5432", verdict: Allow},
		{name: "a block over pod addresses is the plugin's choice", policies: to("[{ipBlock: {cidr: 10.244.0.0/16}}]"), query: web, verdict: Depends, doubts: podBlock},
		{name: "all addresses are the plugin's choice for pods", policies: to("[{ipBlock: {cidr: 0.0.0.0/0}}]"), query: web, verdict: Depends, doubts: podBlock},
		{name: "a block elsewhere does not match a pod on any plugin", policies: to("[{ipBlock: {cidr: 192.0.2.0/24}}]"), query: web, verdict: Deny},
		{name: "an exception takes out a pod on every plugin", policies: to("[{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]"), query: web, verdict: Deny},
		{name: "a plugin that matches pods", policies: to("[{ipBlock: {cidr: 10.244.0.0/16}}]"), plugin: Plugin{BlocksMatchPods: Yes}, query: web, verdict: Allow},
		{name: "a plugin that never matches pods", policies: to("[{ipBlock: {cidr: 10.244.0.0/16}}]"), plugin: Plugin{BlocksMatchPods: No}, query: web, verdict: Deny},
		{name: "a selector beside the block removes the doubt", policies: to("[{ipBlock: {cidr: 10.244.0.0/16}}, {podSelector: {}}]"), query: web, verdict: Allow},
		{name: "one certain denial makes the other end's doubt irrelevant", policies: append(to("[{ipBlock: {cidr: 10.244.0.0/16}}]"), denyIn), query: web, verdict: Deny},
		{name: "a block over node addresses is the plugin's choice", policies: []string{inTo + "[{from: [{ipBlock: {cidr: 10.0.0.0/24}}]}]}"}, query: "node:n1 -> app/db:5432", verdict: Depends, doubts: []Doubt{DoubtNodeBlock}},
		{name: "a node may speak with an address of its pod range", policies: []string{inTo + "[{from: [{ipBlock: {cidr: 10.244.1.0/24}}]}]}"}, query: "node:n1 -> app/db:5432", verdict: Depends, doubts: []Doubt{DoubtNodeBlock}},
		{name: "a block elsewhere does not match a node", policies: []string{inTo + "[{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}"}, query: "node:n1 -> app/db:5432", verdict: Deny},
		{name: "a pod without an address may be anywhere", policies: to("[{ipBlock: {cidr: 192.0.2.0/24}}]"), query: "app/web -> app/young:80", verdict: Depends, doubts: []Doubt{DoubtPodBlock, DoubtAddress}},
		{name: "IPv6 of a pod is compared with blocks of IPv6", policies: to("[{ipBlock: {cidr: \"fd00:244::/32\"}}]"), plugin: Plugin{BlocksMatchPods: Yes}, query: "app/web -> [fd00:244:2::10]:5432", verdict: Allow},
		{name: "IPv6 of a pod is not in a block of IPv4", policies: to("[{ipBlock: {cidr: 0.0.0.0/0}}]"), plugin: Plugin{BlocksMatchPods: Yes}, query: "app/web -> [fd00:244:2::10]:5432", verdict: Deny},
		{name: "selectors do not ask for the family", policies: to("[{podSelector: {}}]"), query: "app/web -> [fd00:244:2::10]:5432", verdict: Allow},
	})
}

func TestNodesAndHosts(t *testing.T) {
	host := []Doubt{DoubtHostNetwork}
	ask(t, []row{
		{name: "another node is closed out", policies: []string{denyIn}, query: "node:n1 -> app/db:5432", verdict: Deny},
		{name: "the own node cannot be closed out", policies: []string{denyIn}, query: "node:n2 -> app/db:5432", verdict: Allow},
		{name: "the own node by its address cannot be closed out", policies: []string{denyIn}, query: "10.0.0.2 -> app/db:5432", verdict: Allow},
		{name: "any node may be the own one of a pod that is not scheduled", policies: []string{denyIn}, query: "node:n1 -> app/young:80", verdict: Depends, doubts: []Doubt{DoubtNodeUnknown}},
		{name: "egress to the own node is the plugin's choice", policies: []string{denyOut}, query: "app/web -> node:n1:80", verdict: Depends, doubts: []Doubt{DoubtOwnNode}},
		{name: "egress to the own node on a plugin that filters it", policies: []string{denyOut}, plugin: Plugin{GovernsOwnNode: Yes}, query: "app/web -> node:n1:80", verdict: Deny},
		{name: "egress to the own node on a plugin that does not", policies: []string{denyOut}, plugin: Plugin{GovernsOwnNode: No}, query: "app/web -> node:n1:80", verdict: Allow},
		{name: "egress to another node is closed", policies: []string{denyOut}, query: "app/web -> node:n2:80", verdict: Deny},
		{name: "policies do not apply to nodes", policies: []string{denyOut, denyIn}, query: "node:n1 -> node:n2:80", verdict: Allow},
		{name: "policies do not apply to what is outside", policies: []string{denyOut, denyIn}, query: "192.0.2.1 -> 198.51.100.1:80", verdict: Allow},
		{name: "an isolated hostNetwork pod may be open all the same", policies: []string{denyIn}, query: "app/db -> app/host:80", verdict: Depends, doubts: host},
		{name: "an isolated hostNetwork pod that a rule opens is open", policies: []string{intoHosted + "[{from: [{podSelector: {}}]}]}"}, query: "app/db -> app/host:80", verdict: Allow},
		{name: "a hostNetwork pod on a plugin that governs it", policies: []string{denyIn}, plugin: Plugin{GovernsHostNetwork: Yes}, query: "app/db -> app/host:80", verdict: Deny},
		{name: "a hostNetwork pod on a plugin that does not", policies: []string{denyIn}, plugin: Plugin{GovernsHostNetwork: No}, query: "app/db -> app/host:80", verdict: Allow},
		{name: "a selector that matches a hostNetwork pod may not work", policies: []string{inTo + "[{from: [{podSelector: {matchLabels: {app: host}}}]}]}"}, query: "app/host -> app/db:5432", verdict: Depends, doubts: host},
		{name: "a selector that does not match a hostNetwork pod never works", policies: []string{inTo + "[{from: [{podSelector: {matchLabels: {app: x}}}]}]}"}, query: "app/host -> app/db:5432", verdict: Deny},
		{name: "a hostNetwork pod on the same node is the node or a pod", policies: []string{intoWeb + "[]}"}, query: "app/host -> app/web:80", verdict: Depends, doubts: host},
		{name: "a hostNetwork pod on the same node where it is the node", policies: []string{intoWeb + "[]}"}, plugin: Plugin{GovernsHostNetwork: No}, query: "app/host -> app/web:80", verdict: Allow},
		{name: "a hostNetwork pod on the same node where it is a pod", policies: []string{intoWeb + "[]}"}, plugin: Plugin{GovernsHostNetwork: Yes}, query: "app/host -> app/web:80", verdict: Deny},
		{name: "two doubtful peers are two doubts", policies: []string{inTo + "[{from: [{podSelector: {matchLabels: {app: host}}}, {ipBlock: {cidr: 10.0.0.0/24}}]}]}"}, query: "app/host -> app/db:5432", verdict: Depends, doubts: []Doubt{DoubtHostNetwork, DoubtNodeBlock}},
		{name: "two doubtful ends are two doubts", policies: []string{outOf + "[{to: [{ipBlock: {cidr: 10.244.0.0/16}}]}]}", inTo + "[{ports: [{port: pg}]}]}"}, query: "app/web -> app/db:6432", verdict: Depends, doubts: []Doubt{DoubtPodBlock, DoubtPortName}},
		{name: "a named port of a hostNetwork pod may not resolve", policies: []string{outOf + "[{ports: [{port: web}]}]}"}, plugin: Plugin{GovernsOwnNode: Yes}, query: "app/web -> app/host:80", verdict: Depends, doubts: host},
		{name: "a pod cannot be cut off from itself", policies: []string{denyIn, denyOut}, query: "app/web -> app/web:80", verdict: Allow},
		{name: "a pod cannot be cut off from its loopback", policies: []string{denyIn, denyOut}, query: "app/web -> 127.0.0.1:80", verdict: Allow},
		{name: "an address of a finished pod is that of its successor", policies: []string{denyIn}, query: "10.244.1.10 -> app/db:5432", verdict: Deny},
	})
}

func TestServices(t *testing.T) {
	ask(t, []row{
		{name: "the port of the Service is not what policies see", policies: []string{inTo + "[{ports: [{port: 80}]}]}"}, query: "app/web -> svc:app/pg:80", verdict: Deny},
		{name: "the port of the pods is", policies: []string{inTo + "[{ports: [{port: 5432}, {port: 5433}]}]}"}, query: "app/web -> svc:app/pg:80", verdict: Allow},
		{name: "a named port fits every backend", policies: []string{inTo + "[{ports: [{port: pg}]}]}"}, query: "app/web -> svc:app/pg:80", verdict: Allow},
		{name: "backends with different verdicts", policies: []string{inTo + "[{ports: [{port: 5432}]}]}"}, query: "app/web -> svc:app/pg:80", verdict: Depends, doubts: []Doubt{DoubtBackend}},
		{name: "the address of the Service means the Service", policies: []string{inTo + "[{ports: [{port: 80}]}]}"}, query: "app/web -> 10.96.0.10:80", verdict: Deny},
		{name: "egress by selector works through the Service", policies: []string{outOf + "[{to: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: pg}]}]}"}, query: "app/web -> svc:app/pg:80", verdict: Allow},
		{name: "a block over the Service address is the plugin's choice", policies: []string{outOf + "[{to: [{ipBlock: {cidr: 10.96.0.0/16}}]}]}"}, query: "app/web -> svc:app/pg:80", verdict: Depends, doubts: []Doubt{DoubtServiceBlock}},
		{name: "a block over the Service address with the Service's port", policies: []string{outOf + "[{to: [{ipBlock: {cidr: 10.96.0.10/32}}], ports: [{port: 80}]}]}"}, query: "app/web -> svc:app/pg:80", verdict: Depends, doubts: []Doubt{DoubtServiceBlock}},
		{name: "a block over the Service address with the pod's port", policies: []string{outOf + "[{to: [{ipBlock: {cidr: 10.96.0.10/32}}], ports: [{port: 5432}]}]}"}, query: "app/web -> svc:app/pg:80", verdict: Deny},
		{name: "a block over the Service address on a plugin that translates first", policies: []string{outOf + "[{to: [{ipBlock: {cidr: 10.96.0.0/16}}]}]}"}, plugin: Plugin{BlocksMatchServices: No}, query: "app/web -> svc:app/pg:80", verdict: Deny},
		{name: "a headless Service is dialled at the pods' port", policies: []string{inTo + "[{ports: [{port: 5432}]}]}"}, query: "app/web -> svc:app/head:5432", verdict: Allow},
		{name: "a Service without backends", query: "app/web -> svc:app/nobody:80", verdict: Depends, doubts: []Doubt{DoubtNoBackend}},
		{name: "a port that the Service does not have", query: "app/web -> svc:app/pg:81", verdict: Depends, doubts: []Doubt{DoubtNoBackend}},
		{name: "a pod that reaches itself through its Service", policies: []string{intoWeb + "[]}"}, query: "app/web -> svc:app/self:8080", verdict: Depends, doubts: []Doubt{DoubtHairpin}},
		{name: "a pod that may reach itself through its Service", policies: []string{intoWeb + "[{from: [{podSelector: {}}]}]}"}, query: "app/web -> svc:app/self:8080", verdict: Allow},
		{name: "a node port hides the client", policies: []string{intoWeb + "[{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}"}, query: "192.0.2.1 -> node:n2:30080", verdict: Depends, doubts: []Doubt{DoubtSource}},
		{name: "a node port at the pod's own node may look like the node", policies: []string{intoWeb + "[]}"}, query: "192.0.2.1 -> node:n1:30080", verdict: Depends, doubts: []Doubt{DoubtSource}},
		{name: "a node port that nodes use may look like the pod's own node", policies: []string{intoWeb + "[]}"}, query: "node:n2 -> node:n1:30080", verdict: Depends, doubts: []Doubt{DoubtSource}},
		{name: "a node port that the pod's own node uses may look like another node", policies: []string{intoWeb + "[]}"}, query: "node:n1 -> node:n2:30080", verdict: Depends, doubts: []Doubt{DoubtSource}},
		{name: "a node port that nobody may use", policies: []string{intoWeb + "[]}"}, query: "192.0.2.1 -> node:n2:30080", verdict: Deny},
	})
}

// TestPartialClusters asks about addresses of which nobody knows whose they are, because not all could be read.
func TestPartialClusters(t *testing.T) {
	unread := []Doubt{DoubtUnread}
	ask(t, []row{
		{name: "all that was read is as certain as ever", partial: true, policies: []string{denyIn}, query: web, verdict: Deny},
		{name: "the policies of the other end are not known", partial: true, query: "app/web -> 192.0.2.1:80", verdict: Depends, doubts: unread},
		{name: "nor are those of a source", partial: true, query: "192.0.2.1 -> app/db:5432", verdict: Depends, doubts: unread},
		{name: "egress that nothing opens is closed, whoever it is", partial: true, policies: []string{denyOut}, query: "app/web -> 192.0.2.1:80", verdict: Deny},
		{name: "ingress that nothing opens is closed, whoever it is", partial: true, policies: []string{denyIn}, query: "192.0.2.1 -> app/db:5432", verdict: Deny},
		{name: "pods of the own namespace are known, and it is none of them", partial: true, policies: []string{outOf + "[{to: [{podSelector: {}}]}]}"}, query: "app/web -> 192.0.2.1:80", verdict: Deny},
		{name: "a namespaceSelector may mean it", partial: true, policies: []string{outOf + "[{to: [{namespaceSelector: {}}]}]}"}, query: "app/web -> 192.0.2.1:80", verdict: Depends, doubts: unread},
		{name: "an ipBlock may mean it, before or after its translation", partial: true, policies: []string{outOf + "[{to: [{ipBlock: {cidr: 198.51.100.0/24}}]}]}"}, query: "app/web -> 192.0.2.1:80", verdict: Depends, doubts: unread},
		{name: "a Service may lead to any port", partial: true, policies: []string{outOf + "[{ports: [{port: 8080}]}]}"}, query: "app/web -> 192.0.2.1:80", verdict: Depends, doubts: unread},
		{name: "a Service keeps the protocol", partial: true, policies: []string{outOf + "[{ports: [{port: 80, protocol: UDP}]}]}"}, query: "app/web -> 192.0.2.1:80", verdict: Deny},
		{name: "of a source the port is not asked", partial: true, policies: []string{inTo + "[{ports: [{port: 80}]}]}"}, query: "192.0.2.1 -> app/db:5432", verdict: Deny},
	})
}
