package diagnose_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner/diagnose"
	"github.com/podknock/podknock/scenarios/policy"
)

// world is the evidence about a connection from shop/web on node-1 to shop/db:5432 on node-2, which a Service db offers on port 80.
type world struct {
	*diagnose.Evidence
	t *testing.T
}

func newWorld(t *testing.T) *world {
	web, db, dns := newPod("shop", "web", "node-1", "10.1.0.2", "app=web"), newPod("shop", "db", "node-2", "10.2.0.2", "app=db"), newPod("kube-system", "dns", "node-2", "10.2.0.3", "k8s-app=kube-dns")
	db.Spec.Containers[0].Ports = []corev1.ContainerPort{{Name: "pg", ContainerPort: 5432, Protocol: corev1.ProtocolTCP}, {Name: "admin", ContainerPort: 5440, Protocol: corev1.ProtocolTCP}}
	s := &diagnose.Snapshot{}
	for _, name := range []string{"shop", "other", "kube-system", "default"} {
		s.Namespaces = append(s.Namespaces, corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	s.Nodes = []corev1.Node{newNode("node-1", "10.9.0.1"), newNode("node-2", "10.9.0.2")}
	s.Pods = []corev1.Pod{web, db, dns}
	s.Services = []corev1.Service{newService("shop", "db", "10.96.0.7", 80, 5432, "app=db"), newService("kube-system", "kube-dns", "10.96.0.10", 53, 53, "k8s-app=kube-dns")}
	s.Services[1].Spec.Ports = append(s.Services[1].Spec.Ports, corev1.ServicePort{Name: "dns", Port: 53, TargetPort: intstr.FromInt32(53), Protocol: corev1.ProtocolUDP})
	s.EndpointSlices = []discoveryv1.EndpointSlice{newSlice("shop", "db", 5432, "10.2.0.2")}
	return &world{t: t, Evidence: &diagnose.Evidence{
		Snapshot: s, Asked: true,
		Question: diagnose.Question{
			From: policy.Pod("shop", "web"), To: policy.Pod("shop", "db"), Pod: policy.Pod("shop", "db"), Port: 5432, PodPort: 5432, Protocol: corev1.ProtocolTCP,
		},
	}}
}

func newPod(namespace, name, node, address, labels string) corev1.Pod {
	set := map[string]string{}
	for pair := range strings.SplitSeq(labels, ",") {
		key, value, _ := strings.Cut(pair, "=")
		set[key] = value
	}
	started := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: set, CreationTimestamp: started},
		Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "app"}}},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: address, PodIPs: []corev1.PodIP{{IP: address}}, StartTime: &started,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		},
	}
}

func newNode(name, address string) corev1.Node {
	return corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status:     corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address}}},
	}
}

func newService(namespace, name, address string, port, target int32, selector string) corev1.Service {
	key, value, _ := strings.Cut(selector, "=")
	return corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.ServiceSpec{
			ClusterIP: address, ClusterIPs: []string{address}, Selector: map[string]string{key: value},
			Ports: []corev1.ServicePort{{Port: port, TargetPort: intstr.FromInt32(target), Protocol: corev1.ProtocolTCP}},
		},
	}
}

func newSlice(namespace, service string, port int32, addresses ...string) discoveryv1.EndpointSlice {
	name, protocol, ready := "", corev1.ProtocolTCP, true
	return discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: namespace, Name: service + "-1", Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Name: &name, Port: &port, Protocol: &protocol}},
		Endpoints: []discoveryv1.Endpoint{{Addresses: addresses, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
	}
}

