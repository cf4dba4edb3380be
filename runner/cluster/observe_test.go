package cluster

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"

	"github.com/podknock/podknock/runner"
)

// twoShops are two namespaces with a pod and a policy each.
func twoShops(t *testing.T) (*Cluster, *fake.Clientset) {
	var objects []runtime.Object
	for _, name := range []string{"shop", "other"} {
		objects = append(objects,
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"team": name}}},
			&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "web"}},
			&networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "deny"}})
	}
	c, client := openFake(t, objects...)
	c.config = &rest.Config{}
	return c, client
}

// allowOnly forbids whatever is not in a namespace: its objects, and the namespace itself unless without says so.
func allowOnly(client *fake.Clientset, namespace, without string) {
	client.PrependReactor("*", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		resource := action.GetResource()
		inside := action.GetNamespace() == namespace || resource.Resource == "group" // discovery is for everybody
		if get, ok := action.(clienttesting.GetAction); ok && resource.Resource == "namespaces" {
			inside = get.GetName() == namespace
		}
		if inside && resource.Resource != without {
			return false, nil, nil
		}
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Group: resource.Group, Resource: resource.Resource}, "", nil)
	})
}

func TestObservingWithoutRights(t *testing.T) {
	for _, row := range []struct{ name, without, ask, want string }{
		{"pods of the namespace may not be listed", "pods", "shop", "list pods in namespace shop: "},
		{"the namespace may not be read, at whose labels policies look", "namespaces", "shop", "get namespace shop: "},
		{"another namespace is asked about", "", "other", "namespace other: "},
		{"no namespace is named, as for an address", "", "", "forbidden"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			c, client := twoShops(t)
			allowOnly(client, "shop", row.without)
			var namespaces []string
			if row.ask != "" {
				namespaces = append(namespaces, row.ask)
			}
			_, err := c.Observe(t.Context(), namespaces...)
			g.Expect(err).To(MatchError(ContainSubstring(row.want)))
			g.Expect(apierrors.IsForbidden(err)).To(BeTrue())
		})
	}
}

func TestObservingOneNamespaceWhereNoMoreIsAllowed(t *testing.T) {
	g := NewWithT(t)
	c, client := twoShops(t)
	allowOnly(client, "shop", "")
	s, err := c.Observe(t.Context(), "shop")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(s.Partial).To(BeTrue())
	g.Expect(s.Pods).To(HaveExactElements(HaveField("Namespace", "shop")))
	g.Expect(s.Policies).To(HaveExactElements(HaveField("Namespace", "shop")))
	g.Expect(s.Namespaces).To(HaveExactElements(HaveField("Labels", HaveKeyWithValue("team", "shop"))))
	var unread []string
	for _, one := range s.Unread {
		unread = append(unread, one.What)
	}
	g.Expect(unread).To(ConsistOf(
		"namespaces elsewhere than in shop", "pods elsewhere than in shop", "services elsewhere than in shop", "endpointslices elsewhere than in shop",
		"networkpolicies elsewhere than in shop", "nodes", "daemonsets", "validatingwebhookconfigurations", "mutatingwebhookconfigurations"))
}

func TestPodsOfGuestsAreWatchedWhereTheyStandAlone(t *testing.T) {
	g := NewWithT(t)
	c, client := twoShops(t)
	c.options.Guest, c.pods = true, newPodWatch(client, c.options.Run)
	t.Cleanup(c.pods.close)
	client.ClearActions()
	for range 2 { // the second time it is prepared already
		g.Expect(c.PrepareNamespace(t.Context(), "shop")).To(Succeed())
	}
	watches := 0
	for _, action := range client.Actions() {
		if action.GetResource().Resource == "pods" {
			g.Expect(action.GetNamespace()).To(Equal("shop"))
		}
		if action.Matches("watch", "pods") {
			watches++
		}
	}
	g.Expect(watches).To(Equal(1))
	_, err := client.CoreV1().Pods("shop").Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: "probe", Labels: map[string]string{runner.LabelRun: c.options.Run},
	}}, metav1.CreateOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(func() *corev1.Pod { pod, _ := c.pods.get("shop", "probe"); return pod }).ShouldNot(BeNil())
}

func TestObservingTheWholeCluster(t *testing.T) {
	g := NewWithT(t)
	c, _ := twoShops(t)
	s, err := c.Observe(t.Context(), "shop")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(s.Partial).To(BeFalse())
	g.Expect(s.Unread).To(BeEmpty())
	g.Expect(s.Pods).To(HaveLen(2))
}
