package policy

import (
	"fmt"
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	. "github.com/onsi/gomega"
)

func TestCompileFailsClosed(t *testing.T) {
	for _, row := range []struct {
		name, fault string
		change      func(*Cluster)
	}{
		{"a namespace without a name", `namespace "": has no name`, func(c *Cluster) { c.Namespaces = append(c.Namespaces, corev1.Namespace{}) }},
		{"a namespace given twice", `namespace "app": given twice`, func(c *Cluster) { c.Namespaces = append(c.Namespaces, c.Namespaces[0]) }},
		{"a node given twice", `node "n1": given twice`, func(c *Cluster) { c.Nodes = append(c.Nodes, c.Nodes[0]) }},
		{"a node without a name", `node "": has no name`, func(c *Cluster) { c.Nodes[0].Name = "" }},
		{"a node with an unreadable address", `node "n1": address "ten"`, func(c *Cluster) { c.Nodes[0].Status.Addresses[0].Address = "ten" }},
		{"a node with an unreadable range", `node "n1": pod CIDR: cidr "10/8"`, func(c *Cluster) { c.Nodes[0].Spec.PodCIDR = "10/8" }},
		{"a pod without a name", `pod "app/": has no name`, func(c *Cluster) { c.Pods[0].Name = "" }},
		{"a pod without a namespace", `pod "/web": has no namespace`, func(c *Cluster) { c.Pods[0].Namespace = "" }},
		{"a pod whose namespace is missing", `pod "gone/web": its namespace "gone" is not in the cluster`, func(c *Cluster) { c.Pods[0].Namespace = "gone" }},
		{"a pod given twice", `pod "app/web": given twice`, func(c *Cluster) { c.Pods = append(c.Pods, c.Pods[0]) }},
		{"a pod with an unreadable address", `pod "app/web": address "1.2.3"`, func(c *Cluster) { c.Pods[0].Status.PodIPs[0].IP = "1.2.3" }},
		{"a service without a name", `service "app/": has no name`, func(c *Cluster) { c.Services[0].Name = "" }},
		{"a service without a namespace", `service "/pg": has no namespace`, func(c *Cluster) { c.Services[0].Namespace = "" }},
		{"a service given twice", `service "app/pg": given twice`, func(c *Cluster) { c.Services = append(c.Services, c.Services[0]) }},
		{"a service with an unreadable address", `service "app/pg": cluster address "x"`, func(c *Cluster) { c.Services[0].Spec.ClusterIP = "x" }},
		{"a service with an unknown family", `service "app/pg": unknown IP family "IPv5"`, func(c *Cluster) {
			c.Services[0].Spec.ClusterIP, c.Services[0].Spec.IPFamilies = "", []corev1.IPFamily{"IPv5"}
		}},
		{"a service with an unknown protocol", `service "app/pg": port 80: unknown protocol "ICMP"`, func(c *Cluster) { c.Services[0].Spec.Ports[0].Protocol = "ICMP" }},
		{"a service with an unreadable external address", `service "app/pg": external address "x"`, func(c *Cluster) { c.Services[0].Spec.ExternalIPs = []string{"x"} }},
		{"an endpoint without an address", `service "app/pg": endpoint slice "s": endpoint without an address`, func(c *Cluster) {
			c.EndpointSlices = []discoveryv1.EndpointSlice{testSlice("s", "app/pg", discoveryv1.Endpoint{})}
		}},
		{"an endpoint with an unreadable address", `service "app/pg": endpoint slice "s": endpoint address "x"`, func(c *Cluster) {
			c.EndpointSlices = []discoveryv1.EndpointSlice{testSlice("s", "app/pg", discoveryv1.Endpoint{Addresses: []string{"x"}})}
		}},
		{"a plugin trait that is neither yes nor no", `plugin trait "perhaps"`, func(c *Cluster) { c.Plugin.GovernsHairpin = "perhaps" }},
		{"a policy without a name", `policy "app/": has no name`, func(c *Cluster) { c.Policies[0].Name = "" }},
		{"a policy without a namespace", `policy "/p": has no namespace`, func(c *Cluster) { c.Policies[0].Namespace = "" }},
		{"a policy given twice", `policy "app/p": given twice`, func(c *Cluster) { c.Policies = append(c.Policies, c.Policies[0]) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			cluster := fixture(readPolicies(t, "app/p: {podSelector: {}}")...)
			row.change(&cluster)
			_, err := Compile(cluster)
			NewWithT(t).Expect(err).To(MatchError(ContainSubstring(row.fault)))
		})
	}
}

