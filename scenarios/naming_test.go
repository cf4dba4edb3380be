package scenarios

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

func named(name string, namespaces ...Namespace) *Scenario {
	return &Scenario{Metadata: Metadata{Name: name}, Namespaces: namespaces}
}

func naming(t *testing.T, run string, scenario *Scenario) Naming {
	t.Helper()
	naming, err := NewNaming(run, scenario)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return naming
}

func TestNamingRefusesRunsThatAreNoLabels(t *testing.T) {
	for _, run := range []string{"", "Run", "a.b", "-a", strings.Repeat("a", 21)} {
		_, err := NewNaming(run, named("s"))
		NewWithT(t).Expect(err).To(HaveOccurred(), run)
	}
}

func TestNamespacesGetNamesThatNeverMeet(t *testing.T) {
	g := NewWithT(t)
	long := strings.Repeat("x", 63)
	seen := map[string]string{}
	for _, run := range []string{"r1", "r2", "r1-a", strings.Repeat("r", 20)} {
		for _, scenario := range []string{"a", "a-b", "b", long, long[:62] + "y"} {
			for _, namespace := range []string{"app", "a", "b-app", "default", long, long[:62] + "y"} {
				name := naming(t, run, named(scenario, Namespace{Name: namespace})).Namespace(namespace)
				g.Expect(validation.IsDNS1123Label(name)).To(BeEmpty(), name)
				origin := run + " " + scenario + " " + namespace
				g.Expect(seen).NotTo(HaveKey(name), "%s and %s", origin, seen[name])
				seen[name] = origin
				g.Expect(naming(t, run, named(scenario, Namespace{Name: namespace})).Namespace(namespace)).To(Equal(name))
			}
		}
	}
}

func TestNamesOfOthersStay(t *testing.T) {
	g := NewWithT(t)
	scenario := named("s", Namespace{Name: "own"}, Namespace{Name: "theirs", Existing: true})
	scenario.Pods = []Pod{{Name: "a", Namespace: "own"}, {Name: "b", Namespace: "theirs"}}
	names := naming(t, "r1", scenario)
	g.Expect(names.Namespace("theirs")).To(Equal("theirs"))
	g.Expect(names.Namespace("kube-system")).To(Equal("kube-system"))
	g.Expect(names.Pod("a")).To(Equal("a"))
	g.Expect(names.Pod("b")).To(HavePrefix("pk-r1-b-"), "other runs may put a pod there too")
}

func TestPoliciesFollowTheNamesOfNamespaces(t *testing.T) {
	g := NewWithT(t)
	scenario := named("s", Namespace{Name: "prod"}, Namespace{Name: "staging"}, Namespace{Name: "theirs", Existing: true})
	names := naming(t, "r1", scenario)
	peers := func(staging string, list ...string) []networkingv1.NetworkPolicyPeer {
		return []networkingv1.NetworkPolicyPeer{
			{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: staging, "name": "staging"}}},
			{NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpNotIn, Values: list},
				{Key: "name", Operator: metav1.LabelSelectorOpIn, Values: []string{"staging"}},
			}}},
			{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: "staging"}}},
		}
	}
	policy := func(namespace string, peers []networkingv1.NetworkPolicyPeer) *networkingv1.NetworkPolicy {
		return &networkingv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "allow"},
			Spec: networkingv1.NetworkPolicySpec{
				Ingress: []networkingv1.NetworkPolicyIngressRule{{From: peers}},
				Egress:  []networkingv1.NetworkPolicyEgressRule{{To: peers}},
			},
		}
	}
	written := policy("prod", peers("staging", "staging", "theirs", "kube-system"))
	before := written.DeepCopy()
	applied := names.Policy(written)
	staging := names.Namespace("staging")
	g.Expect(applied).To(Equal(policy(names.Namespace("prod"), peers(staging, staging, "theirs", "kube-system"))))
	g.Expect(written).To(Equal(before))
	g.Expect(names.PolicyRef(Ref{Kind: RefPolicy, Namespace: "prod", Name: "allow"}).Namespace).To(Equal(applied.Namespace))
}

