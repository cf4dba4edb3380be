package policy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// fixture is the cluster that the tables speak about: two nodes, the namespaces app (team=blue), shop (team=red) and bare, and
//
//	app/web   app=web  n1
//	app/db    app=db   n2  containers: pg 5432/TCP, dns 53/UDP, again pg 6432/TCP; sidecar: metrics 9090/TCP; gone: setup 7000/TCP
//	app/db2   app=db   n2  pg 5433/TCP
//	app/host  app=host n1  hostNetwork, web 80/TCP
//	app/done  app=done n1  finished, its address is that of app/web
//	app/young app=young    without node and addresses
//	shop/web  app=web  n1
//	shop/empty tier=""  n2
//	bare/none          n2
//
// with Services app/pg 80->pg of app=db, app/self 8080->80 of app=web, app/head (headless, app=db), app/nobody 80.
func fixture(policies ...networkingv1.NetworkPolicy) Cluster {
	named := func(name string, number int32, protocol corev1.Protocol) corev1.ContainerPort {
		return corev1.ContainerPort{Name: name, ContainerPort: number, Protocol: protocol}
	}
	db := testPod("app/db", "n2", "10.244.2.10", "fd00:244:2::10", "app=db")
	db.Spec.Containers = []corev1.Container{
		{Ports: []corev1.ContainerPort{named("pg", 5432, ""), named("dns", 53, corev1.ProtocolUDP)}},
		{Ports: []corev1.ContainerPort{named("pg", 6432, corev1.ProtocolTCP)}},
	}
	always := corev1.ContainerRestartPolicyAlways
	db.Spec.InitContainers = []corev1.Container{
		{Ports: []corev1.ContainerPort{named("metrics", 9090, "")}, RestartPolicy: &always},
		{Ports: []corev1.ContainerPort{named("setup", 7000, "")}},
	}
	db2 := testPod("app/db2", "n2", "10.244.2.11", "fd00:244:2::11", "app=db")
	db2.Spec.Containers = []corev1.Container{{Ports: []corev1.ContainerPort{named("pg", 5433, "")}}}
	host := testPod("app/host", "n1", "10.0.0.1", "", "app=host")
	host.Spec.HostNetwork = true
	host.Spec.Containers = []corev1.Container{{Ports: []corev1.ContainerPort{named("web", 80, "")}}}
	done := testPod("app/done", "n1", "10.244.1.10", "", "app=done")
	done.Status.Phase = corev1.PodSucceeded
	return Cluster{
		Namespaces: []corev1.Namespace{
			{ObjectMeta: metav1.ObjectMeta{Name: "app", Labels: map[string]string{"team": "blue"}}},
			{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"team": "red"}}},
			{ObjectMeta: metav1.ObjectMeta{Name: "bare"}},
		},
		Nodes: []corev1.Node{testNode("n1", "10.0.0.1", "10.244.1.0/24"), testNode("n2", "10.0.0.2", "10.244.2.0/24")},
		Pods: []corev1.Pod{
			testPod("app/web", "n1", "10.244.1.10", "fd00:244:1::10", "app=web"), db, db2, host, done,
			testPod("app/young", "", "", "", "app=young"),
			testPod("shop/web", "n1", "10.244.1.20", "fd00:244:1::20", "app=web"),
			testPod("shop/empty", "n2", "10.244.2.20", "fd00:244:2::20", "tier="),
			testPod("bare/none", "n2", "10.244.2.30", "", ""),
		},
		Services: []corev1.Service{
			testService("app/pg", "10.96.0.10", "app=db", corev1.ServicePort{Port: 80, TargetPort: intstr.FromString("pg")}),
			testService("app/self", "10.96.0.11", "app=web",
				corev1.ServicePort{Port: 8080, TargetPort: intstr.FromInt32(80), NodePort: 30080}),
			testService("app/head", "None", "app=db", corev1.ServicePort{Port: 80, TargetPort: intstr.FromString("pg")}),
			testService("app/nobody", "10.96.0.12", "app=nobody", corev1.ServicePort{Port: 80}),
		},
		Policies: policies,
	}
}

