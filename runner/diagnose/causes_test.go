package diagnose_test

import (
	"net/netip"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner/diagnose"
	"github.com/podknock/podknock/scenarios/policy"
)

const (
	source, twin, control          = diagnose.RoleSource, diagnose.RoleTwin, diagnose.RoleControl
	target, pod, double            = diagnose.WayTarget, diagnose.WayPod, diagnose.WayDouble
	timeout, connected             = probe.Timeout, probe.Connected
	fromWeb                        = `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}`
	denyAll                        = `{podSelector: {}, policyTypes: [Ingress]}`
	dnsLess                        = `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]}`
	fromFrontToDBByNameOfOtherPort = `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: postgres}]}]}`
)

// causeRows have, for each cause that is checked, a world in which it has to be named first.
var causeRows = []struct {
	name, cause string
	make        func(w *world)
}{
	{"nothing is enforced, as the canary shows", "not-enforced", func(w *world) {
		w.policy("shop", "deny", denyAll)
		w.wire(pod, source, connected)
		w.Canary = map[string]diagnose.CanaryResult{"node-1": diagnose.CanaryOpen, "node-2": diagnose.CanaryOpen}
	}},
	{"an engine's argument says never", "switched-off", func(w *world) {
		w.policy("shop", "deny", denyAll)
		w.agent("cilium", "--enable-policy=never")
		w.wire(pod, source, connected)
		w.Canary = map[string]diagnose.CanaryResult{"node-1": diagnose.CanaryOpen}
	}},
	{"one node enforces and one does not", "node-not-enforcing", func(w *world) {
		w.policy("shop", "deny", denyAll)
		w.wire(pod, source, connected)
		w.Canary = map[string]diagnose.CanaryResult{"node-1": diagnose.CanaryEnforced, "node-2": diagnose.CanaryOpen}
	}},
	{"the pod is older than the agent, and its double is stopped", "unmanaged-pod", func(w *world) {
		w.policy("shop", "deny", denyAll)
		w.agent("calico-node")
		agent := newPod("kube-system", "calico-node-x", "node-2", "", "k8s-app=calico-node")
		agent.Spec.HostNetwork, agent.Status.PodIPs = true, nil
		agent.CreationTimestamp = metav1.NewTime(agent.CreationTimestamp.Add(time.Hour))
		w.Snapshot.Pods = append(w.Snapshot.Pods, agent)
		w.wire(pod, source, connected)
		w.wire(double, source, timeout)
		w.Canary = map[string]diagnose.CanaryResult{"node-2": diagnose.CanaryEnforced}
	}},
	{"the policy is elsewhere and protects nothing", "other-namespace", func(w *world) {
		w.blocked()
		w.policy("other", "db", `{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress]}`)
		w.wire(pod, source, connected)
	}},
	{"a peer's label is misspelled", "selector-misses", func(w *world) {
		w.policy("shop", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: wbe}}}]}]}`)
		w.wire(pod, source, timeout)
	}},
	{"the policy's own selector is misspelled", "selector-misses", func(w *world) {
		w.blocked()
		w.policy("shop", "db", `{podSelector: {matchLabels: {app: bd}}, policyTypes: [Ingress]}`)
		w.wire(pod, source, connected)
	}},
	{"an empty selector hits everybody", "empty-selector", func(w *world) {
		p := w.policy("shop", "db", `{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: api}}}], ports: [{port: 8000}]}]}`)
		p.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": `{"spec":{"podSelector":{"matchLabels":{}}}}`}
		w.wire(pod, source, timeout)
	}},
	{"the namespace lacks a label", "namespace-label", func(w *world) {
		w.policy("shop", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {matchLabels: {name: shop}}}]}]}`)
		w.wire(pod, source, timeout)
	}},
	{"a podSelector alone is meant for another namespace", "peer-namespace", func(w *world) {
		w.Snapshot.Pods = append(w.Snapshot.Pods, newPod("other", "client", "node-1", "10.1.0.9", "app=client"))
		w.Question.From = policy.Pod("other", "client")
		w.policy("shop", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]}`)
		w.wire(pod, source, timeout)
	}},
	{"AND was written as OR", "split-peer", func(w *world) {
		w.blocked()
		w.policy("shop", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}}, {podSelector: {matchLabels: {app: api}}}]}]}`)
		w.wire(pod, source, connected)
	}},
	{"one denies and another admits", "adds-up", func(w *world) {
		w.blocked()
		w.policy("shop", "deny", denyAll)
		w.policy("shop", "db", fromWeb)
		w.wire(pod, source, connected)
	}},
	{"ingress is open and egress is not", "one-end", func(w *world) {
		w.policy("shop", "deny", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}`)
		w.policy("shop", "db", fromWeb)
		w.wire(pod, source, timeout)
	}},
	{"policyTypes lacks egress", "policy-types", func(w *world) {
		w.blocked()
		w.policy("shop", "web", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: [{}], egress: [{to: [{podSelector: {matchLabels: {app: api}}}]}]}`)
		w.wire(pod, source, connected)
	}},
	{"rules that do not count are followed", "policy-types-ignored", func(w *world) {
		w.policy("shop", "web", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: [{}], egress: [{to: [{podSelector: {matchLabels: {app: api}}}]}]}`)
		w.wire(pod, source, timeout)
	}},
	{"a policy about egress was applied without policyTypes", "defaulted-ingress", func(w *world) {
		p := w.policy("shop", "db", `{podSelector: {matchLabels: {app: db}}, egress: [{to: [{podSelector: {matchLabels: {app: api}}}]}]}`)
		p.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": `{"spec":{"egress":[]}}`}
		w.wire(pod, source, timeout)
	}},
	{"egress is locked without DNS", "dns-forgotten", func(w *world) {
		w.Question.Name = "db.shop"
		w.toService()
		w.policy("shop", "web", dnsLess)
		w.lookup("10.96.0.10", false, probe.DNSTimeout)
		w.lookup("10.96.0.10", true, probe.DNSTimeout)
		w.wire(diagnose.WayName, source, probe.DNSFailure).Family = ""
	}},
	{"the name server is the node", "dns-of-host", func(w *world) {
		w.Question.Name = "db.shop"
		w.toService()
		w.policy("shop", "web", dnsLess)
		w.lookup("10.9.0.2", false, probe.DNSTimeout)
		w.lookup("10.9.0.2", true, probe.DNSTimeout)
		w.wire(diagnose.WayName, source, probe.DNSFailure).Family = ""
	}},
	{"the DNS pods listen elsewhere", "dns-port", func(w *world) {
		w.Question.Name = "db.shop"
		w.toService()
		slice, name := newSlice("kube-system", "kube-dns", 5353, "10.2.0.3"), "dns"
		slice.Ports[0].Name, slice.Ports[0].Protocol = &name, new(corev1.ProtocolUDP)
		w.Snapshot.EndpointSlices = append(w.Snapshot.EndpointSlices, slice)
		w.policy("shop", "web", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{ports: [{port: 53, protocol: UDP}, {port: 53}]}, {to: [{podSelector: {matchLabels: {app: db}}}]}]}`)
		w.lookup("10.96.0.10", false, probe.DNSTimeout)
		w.lookup("10.96.0.10", true, probe.DNSTimeout)
		w.wire(diagnose.WayName, source, probe.DNSFailure).Family = ""
	}},
	{"DNS by TCP is not admitted", "dns-tcp", func(w *world) {
		w.Question.To, w.Question.Pod, w.Question.Port, w.Question.PodPort = policy.Service("kube-system", "kube-dns"), policy.Pod("kube-system", "dns"), 53, 53
		w.Snapshot.EndpointSlices = append(w.Snapshot.EndpointSlices, newSlice("kube-system", "kube-dns", 53, "10.2.0.3"))
		w.policy("shop", "web", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{ports: [{port: 53, protocol: UDP}]}]}`)
		w.lookup("10.96.0.10", false, probe.DNSNoError)
		w.lookup("10.96.0.10", true, probe.DNSTimeout)
		w.wire(target, source, timeout)
	}},
	{"the rule has the Service's port", "service-port", func(w *world) {
		w.toService()
		w.policy("shop", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: 80}]}]}`)
		w.wire(target, source, timeout)
	}},
	{"the Service's address is stopped", "before-translation", func(w *world) {
		w.toService()
		w.wire(target, source, timeout)
		w.wire(pod, source, connected)
	}},
	{"the API server is no pod", "api-server", func(w *world) {
		w.Question.To, w.Question.Pod, w.Question.Port, w.Question.PodPort = policy.Service("default", "kubernetes"), policy.Endpoint{}, 443, 6443
		service := newService("default", "kubernetes", "10.96.0.1", 443, 6443, "x=y")
		service.Spec.Selector = nil
		w.Snapshot.Services = append(w.Snapshot.Services, service)
		w.Snapshot.EndpointSlices = append(w.Snapshot.EndpointSlices, newSlice("default", "kubernetes", 6443, "10.9.0.9"))
		w.policy("shop", "web", dnsLess)
		w.wire(target, source, timeout)
	}},
	{"an ipBlock over pods", "block-over-pods", func(w *world) {
		w.policy("shop", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/16}}]}]}`)
		w.wire(pod, source, timeout)
	}},
	{"an ipBlock over nodes", "block-over-nodes", func(w *world) {
		w.Question.To, w.Question.Pod, w.Question.Port, w.Question.PodPort = policy.Node("node-2"), policy.Endpoint{}, 10250, 10250
		w.policy("shop", "web", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.9.0.0/24}}]}]}`)
		w.wire(target, source, timeout)
	}},
	{"the destination saw another source", "source-translated", func(w *world) {
		w.blocked()
		k := w.wire(double, source, connected)
		k.Result.Local = netipPort("10.1.0.77")
		k.Result.Identity = &probe.Identity{Source: netipPort("10.9.0.1")}
		w.wire(pod, source, connected)
	}},
	{"the source is in the network of its node", "source-on-host", func(w *world) {
		w.pod("web").Spec.HostNetwork = true
		w.pod("web").Status.PodIPs = []corev1.PodIP{{IP: "10.9.0.1"}}
		w.policy("shop", "db", fromWeb)
		w.Asked, w.NotAsked = false, "host"
	}},
	{"the destination is in the network of its node", "target-on-host", func(w *world) {
		w.blocked()
		w.pod("db").Spec.HostNetwork = true
		w.pod("db").Status.PodIPs = []corev1.PodIP{{IP: "10.9.0.2"}}
		w.policy("shop", "deny", denyAll)
		w.wire(pod, source, connected)
	}},
	{"a pod's own node", "own-node", func(w *world) {
		w.blocked()
		w.Question.From = policy.Node("node-2")
		w.policy("shop", "deny", denyAll)
		w.Asked = false
	}},
	{"the API server calls a webhook", "webhook", func(w *world) {
		w.Question.From = policy.Node("node-1")
		w.policy("shop", "deny", denyAll)
		w.Snapshot.Validating = []admissionv1.ValidatingWebhookConfiguration{{Webhooks: []admissionv1.ValidatingWebhook{{
			Name: "db.example.org", ClientConfig: admissionv1.WebhookClientConfig{Service: &admissionv1.ServiceReference{Namespace: "shop", Name: "db"}},
		}}}}
		w.Asked = false
	}},
	{"a port's name is not declared", "named-port", func(w *world) {
		w.policy("shop", "db", fromFrontToDBByNameOfOtherPort)
		w.wire(pod, source, timeout)
	}},
	{"a port's name is declared, and it is stopped", "named-port-ignored", func(w *world) {
		w.policy("shop", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: pg}]}]}`)
		w.wire(pod, source, timeout)
	}},
	{"a range holds the port, and it is stopped", "end-port-ignored", func(w *world) {
		w.policy("shop", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: 5430, endPort: 5440}]}]}`)
		w.wire(pod, source, timeout)
	}},
	{"the rule is for TCP", "protocol", func(w *world) {
		w.Question.Protocol = corev1.ProtocolUDP
		w.policy("shop", "db", fromWeb)
		w.wire(double, source, timeout)
	}},
	{"a policy of another API selects the pod", "other-policy", func(w *world) {
		w.Snapshot.Others = []diagnose.OtherPolicy{{APIVersion: "cilium.io/v2", Kind: "CiliumNetworkPolicy", Namespace: "shop", Name: "db",
			Selects: []diagnose.PodSelection{{Pods: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}}}}}
		w.wire(pod, source, timeout)
	}},
	{"a proxy stands before the application", "mesh", func(w *world) {
		w.pod("db").Spec.Containers = append(w.pod("db").Spec.Containers, corev1.Container{Name: "istio-proxy"})
		w.policy("shop", "deny", denyAll)
		w.wire(pod, source, connected)
		w.Canary = map[string]diagnose.CanaryResult{"node-2": diagnose.CanaryEnforced}
	}},
	{"the second answer is not the first", "flapping", func(w *world) {
		w.wire(pod, source, timeout)
		w.wire(pod, source, connected).Round = 2
		w.blocked()
	}},
	{"the network rejects what the policies allow", "rejected", func(w *world) {
		w.wire(pod, source, probe.Rejected)
	}},
	{"the pod refuses, and its double was reached", "not-listening", func(w *world) {
		w.connected()
		w.wire(pod, source, probe.Refused)
		w.wire(double, source, connected)
	}},
	{"the Service has no endpoints", "no-endpoints", func(w *world) {
		w.connected()
		w.toService()
		w.Question.Pod = policy.Endpoint{}
		w.Snapshot.Services[0].Spec.Selector = map[string]string{"app": "bd"}
		w.Snapshot.EndpointSlices = nil
		w.wire(target, source, probe.Rejected)
	}},
	{"a finished pod had the address", "address-reused", func(w *world) {
		done := newPod("shop", "done", "node-2", "10.2.0.2", "app=done")
		done.UID, done.Status.Phase = "done", corev1.PodSucceeded
		w.Snapshot.Pods = append(w.Snapshot.Pods, done)
		w.wire(pod, source, timeout)
	}},
	{"a bare pod on the Amazon VPC CNI", "name-prefix", func(w *world) {
		w.agent("aws-node")
		w.wire(pod, source, timeout)
	}},
	{"the label host on Cilium", "special-label", func(w *world) {
		w.agent("cilium")
		w.pod("db").Labels["host"] = "a"
		w.wire(pod, source, timeout)
	}},
	{"IPv6 is stopped and IPv4 is not", "one-family", func(w *world) {
		for name, address := range map[string]string{"web": "fd00::1:2", "db": "fd00::2:2"} {
			w.pod(name).Status.PodIPs = append(w.pod(name).Status.PodIPs, corev1.PodIP{IP: address})
		}
		w.wire(pod, source, connected)
		w.wire(pod, source, timeout).Family = corev1.IPv6Protocol
	}},
	{"a pod reaches itself through its Service", "hairpin", func(w *world) {
		w.toService()
		w.Question.From = policy.Pod("shop", "db")
		w.policy("shop", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}`)
		w.wire(target, source, timeout)
	}},
	{"the pod has two networks", "second-interface", func(w *world) {
		w.blocked()
		w.pod("db").Annotations = map[string]string{"k8s.v1.cni.cncf.io/network-status": `[{"name": "a"}, {"name": "b"}]`}
		w.wire(pod, source, connected)
	}},
	{"silence between nodes, and on one node not", "between-nodes", func(w *world) {
		w.doubles()
		w.wire(pod, source, timeout)
		w.wire(double, source, timeout)
		w.wire(double, control, timeout)
		w.wire(double, twin, connected)
	}},
	{"small requests are answered, and large ones are not", "mtu", func(w *world) {
		w.wire(pod, source, connected)
		w.wire(double, source, connected)
		w.wire(diagnose.WayLarge, source, probe.Stalled)
	}},
	{"the node runs Windows", "uncovered-node", func(w *world) {
		w.Snapshot.Nodes[1].Labels = map[string]string{corev1.LabelOSStable: "windows"}
		w.policy("shop", "deny", denyAll)
		w.wire(pod, source, connected)
	}},
	{"no probe pod started", "test", func(w *world) {
		w.Asked, w.NotAsked, w.Obstacles = false, "no probe pod", []string{"the node does not get the image"}
	}},
	{"nothing admits it", "no-rule", func(w *world) {
		w.policy("shop", "deny", denyAll)
		w.wire(pod, source, timeout)
	}},
	{"a rule for another port", "rule-port", func(w *world) {
		w.policy("shop", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5433}]}]}`)
		w.wire(pod, source, timeout)
	}},
	{"no ipBlock holds the address", "block-misses", func(w *world) {
		w.Question.To, w.Question.Pod = policy.Address(netipPort("203.0.113.10").Addr()), policy.Endpoint{}
		w.policy("shop", "web", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 198.51.100.0/24}}]}]}`)
		w.wire(target, source, timeout)
	}},
	{"a rule admits it", "admitted", func(w *world) {
		w.blocked()
		w.policy("shop", "db", fromWeb)
		w.wire(pod, source, connected)
	}},
	{"nothing protects it", "not-isolated", func(w *world) {
		w.blocked()
		w.wire(pod, source, connected)
	}},
	{"the name does not exist", "name-unknown", func(w *world) {
		w.Question.Name, w.Question.To, w.Question.Pod = "dbb.shop", policy.Endpoint{}, policy.Endpoint{}
		w.connected()
		w.lookup("10.96.0.10", false, probe.DNSNXDomain)
		w.wire(diagnose.WayName, source, probe.DNSFailure).Family = ""
	}},
	{"the other end is in a namespace that may not be read", "unread-end", func(w *world) {
		w.connected()
		w.Snapshot.Partial = true
		w.Question.To, w.Question.Pod = policy.Address(netip.MustParseAddr("10.2.0.9")), policy.Endpoint{}
		w.policy("shop", "web", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {team: b}}}]}]}`)
		w.wire(target, source, timeout)
	}},
	{"nobody knows", "unexplained", func(w *world) {
		w.wire(pod, source, timeout)
	}},
}

