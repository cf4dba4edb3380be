package cluster

import (
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/podknock/podknock/runner/verify/plugins"
)

// onCluster is a view of objects alone.
func onCluster(options Options, objects ...runtime.Object) (*Cluster, *fake.Clientset) {
	client := fake.NewClientset(objects...)
	return &Cluster{options: options, client: client}, client
}

func TestMissingRules(t *testing.T) {
	for _, tc := range []struct {
		name    string
		options Options
		// denied are "VERB GROUP/RESOURCE/SUBRESOURCE".
		denied []string
		// where is the namespace in which is asked.
		where string
		want  []rbacv1.PolicyRule
	}{
		{"nothing but what is missing is named", Options{}, []string{"patch /namespaces/", "create /pods/portforward", "get /pods/portforward"}, "", []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"pods/portforward"}, Verbs: []string{"create", "get"}},
			{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"patch"}},
		}},
		{"the exec channel needs another right", Options{Channel: Exec}, []string{"create /pods/exec", "create /pods/portforward"}, "", []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"pods/exec"}, Verbs: []string{"create"}},
		}},
		{"a tenant needs no rights on nodes", Options{Tenant: "team"}, []string{"list /nodes/", "update networking.k8s.io/networkpolicies/"}, "team", []rbacv1.PolicyRule{
			{APIGroups: []string{"networking.k8s.io"}, Resources: []string{"networkpolicies"}, Verbs: []string{"update"}},
		}},
		{"of a reserve the first namespace stands for all, and what would adopt pods needs not be read", Options{Reserve: []string{"pool-1", "pool-2"}},
			[]string{"get /namespaces/", "delete /namespaces/", "list apps/replicasets/", "deletecollection /pods/"}, "pool-1", []rbacv1.PolicyRule{
				{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"get"}},
			}},
		{"whoever may everything lacks nothing", Options{}, nil, "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			c, client := onCluster(tc.options)
			client.PrependReactor("create", "selfsubjectaccessreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
				review := action.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview)
				asked := review.Spec.ResourceAttributes
				g.Expect(asked.Namespace).To(Equal(tc.where))
				review.Status.Allowed = !slices.Contains(tc.denied, asked.Verb+" "+asked.Group+"/"+asked.Resource+"/"+asked.Subresource)
				return true, review, nil
			})
			missing, err := c.MissingRules(t.Context())
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(missing).To(Equal(tc.want))
		})
	}
}

func ciliumObjects() []runtime.Object {
	return []runtime.Object{
		&appsv1.DaemonSet{
			ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "cilium"},
			Spec: appsv1.DaemonSetSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
				InitContainers: []corev1.Container{{Name: "config", Image: "quay.io/cilium/cilium:v1.18.2"}},
				Containers:     []corev1.Container{{Name: "cilium-agent", Image: "quay.io/cilium/cilium:v1.18.2", Args: []string{"--config-dir=/tmp/cilium/config-map"}}},
			}}},
			Status: appsv1.DaemonSetStatus{DesiredNumberScheduled: 3, NumberReady: 2},
		},
		&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "cilium-config"},
			Data:       map[string]string{"enable-policy": "never", "enable-ipv6": "true"},
		},
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node1"}},
	}
}

func TestInventoryTellsThePlugin(t *testing.T) {
	g := NewWithT(t)
	c, _ := onCluster(Options{}, ciliumObjects()...)
	inventory, notes, err := c.Inventory(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(notes).To(BeEmpty())
	found := plugins.Identify(&inventory)
	g.Expect(found).To(HaveLen(1))
	g.Expect(found[0]).To(And(HaveField("Name", "Cilium"), HaveField("Enforcement", plugins.SwitchedOff), HaveField("Ready", 2), HaveField("Wanted", 3)))
	g.Expect(found[0].Off).To(ConsistOf(ContainSubstring("enable-policy is never")))
}

func TestInventoryGoesOnWithoutRights(t *testing.T) {
	g := NewWithT(t)
	c, client := onCluster(Options{}, ciliumObjects()...)
	for _, resource := range []string{"daemonsets", "configmaps"} {
		client.PrependReactor("*", resource, func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", nil)
		})
	}
	inventory, notes, err := c.Inventory(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(inventory.Nodes).To(HaveLen(1))
	g.Expect(inventory.DaemonSets).To(BeEmpty())
	g.Expect(notes).To(ConsistOf(ContainSubstring("daemonsets.apps"), ContainSubstring("configmap kube-system/cilium-config")))
}

func TestNodeStates(t *testing.T) {
	readyNode := func(change func(*corev1.Node)) corev1.Node {
		node := corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: "node1", Labels: map[string]string{"pool": "workers"}},
			Status:     corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}},
		}
		change(&node)
		return node
	}
	taint := corev1.Taint{Key: "dedicated", Value: "gpu", Effect: corev1.TaintEffectNoSchedule}
	for _, tc := range []struct {
		name    string
		options Options
		node    corev1.Node
		problem string
	}{
		{"not Ready, with the kubelet's reason", Options{}, readyNode(func(n *corev1.Node) {
			n.Status.Conditions[0].Status, n.Status.Conditions[0].Message = corev1.ConditionFalse, "cni plugin not initialized"
		}), "cni plugin not initialized"},
		{"never reported", Options{}, corev1.Node{}, "has not reported yet"},
		{"cordoned", Options{}, readyNode(func(n *corev1.Node) { n.Spec.Unschedulable = true }), "cordoned"},
		{"tainted", Options{}, readyNode(func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{taint} }), "--toleration dedicated=gpu:NoSchedule"},
		{"Windows", Options{}, readyNode(func(n *corev1.Node) { n.Labels[corev1.LabelOSStable] = "windows" }), "Windows"},
		{"left out by a selector", Options{NodeSelector: map[string]string{"pool": "system"}}, readyNode(func(*corev1.Node) {}), "pool=system"},
		{"tainted and tolerated", Options{Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}}},
			readyNode(func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{taint} }), ""},
		{"ready", Options{}, readyNode(func(*corev1.Node) {}), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			c := &Cluster{options: tc.options}
			state := c.NodeStates([]corev1.Node{tc.node})[0]
			if tc.problem == "" {
				g.Expect(state.Problem).To(BeEmpty())
				return
			}
			g.Expect(state.Problem).To(ContainSubstring(tc.problem))
		})
	}
}
