package cluster

import (
	"testing"

	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func someObjects() *fake.Clientset {
	meta := func(namespace, name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name}
	}
	return fake.NewClientset(
		&corev1.Namespace{ObjectMeta: meta("", "shop")}, &corev1.Namespace{ObjectMeta: meta("", "ops")},
		&corev1.Pod{ObjectMeta: meta("shop", "web")}, &corev1.Pod{ObjectMeta: meta("ops", "probe")},
		&corev1.Service{ObjectMeta: meta("shop", "web")}, &corev1.Node{ObjectMeta: meta("", "worker")},
		&networkingv1.NetworkPolicy{ObjectMeta: meta("shop", "web")},
		&admissionv1.ValidatingWebhookConfiguration{ObjectMeta: meta("", "hook"), Webhooks: []admissionv1.ValidatingWebhook{
			{ClientConfig: admissionv1.WebhookClientConfig{Service: &admissionv1.ServiceReference{Namespace: "shop", Name: "web"}}},
		}},
	)
}

// forbid lets lists of a resource fail where they are not of the namespace.
func forbid(client *fake.Clientset, resource, but string) {
	client.PrependReactor("list", resource, func(action clienttesting.Action) (bool, runtime.Object, error) {
		if but != "" && action.GetNamespace() == but {
			return false, nil, nil
		}
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", nil)
	})
}

func TestObjectsThatMustBeReadAndMayNotAreAnError(t *testing.T) {
	for _, resource := range []string{"pods", "networkpolicies"} {
		client := someObjects()
		forbid(client, resource, "")
		_, err := ReadObjects(t.Context(), client, "shop")
		NewWithT(t).Expect(err).To(MatchError(ContainSubstring("forbidden")))
	}
}

func TestWhatMayNotBeReadIsKnownToBeUnknown(t *testing.T) {
	g := NewWithT(t)
	client := someObjects()
	for _, resource := range []string{"pods", "networkpolicies", "services"} {
		forbid(client, resource, "shop")
	}
	for _, resource := range []string{"namespaces", "nodes", "endpointslices", "validatingwebhookconfigurations"} {
		forbid(client, resource, "")
	}
	objects, err := ReadObjects(t.Context(), client, "shop")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(objects.Cluster.Pods).To(HaveLen(1))
	g.Expect(objects.Cluster.Services).To(HaveLen(1))
	g.Expect(objects.Cluster.Namespaces).To(HaveLen(1), "that of the pods is known to be there")
	g.Expect(objects.Knowledge.Pods).To(BeFalse())
	g.Expect(objects.Knowledge.AllPodsOf("shop")).To(BeTrue())
	g.Expect(objects.Knowledge.AllPodsOf("ops")).To(BeFalse())
	g.Expect(objects.Knowledge.LabelsOf("shop")).To(BeFalse())
}

func TestAllObjectsAreRead(t *testing.T) {
	g := NewWithT(t)
	objects, err := ReadObjects(t.Context(), someObjects(), "")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(objects.Cluster.Pods).To(HaveLen(2))
	g.Expect(objects.Cluster.Nodes).To(HaveLen(1))
	g.Expect(objects.Cluster.Policies).To(HaveLen(1))
	g.Expect(objects.Webhooks).To(HaveLen(1))
	g.Expect(objects.Webhooks[0].Port).To(Equal(int32(443)))
	g.Expect(objects.Knowledge.Pods).To(BeTrue())
	g.Expect(objects.Knowledge.Namespaces).To(BeTrue())
}