func TestEachCauseIsNamedFirst(t *testing.T) {
	for _, row := range causeRows {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(t)
			row.make(w)
			report := w.diagnose()
			var causes []string
			for _, finding := range report.Findings {
				causes = append(causes, finding.Cause)
				g.Expect(finding.Because).NotTo(BeEmpty(), finding.Cause)
				g.Expect(finding.Advice).NotTo(BeEmpty(), finding.Cause)
				if finding.Fix != nil {
					g.Expect(finding.Fix.Command).To(HavePrefix("kubectl "), finding.Cause)
				}
			}
			g.Expect(causes).NotTo(BeEmpty())
			g.Expect(causes[0]).To(Equal(row.cause), "%s", causes)
			g.Expect(report.Answer).To(ContainSubstring(report.Findings[0].Title))
		})
	}
}

func TestAnEmptySelectorIsNarrowed(t *testing.T) {
	for _, row := range []struct {
		name string
		make func(w *world)
		want string
	}{
		{"nothing tells the subject from others", func(w *world) { w.pod("db").Labels = nil }, ""},
		{"nobody declares its ports: all but the subject", func(*world) {}, "select all pods but those with app=db"},
		{"one workload declares its ports", func(w *world) {
			for _, name := range []string{"api-1", "api-2"} {
				api := newPod("shop", name, "node-1", "10.1.0.1"+name[4:], "app=api,pod-template-hash=x")
				api.Spec.Containers[0].Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: 8000}}
				w.Snapshot.Pods = append(w.Snapshot.Pods, api)
			}
		}, "select the pods with app=api, which declare its ports"},
		{"those that declare its ports have no label of their own", func(w *world) {
			w.Snapshot.Pods = append(w.Snapshot.Pods, newPod("shop", "api", "node-1", "10.1.0.9", "app=web"))
			w.Snapshot.Pods[3].Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 8000}}
		}, "select all pods but those with app=db"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWorld(t)
			w.policy("shop", "db", `{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: api}}}], ports: [{port: 8000}]}]}`)
			w.wire(pod, source, timeout)
			row.make(w)
			findings := w.diagnose().Findings
			g.Expect(findings[0].Cause).To(Equal("empty-selector"))
			if row.want == "" {
				g.Expect(findings[0].Fix).To(BeNil())
				return
			}
			g.Expect(findings[0].Fix.Change).To(Equal(row.want))
			g.Expect(findings[0].Fix.Command).To(HavePrefix("kubectl patch networkpolicy db -n shop --type=json"))
		})
	}
}

func TestEveryCheckedCauseHasARow(t *testing.T) {
	rows := map[string]bool{}
	for _, row := range causeRows {
		rows[row.cause] = true
	}
	for _, cause := range diagnose.Catalogue() {
		if cause.Checked() != rows[cause.ID] {
			t.Errorf("cause %d %s: checked %t, has a row %t", cause.Number, cause.ID, cause.Checked(), rows[cause.ID])
		}
		if cause.Checked() == (cause.Reason != "") {
			t.Errorf("cause %d %s: has to have either a check or a reason for having none", cause.Number, cause.ID)
		}
	}
}