func testPod(name, node, v4, v6, labels string) corev1.Pod {
	namespace, name, _ := strings.Cut(name, "/")
	pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: readLabels(labels)}}
	pod.Spec.NodeName = node
	for _, address := range []string{v4, v6} {
		if address != "" {
			pod.Status.PodIPs = append(pod.Status.PodIPs, corev1.PodIP{IP: address})
		}
	}
	return pod
}

func testNode(name, address, podCIDR string) corev1.Node {
	node := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	node.Spec.PodCIDR = podCIDR
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address}, {Type: corev1.NodeHostName, Address: name}}
	return node
}

func testService(name, address, selector string, ports ...corev1.ServicePort) corev1.Service {
	namespace, name, _ := strings.Cut(name, "/")
	service := corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	service.Spec = corev1.ServiceSpec{ClusterIP: address, Selector: readLabels(selector), Ports: ports}
	return service
}

func readLabels(text string) map[string]string {
	if text == "" {
		return nil
	}
	set := map[string]string{}
	for _, pair := range strings.Split(text, ",") {
		key, value, _ := strings.Cut(pair, "=")
		set[key] = value
	}
	return set
}

// readPolicies reads policies, one for each "namespace/name: spec" document. A spec is YAML in flow or block style.
func readPolicies(t testing.TB, texts ...string) []networkingv1.NetworkPolicy {
	t.Helper()
	var policies []networkingv1.NetworkPolicy
	for _, text := range texts {
		name, spec, _ := strings.Cut(text, ": ")
		namespace, name, _ := strings.Cut(name, "/")
		policy := networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		if err := yaml.UnmarshalStrict([]byte(spec), &policy.Spec); err != nil {
			t.Fatalf("policy %q: %v", text, err)
		}
		policies = append(policies, policy)
	}
	return policies
}

// readQuery reads "from -> to:port[/protocol]". Ends are namespace/pod, svc:namespace/name, node:name or an address; an IPv6 address as a target is
// in brackets.
func readQuery(t testing.TB, text string) Query {
	t.Helper()
	from, to, _ := strings.Cut(text, " -> ")
	to, protocol, _ := cutLast(to, "/", strings.LastIndex(to, ":"))
	to, port, _ := cutLast(to, ":", 0)
	query := Query{From: readEndpoint(t, from), To: readEndpoint(t, to), Protocol: corev1.Protocol(protocol)}
	if _, err := fmt.Sscan(port, &query.Port); err != nil {
		t.Fatalf("query %q: %v", text, err)
	}
	return query
}

// cutLast cuts at the last separator after an index.
func cutLast(text, separator string, after int) (string, string, bool) {
	if i := strings.LastIndex(text, separator); i > after {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}

func readEndpoint(t testing.TB, text string) Endpoint {
	t.Helper()
	kind, rest, typed := strings.Cut(text, ":")
	switch {
	case typed && kind == "svc":
		namespace, name, _ := strings.Cut(rest, "/")
		return Service(namespace, name)
	case typed && kind == "node":
		return Node(rest)
	case strings.Contains(text, "/"):
		namespace, name, _ := strings.Cut(text, "/")
		return Pod(namespace, name)
	}
	address, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		t.Fatalf("endpoint %q: %v", text, err)
	}
	return Address(address)
}

func mustCompile(t testing.TB, cluster Cluster) *Evaluator {
	t.Helper()
	evaluator, err := Compile(cluster)
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	return evaluator
}

func mustExplain(t testing.TB, evaluator *Evaluator, query Query) Explanation {
	t.Helper()
	explanation, err := evaluator.Explain(query)
	if err != nil {
		t.Fatalf("explain: %v", err)
	}
	verdict, err := evaluator.Verdict(query)
	if err != nil || verdict != explanation.Verdict {
		t.Fatalf("Verdict says %q (%v), Explain says %q", verdict, err, explanation.Verdict)
	}
	return explanation
}