func TestCompileRefusesUnreadablePolicies(t *testing.T) {
	for _, row := range []struct{ name, policy, fault string }{
		{"an unknown operator", "app/p: {podSelector: {matchExpressions: [{key: a, operator: Like}]}}", `policy "app/p": spec.podSelector: selector: "Like"`},
		{"an unknown operator in a peer's podSelector", inTo + "[{from: [{podSelector: {matchExpressions: [{key: a, operator: Like}]}}]}]}", `policy "app/in": spec.ingress[0]: peer 0: podSelector`},
		{"an unknown operator in a peer's namespaceSelector", inTo + "[{from: [{namespaceSelector: {matchExpressions: [{key: a, operator: Like}]}}]}]}", `spec.ingress[0]: peer 0: namespaceSelector`},
		{"an unreadable cidr", outOf + "[{to: [{ipBlock: {cidr: 10.0.0.0}}]}]}", `spec.egress[0]: peer 0: ipBlock: cidr "10.0.0.0"`},
		{"an unreadable exception", outOf + "[{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/x]}}]}]}", `ipBlock: except: cidr "10.0.0.0/x"`},
		{"an ipBlock beside a selector", outOf + "[{to: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}]}", "ipBlock together with a selector"},
		{"a peer of nothing", outOf + "[{to: [{}]}]}", "neither a selector nor an ipBlock"},
		{"an unknown protocol", outOf + "[{ports: [{protocol: ICMP}]}]}", `ports[0]: unknown protocol "ICMP"`},
		{"an endPort without a port", outOf + "[{ports: [{endPort: 80}]}]}", "endPort without port"},
		{"an endPort with a name", outOf + "[{ports: [{port: pg, endPort: 80}]}]}", "endPort with a named port"},
		{"an endPort below the port", outOf + "[{ports: [{port: 81, endPort: 80}]}]}", "endPort 80 below port 81"},
		{"an unknown type", "app/p: {podSelector: {}, policyTypes: [Both]}", `spec.policyTypes: unknown type "Both"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := Compile(fixture(readPolicies(t, row.policy)...))
			NewWithT(t).Expect(err).To(MatchError(ContainSubstring(row.fault)))
		})
	}
}

func TestCompileReportsAllFaults(t *testing.T) {
	cluster := fixture(readPolicies(t, "app/p: {podSelector: {}, policyTypes: [Both]}")...)
	cluster.Nodes[0].Name, cluster.Pods[1].Name = "", ""
	_, err := Compile(cluster)
	NewWithT(t).Expect(err).To(MatchError(And(ContainSubstring("node"), ContainSubstring("pod"), ContainSubstring("policy"))))
}

func TestQueriesThatMakeNoSense(t *testing.T) {
	cluster := fixture()
	cluster.Services = append(cluster.Services, testService("app/alias", "", ""))
	cluster.Services[len(cluster.Services)-1].Spec.Type = corev1.ServiceTypeExternalName
	twin := testPod("app/twin", "n1", "10.244.2.30", "", "")
	copycat := testPod("app/copycat", "n1", "10.0.0.2", "", "")
	cluster.Pods = append(cluster.Pods, twin, copycat)
	evaluator := mustCompile(t, cluster)
	v6 := Query{From: Pod("app", "web"), To: Pod("bare", "none"), Port: 80, Family: corev1.IPv6Protocol}
	for _, row := range []struct {
		name, fault string
		query       Query
	}{
		{"an unknown pod", "query source pod app/nobody: not in the cluster", readQuery(t, "app/nobody -> app/db:80")},
		{"an unknown target", "query target pod app/nobody: not in the cluster", readQuery(t, "app/db -> app/nobody:80")},
		{"an unknown node", "query target node n9: not in the cluster", readQuery(t, "app/db -> node:n9:80")},
		{"an unknown source node", "query source node n9: not in the cluster", readQuery(t, "node:n9 -> app/db:80")},
		{"an unknown service", "query target service app/none: not in the cluster", readQuery(t, "app/db -> svc:app/none:80")},
		{"a Service as the source", "opens no connections", readQuery(t, "svc:app/pg -> app/db:80")},
		{"a Service address as the source", "is the address of service app/pg", readQuery(t, "10.96.0.10 -> app/db:80")},
		{"loopback as the source", "belongs to everybody", readQuery(t, "127.0.0.1 -> app/db:80")},
		{"an alias as the target", "ExternalName", readQuery(t, "app/db -> svc:app/alias:80")},
		{"an address of two pods as the target", "query target 10.244.2.30: belongs to pod app/twin and pod bare/none", readQuery(t, "app/db -> 10.244.2.30:80")},
		{"an address of two owners as the source", "query source 10.0.0.2: belongs to node n2 and pod app/copycat", readQuery(t, "10.0.0.2 -> app/db:80")},
		{"a port of 0", "query port 0", readQuery(t, "app/web -> app/db:0")},
		{"a port beyond 65535", "query port 65536", readQuery(t, "app/web -> app/db:65536")},
		{"an unknown protocol", `query protocol "ICMP"`, readQuery(t, "app/web -> app/db:80/ICMP")},
		{"an unknown family", `query family "IPX"`, Query{From: Pod("app", "web"), To: Pod("app", "db"), Port: 80, Family: "IPX"}},
		{"a family that an end lacks", "no common address family", v6},
		{"a family that a node lacks", "no common address family", readQuery(t, "2001:db8::1 -> node:n1:80")},
		{"a family that a Service lacks", "no common address family", readQuery(t, "2001:db8::1 -> svc:app/pg:80")},
		{"addresses of both families", "mixes IPv4 and IPv6", readQuery(t, "192.0.2.1 -> [2001:db8::1]:80")},
		{"no source", `query source: unknown kind ""`, Query{To: Pod("app", "db"), Port: 80}},
		{"no target", `query target: unknown kind ""`, Query{From: Pod("app", "db"), Port: 80}},
		{"a source without an address", "query source: no address", Query{From: Endpoint{Kind: KindAddress}, To: Pod("app", "db"), Port: 80}},
		{"a target without an address", "query target: no address", Query{From: Pod("app", "db"), To: Endpoint{Kind: KindAddress}, Port: 80}},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			_, err := evaluator.Verdict(row.query)
			g.Expect(err).To(MatchError(ContainSubstring(row.fault)))
			_, err = evaluator.Explain(row.query)
			g.Expect(err).To(MatchError(ContainSubstring(row.fault)))
		})
	}
}

func TestSelected(t *testing.T) {
	g := NewWithT(t)
	evaluator := mustCompile(t, fixture(readPolicies(t, denyIn, "shop/x: {podSelector: {matchLabels: {app: x}}}")...))
	pods, err := evaluator.Selected(PolicyRef{"app", "deny"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(pods).To(Equal([]Endpoint{Pod("app", "db"), Pod("app", "db2"), Pod("app", "host"), Pod("app", "web"), Pod("app", "young")}))
	g.Expect(evaluator.Selected(PolicyRef{"shop", "x"})).To(BeEmpty())
	_, err = evaluator.Selected(PolicyRef{"app", "x"})
	g.Expect(err).To(MatchError(`policy "app/x": not in the cluster`))
}

func TestRangesNarrowUnknownAddresses(t *testing.T) {
	prefixes := func(texts ...string) []netip.Prefix {
		var list []netip.Prefix
		for _, text := range texts {
			list = append(list, netip.MustParsePrefix(text))
		}
		return list
	}
	young := "app/web -> app/young:80"
	for _, row := range []struct {
		name, peers string
		pods        []netip.Prefix
		verdict     Verdict
	}{
		{"no range known: anywhere", "[{ipBlock: {cidr: 192.0.2.0/24}}]", nil, Depends},
		{"no range known: all addresses hold it", "[{ipBlock: {cidr: 0.0.0.0/0}}]", nil, Allow},
		{"the block is elsewhere", "[{ipBlock: {cidr: 192.0.2.0/24}}]", prefixes("10.244.0.0/16"), Deny},
		{"the block holds the range", "[{ipBlock: {cidr: 10.0.0.0/8}}]", prefixes("10.244.0.0/16"), Allow},
		{"the block is within the range", "[{ipBlock: {cidr: 10.244.2.0/24}}]", prefixes("10.244.0.0/16"), Depends},
		{"an exception takes out the range", "[{ipBlock: {cidr: 10.0.0.0/8, except: [10.240.0.0/12]}}]", prefixes("10.244.0.0/16"), Deny},
		{"an exception takes out a part of the range", "[{ipBlock: {cidr: 10.0.0.0/8, except: [10.244.2.0/24]}}]", prefixes("10.244.0.0/16"), Depends},
		{"one of two ranges is in the block", "[{ipBlock: {cidr: 10.0.0.0/8}}]", prefixes("10.244.0.0/16", "172.16.0.0/16"), Depends},
		{"a range of the other family says nothing", "[{ipBlock: {cidr: 192.0.2.0/24}}]", prefixes("fd00::/64"), Depends},
	} {
		t.Run(row.name, func(t *testing.T) {
			cluster := fixture(readPolicies(t, outOf+"[{to: "+row.peers+"}]}")...)
			cluster.PodRanges, cluster.Plugin.BlocksMatchPods = row.pods, Yes
			NewWithT(t).Expect(mustExplain(t, mustCompile(t, cluster), readQuery(t, young)).Verdict).To(Equal(row.verdict))
		})
	}
	t.Run("a Service without an address is in the Service range", func(t *testing.T) {
		g := NewWithT(t)
		cluster := fixture(readPolicies(t, outOf+"[{to: [{ipBlock: {cidr: 10.96.0.0/12}}]}]}")...)
		cluster.Services[0].Spec.ClusterIP = ""
		cluster.Plugin.BlocksMatchServices = Yes
		g.Expect(mustExplain(t, mustCompile(t, cluster), readQuery(t, "app/web -> svc:app/pg:80")).Verdict).To(Equal(Depends))
		cluster.ServiceRanges = prefixes("10.96.0.0/16")
		g.Expect(mustExplain(t, mustCompile(t, cluster), readQuery(t, "app/web -> svc:app/pg:80")).Verdict).To(Equal(Allow))
	})
}

func testSlice(name, service string, endpoints ...discoveryv1.Endpoint) discoveryv1.EndpointSlice {
	slice := discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "app", Labels: map[string]string{
		discoveryv1.LabelServiceName: service[len("app/"):],
	}}}
	port, portName := int32(5432), ""
	slice.AddressType, slice.Endpoints = discoveryv1.AddressTypeIPv4, endpoints
	slice.Ports = []discoveryv1.EndpointPort{{Name: &portName, Port: &port}, {Name: &portName}}
	return slice
}

func TestBackends(t *testing.T) {
	no := false
	ref := func(name string) *corev1.ObjectReference { return &corev1.ObjectReference{Kind: "Pod", Name: name} }
	for _, row := range []struct {
		name, query string
		change      func(*Cluster)
		backends    []string
	}{
		{"by selector: each pod at its own number", "app/web -> svc:app/pg:80", nil, []string{"pod app/db 5432", "pod app/db2 5433"}},
		{"by selector: without a target port the same number", "app/web -> svc:app/pg:80", func(c *Cluster) {
			c.Services[0].Spec.Ports[0].TargetPort = intstr.IntOrString{}
		}, []string{"pod app/db 80", "pod app/db2 80"}},
		{"by selector: a pod that does not declare the name is none", "app/web -> svc:app/pg:80", func(c *Cluster) {
			c.Services[0].Spec.Ports[0].TargetPort = intstr.FromString("metrics")
		}, []string{"pod app/db 9090"}},
		{"by selector: a pod that is not ready is none", "app/web -> svc:app/pg:80", func(c *Cluster) {
			c.Pods[1].Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}
		}, []string{"pod app/db2 5433"}},
		{"by selector: unless the Service asks for it", "app/web -> svc:app/pg:80", func(c *Cluster) {
			c.Pods[1].Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}
			c.Services[0].Spec.PublishNotReadyAddresses = true
		}, []string{"pod app/db 5432", "pod app/db2 5433"}},
		{"by selector: a finished pod is none", "app/web -> svc:app/pg:80", func(c *Cluster) {
			c.Pods[1].Status.Phase = corev1.PodFailed
		}, []string{"pod app/db2 5433"}},
		{"without a selector and slices there is none", "app/web -> svc:app/pg:80", func(c *Cluster) { c.Services[0].Spec.Selector = nil }, nil},
		{"slices count, not the selector", "app/web -> svc:app/pg:80", func(c *Cluster) {
			c.EndpointSlices = []discoveryv1.EndpointSlice{testSlice("s", "app/pg",
				discoveryv1.Endpoint{Addresses: []string{"10.244.2.11"}},
				discoveryv1.Endpoint{Addresses: []string{"10.244.2.10"}, TargetRef: ref("db"), Conditions: discoveryv1.EndpointConditions{Ready: &no}},
				discoveryv1.Endpoint{Addresses: []string{"198.51.100.7"}},
				discoveryv1.Endpoint{Addresses: []string{"10.0.0.2"}},
				discoveryv1.Endpoint{Addresses: []string{"10.244.9.9"}, TargetRef: ref("web")})}
		}, []string{"198.51.100.7 5432", "node n2 5432", "pod app/db2 5432", "pod app/web 5432"}},
		{"the same endpoint in two slices is one", "app/web -> svc:app/pg:80", func(c *Cluster) {
			first := testSlice("s1", "app/pg", discoveryv1.Endpoint{Addresses: []string{"10.244.2.10"}, TargetRef: ref("db")})
			second := testSlice("s2", "app/pg", discoveryv1.Endpoint{Addresses: []string{"fd00:244:2::10"}, TargetRef: ref("db")})
			second.AddressType = discoveryv1.AddressTypeIPv6
			names := testSlice("s3", "app/pg", discoveryv1.Endpoint{Addresses: []string{"db.example.com"}})
			names.AddressType = discoveryv1.AddressTypeFQDN
			c.EndpointSlices = []discoveryv1.EndpointSlice{second, first, names}
		}, []string{"pod app/db 5432"}},
		{"a pod that offers two ports under one name is two backends", "app/web -> svc:app/pg:80", func(c *Cluster) {
			first := testSlice("s1", "app/pg", discoveryv1.Endpoint{Addresses: []string{"10.244.2.10"}, TargetRef: ref("db")})
			second, other := *first.DeepCopy(), int32(5433)
			second.Name, second.Ports[0].Port = "s2", &other
			c.EndpointSlices = []discoveryv1.EndpointSlice{first, second}
		}, []string{"pod app/db 5432", "pod app/db 5433"}},
		{"a slice's port of another name is of another port of the Service", "app/web -> svc:app/pg:80", func(c *Cluster) {
			c.Services[0].Spec.Ports[0].Name = "db"
			slice := testSlice("s", "app/pg", discoveryv1.Endpoint{Addresses: []string{"10.244.2.10"}})
			c.EndpointSlices = []discoveryv1.EndpointSlice{slice}
		}, nil},
		{"a slice's port of another protocol is of another port of the Service", "app/web -> svc:app/pg:80", func(c *Cluster) {
			slice, udp := testSlice("s", "app/pg", discoveryv1.Endpoint{Addresses: []string{"10.244.2.10"}}), corev1.ProtocolUDP
			slice.Ports[0].Protocol = &udp
			c.EndpointSlices = []discoveryv1.EndpointSlice{slice}
		}, nil},
		{"a slice of the other family is none", "app/web -> svc:app/pg:80", func(c *Cluster) {
			slice := testSlice("s", "app/pg", discoveryv1.Endpoint{Addresses: []string{"fd00:244:2::10"}})
			slice.AddressType = discoveryv1.AddressTypeIPv6
			c.EndpointSlices = []discoveryv1.EndpointSlice{slice}
		}, nil},
		{"a headless Service has its members at the port that is dialled", "app/web -> svc:app/head:1234", nil, []string{"pod app/db 1234", "pod app/db2 1234"}},
		{"a node port", "192.0.2.1 -> node:n2:30080", nil, []string{"pod app/web 80"}},
		{"a node port by the node's address", "192.0.2.1 -> 10.0.0.2:30080", nil, []string{"pod app/web 80"}},
		{"a node port of a node without local backends", "192.0.2.1 -> node:n2:30080", func(c *Cluster) {
			c.Services[1].Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
		}, nil},
		{"a node port of another protocol is the node", "192.0.2.1 -> node:n2:30080/UDP", nil, []string{"node n2 30080"}},
		{"a load balancer", "192.0.2.1 -> 203.0.113.5:8080", func(c *Cluster) {
			c.Services[1].Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "203.0.113.5"}, {Hostname: "lb"}}
		}, []string{"pod app/web 80"}},
		{"a load balancer at another port is an address", "192.0.2.1 -> 203.0.113.5:80", func(c *Cluster) {
			c.Services[1].Spec.ExternalIPs = []string{"203.0.113.5"}
		}, []string{"203.0.113.5 80"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			cluster := fixture()
			if row.change != nil {
				row.change(&cluster)
			}
			var backends []string
			for _, path := range mustExplain(t, mustCompile(t, cluster), readQuery(t, row.query)).Paths {
				backends = append(backends, fmt.Sprintf("%s %d", path.To, path.Port))
			}
			NewWithT(t).Expect(backends).To(Equal(row.backends))
		})
	}
}

func TestClientAddressBehindALoadBalancer(t *testing.T) {
	g := NewWithT(t)
	cluster := fixture(readPolicies(t, intoWeb+"[{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}")...)
	cluster.Services[1].Spec.ExternalIPs = []string{"203.0.113.5"}
	query := readQuery(t, "192.0.2.1 -> 203.0.113.5:8080")
	lost := mustExplain(t, mustCompile(t, cluster), query)
	g.Expect(lost.Verdict).To(Equal(Depends))
	g.Expect(lost.Doubts).To(ContainElement(DoubtSource))

	cluster.Services[1].Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
	g.Expect(mustExplain(t, mustCompile(t, cluster), query).Verdict).To(Equal(Allow), "Local keeps the client's address")
}

func TestAddressOfOlderObjects(t *testing.T) {
	g := NewWithT(t)
	cluster := fixture(readPolicies(t, denyIn)...)
	cluster.Pods[0].Status.PodIPs, cluster.Pods[0].Status.PodIP = nil, "10.244.1.99"
	explanation := mustExplain(t, mustCompile(t, cluster), readQuery(t, "10.244.1.99 -> app/db:80"))
	g.Expect(explanation.Paths[0].Ingress.Peer).To(Equal(Pod("app", "web")), "podIP counts where podIPs are missing")
}

func TestFamilies(t *testing.T) {
	g := NewWithT(t)
	cluster := fixture(readPolicies(t, outOf+"[{to: [{ipBlock: {cidr: \"::/0\"}}]}]}")...)
	cluster.Plugin.BlocksMatchPods = Yes
	evaluator := mustCompile(t, cluster)
	query := readQuery(t, web)
	g.Expect(mustExplain(t, evaluator, query).Verdict).To(Equal(Deny), "IPv4 is the first that both have")
	query.Family = corev1.IPv6Protocol
	g.Expect(mustExplain(t, evaluator, query).Verdict).To(Equal(Allow))

	service := readQuery(t, "app/web -> svc:app/pg:80")
	cluster.Services[0].Spec.ClusterIPs = []string{"fd00:96::10", "10.96.0.10"}
	g.Expect(mustExplain(t, mustCompile(t, cluster), service).Verdict).To(Equal(Allow), "the Service prefers IPv6")
	cluster.Services[0].Spec.ClusterIPs, cluster.Services[0].Spec.ClusterIP = nil, ""
	cluster.Services[0].Spec.IPFamilies = []corev1.IPFamily{corev1.IPv6Protocol, corev1.IPv4Protocol}
	g.Expect(mustExplain(t, mustCompile(t, cluster), service).Verdict).To(Equal(Allow), "also before it has an address")
}

func FuzzParsePrefix(f *testing.F) {
	for _, cidr := range []string{"10.0.0.0/8", "010.000.1.2/08", "2001:db8::/32", "::ffff:10.0.0.0/104", "::ffff:10.0.0.0/8", "/", "1.2.3/4", "fe80::1%eth0/64"} {
		f.Add(cidr)
	}
	f.Fuzz(func(t *testing.T, cidr string) {
		prefix, err := parsePrefix(cidr)
		if err != nil {
			return
		}
		again, err := parsePrefix(prefix.String())
		if err != nil || again != prefix || prefix != prefix.Masked() || prefix.Addr().Is4In6() && prefix.Bits() >= 96 {
			t.Errorf("%q reads as %v, and that as %v (%v)", cidr, prefix, again, err)
		}
	})
}