func TestTopologyIsWhatTheScenarioDeclares(t *testing.T) {
	g := NewWithT(t)
	scenario, err := Loader{}.Parse("topology.yaml", []byte(`
apiVersion: podknock.dev/v1alpha1
kind: Scenario
metadata: {name: topology}
about: One of each.
namespaces:
  app: {labels: {team: a}}
  nodes:
  kube-public: {existing: true}
pods:
  web: {namespace: app, labels: {app: web}, ports: [http=80/TCP, 53/UDP]}
  agent: {namespace: nodes, hostNetwork: true, sameNodeAs: web}
  late: {namespace: app, otherNodeThan: web}
services:
  lb: {namespace: app, type: NodePort, selector: {app: web}, ports: ["80:http", dns=53/UDP]}
  all: {namespace: app, type: Headless, selector: {app: web}, ports: [80]}
steps:
  - {name: start, expect: [{from: "*", to: "*", outcome: connected}]}
  - {name: later, create: [pod/late], expect: [{from: late, to: [web, name(all)], outcome: connected}]}
`))
	g.Expect(err).NotTo(HaveOccurred())
	names := naming(t, "r1", scenario)
	topology := names.Topology()
	app, nodes := names.Namespace("app"), names.Namespace("nodes")

	g.Expect(topology.Namespaces).To(HaveLen(2))
	g.Expect(topology.Namespaces[0].Object.Name).To(Equal(app))
	g.Expect(topology.Namespaces[0].Object.Labels).To(Equal(map[string]string{"team": "a"}))
	g.Expect(topology.Namespaces[0].HostNetwork).To(BeFalse())
	g.Expect(topology.Namespaces[1].HostNetwork).To(BeTrue())

	g.Expect(topology.Pods).To(HaveLen(3))
	g.Expect(topology.Pods[0]).To(Equal(PodObject{
		Logical: "web",
		Meta:    metav1.ObjectMeta{Namespace: app, Name: "web", Labels: map[string]string{"app": "web"}},
		Ports: []corev1.ContainerPort{
			{Name: "http", ContainerPort: 80, Protocol: "TCP"}, {ContainerPort: 53, Protocol: "UDP"},
		},
	}))
	g.Expect(topology.Pods[1].Meta.Namespace).To(Equal(nodes))
	g.Expect(topology.Pods[1].SameNodeAs).To(Equal("web"))
	g.Expect(topology.Pods[2].OtherNodeThan).To(Equal("web"))

	g.Expect(topology.Services).To(HaveLen(2))
	g.Expect(topology.Services[0].Namespace).To(Equal(app))
	g.Expect(topology.Services[0].Spec.Type).To(Equal(corev1.ServiceTypeNodePort))
	g.Expect(topology.Services[0].Spec.Ports[0].Name).To(Equal("port-1"))
	g.Expect(topology.Services[0].Spec.Ports[0].TargetPort.StrVal).To(Equal("http"))
	g.Expect(topology.Services[0].Spec.Ports[1].Name).To(Equal("dns"))
	g.Expect(topology.Services[1].Spec.ClusterIP).To(Equal(corev1.ClusterIPNone))
	g.Expect(names.HostName(Endpoint{Kind: EndpointServiceName, Name: "all"})).To(Equal("all." + app + ".svc"))

	expansion, err := Expand(scenario, ExpandOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(expansion.Start()).To(Equal([]Ref{
		{Kind: RefNamespace, Name: "app"}, {Kind: RefNamespace, Name: "nodes"}, {Kind: RefNamespace, Name: "kube-public"},
		{Kind: RefPod, Name: "web"}, {Kind: RefPod, Name: "agent"},
	}))
}