// policy adds a policy to a namespace.
func (w *world) policy(namespace, name, spec string) *networkingv1.NetworkPolicy {
	w.t.Helper()
	object := networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	NewWithT(w.t).Expect(yaml.UnmarshalStrict([]byte(spec), &object.Spec)).To(Succeed())
	// As the API server writes the defaults into the object.
	if len(object.Spec.PolicyTypes) == 0 {
		object.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		if len(object.Spec.Egress) > 0 {
			object.Spec.PolicyTypes = append(object.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		}
	}
	w.Snapshot.Policies = append(w.Snapshot.Policies, object)
	return &w.Snapshot.Policies[len(w.Snapshot.Policies)-1]
}

// toService asks for the Service instead of the pod.
func (w *world) toService() {
	w.Question.To, w.Question.Port = policy.Service("shop", "db"), 80
}

// wire adds an answer.
func (w *world) wire(way diagnose.Way, from diagnose.Role, outcome probe.Outcome) *diagnose.Knock {
	phase := probe.PhaseConnect
	if outcome == probe.Connected {
		phase = probe.PhaseDone
	}
	w.Knocks = append(w.Knocks, diagnose.Knock{
		Way: way, From: from, Family: corev1.IPv4Protocol, Port: w.Question.PodPort, Round: 1,
		Attempt: probe.Attempt{Protocol: probe.TCP},
		Result:  probe.Result{Reading: probe.Reading{Outcome: outcome, Reason: "it was " + string(outcome)}, Observation: probe.Observation{Phase: phase}},
	})
	return &w.Knocks[len(w.Knocks)-1]
}

// lookup adds an answer of the name server.
func (w *world) lookup(server string, tcp bool, code probe.DNSCode) {
	k := w.wire(diagnose.WayLookup, diagnose.RoleSource, probe.DNSFailure)
	k.Family = ""
	k.Attempt = probe.Attempt{Protocol: probe.DNS, DNS: &probe.DNSQuestion{TCP: tcp}}
	query := probe.Query{Name: "db.shop", Type: "A", Server: netip.AddrPortFrom(netip.MustParseAddr(server), 53), TCP: tcp, Code: code}
	if code == probe.DNSNoError {
		k.Result.Outcome, k.Result.Reason, k.Result.Phase = probe.Connected, "it was answered", probe.PhaseDone
		query.Addresses = []netip.Addr{netip.MustParseAddr("10.96.0.7")}
	}
	k.Result.Queries = []probe.Query{query}
}

// doubles are the probe pods of a question.
func (w *world) doubles() {
	w.Doubles = []diagnose.Double{
		{Role: diagnose.RoleSource, Pod: "shop/p-source", Node: "node-1"}, {Role: diagnose.RoleControl, Pod: "shop/p-control", Node: "node-1"},
		{Role: diagnose.RoleTwin, Pod: "shop/p-twin", Node: "node-2"}, {Role: diagnose.RoleDestination, Pod: "shop/p-destination", Node: "node-2"},
	}
}

// agent adds a DaemonSet of a network, with a pod on each node that is younger than the others.
func (w *world) agent(name string, args ...string) *appsv1.DaemonSet {
	set := appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: name}}
	set.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"k8s-app": name}}
	set.Spec.Template.Spec.Containers = []corev1.Container{{Name: "agent", Args: args}}
	w.Snapshot.DaemonSets = append(w.Snapshot.DaemonSets, set)
	return &w.Snapshot.DaemonSets[len(w.Snapshot.DaemonSets)-1]
}

// pod is a pod of the snapshot.
func (w *world) pod(name string) *corev1.Pod { return w.Snapshot.Pod(policy.Pod("shop", name)) }

// blocked and open are what the asker wants.
func (w *world) blocked()   { w.Question.Expect = diagnose.ExpectBlocked }
func (w *world) connected() { w.Question.Expect = diagnose.ExpectConnected }

// diagnose judges and diagnoses.
func (w *world) diagnose() *diagnose.Report {
	w.t.Helper()
	NewWithT(w.t).Expect(w.Judge()).To(Succeed())
	return diagnose.Diagnose(w.Evidence)
}

// netipPort is an address with some port.
func netipPort(address string) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(address), 1234)
}
