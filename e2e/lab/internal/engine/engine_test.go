package engine

import (
	"context"
	"net"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/kube-network-policies/pkg/network"
	"sigs.k8s.io/yaml"

	"github.com/podknock/podknock/e2e/lab/internal/mutants"
)

func TestEveryMutantOfTheCatalogueIsMade(t *testing.T) {
	g := NewWithT(t)
	var names []string
	for _, m := range mutants.All() {
		names = append(names, m.Name)
	}
	var made []string
	for name := range defects {
		made = append(made, name)
	}
	g.Expect(made).To(ConsistOf(names))
}

// The cluster of the tests: two namespaces, pods on two nodes.
var clock = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func namespace(name string, labels map[string]string) *corev1.Namespace {
	all := map[string]string{corev1.LabelMetadataName: name}
	for k, v := range labels {
		all[k] = v
	}
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: all}}
}

func pod(ns, name, node, ip, ip6 string, labels map[string]string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, UID: types.UID(ns + name), Labels: labels, CreationTimestamp: metav1.NewTime(clock)},
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{
			{Ports: []corev1.ContainerPort{{Name: "web", ContainerPort: 80, Protocol: corev1.ProtocolTCP}, {Name: "udp", ContainerPort: 53, Protocol: corev1.ProtocolUDP}}},
			{Ports: []corev1.ContainerPort{{Name: "second", ContainerPort: 90, Protocol: corev1.ProtocolTCP}}},
		}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{{IP: ip}, {IP: ip6}}},
	}
}

func testState(d defect) *state {
	s := newState(d)
	s.now = func() time.Time { return clock.Add(time.Minute) }
	s.setNamespace(namespace("a", map[string]string{"team": "one", "empty": ""}))
	s.setNamespace(namespace("b", map[string]string{"team": "two"}))
	s.setPod(pod("a", "server", "node1", "10.0.1.1", "fd00:1::1", map[string]string{"app": "server", "tier": "back", "empty": ""}))
	s.setPod(pod("a", "near", "node1", "10.0.1.2", "fd00:1::2", map[string]string{"app": "client", "tier": "front", "empty": ""}))
	s.setPod(pod("a", "far", "node2", "10.0.2.1", "fd00:2::1", map[string]string{"app": "client", "tier": "back"}))
	s.setPod(pod("b", "other", "node2", "10.0.2.2", "fd00:2::2", map[string]string{"app": "other"}))
	s.setPod(pod("b", "client", "node2", "10.0.2.3", "fd00:2::3", map[string]string{"app": "client"}))
	twin := pod("a", "twin-a", "node1", "10.0.1.3", "fd00:1::3", map[string]string{"app": "plain"})
	s.setPod(twin)
	marked := pod("a", "twin-b", "node1", "10.0.1.4", "fd00:1::4", map[string]string{"app": "twin"})
	marked.Spec.Containers[0].Ports[0].ContainerPort = 81
	s.setPod(marked)
	return s
}

func policy(t *testing.T, name, spec string) *networkingv1.NetworkPolicy {
	t.Helper()
	p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: name, UID: types.UID(name), CreationTimestamp: metav1.NewTime(clock)}}
	if err := yaml.UnmarshalStrict([]byte(spec), &p.Spec); err != nil {
		t.Fatal(err)
	}
	tcp := corev1.ProtocolTCP
	for i := range p.Spec.Ingress {
		for k := range p.Spec.Ingress[i].Ports {
			if p.Spec.Ingress[i].Ports[k].Protocol == nil { // as the API server does
				p.Spec.Ingress[i].Ports[k].Protocol = &tcp
			}
		}
	}
	return p
}

// conn is a connection from one address to another, and the cluster's view of
// it: which node sees it, and whether it was sent to a Service.
type conn struct {
	from, to   string
	port       int
	proto      corev1.Protocol
	translated bool
}

// passes tells whether every node lets a connection, and its replies, through.
func (c conn) passes(s *state) bool {
	proto, from, to, port, translated := c.proto, c.from, c.to, c.port, c.translated
	p := network.Packet{Proto: proto, SrcIP: net.ParseIP(from), DstIP: net.ParseIP(to), SrcPort: 40000, DstPort: port, Family: corev1.IPv4Protocol}
	if p.SrcIP.To4() == nil {
		p.Family = corev1.IPv6Protocol
	}
	for _, node := range []string{"node1", "node2"} {
		j := &judge{state: s, node: node, lastNode: "node2"}
		if v := j.judge(context.Background(), p, translated); v.denied || v.repliesCut {
			return false
		}
	}
	return true
}
