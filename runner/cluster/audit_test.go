package cluster

import (
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/podknock/podknock/runner"
)

func TestAuditNamesWhatWouldTakeAProbePod(t *testing.T) {
	g := NewWithT(t)
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "theirs", Name: name} }
	web := map[string]string{"app": "web"}
	ours := meta("ours")
	ours.Labels = map[string]string{runner.LabelRun: "run1"}
	elsewhere := meta("elsewhere")
	elsewhere.Namespace = "else"
	c, client := openFake(t,
		&corev1.Service{ObjectMeta: meta("web"), Spec: corev1.ServiceSpec{Selector: web}},
		&corev1.Service{ObjectMeta: meta("db"), Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "db"}}},
		&corev1.Service{ObjectMeta: meta("without-selector")},
		&corev1.Service{ObjectMeta: elsewhere, Spec: corev1.ServiceSpec{Selector: web}},
		&corev1.Service{ObjectMeta: ours, Spec: corev1.ServiceSpec{Selector: web}},
		&corev1.ReplicationController{ObjectMeta: meta("old"), Spec: corev1.ReplicationControllerSpec{Selector: web}},
		&appsv1.ReplicaSet{ObjectMeta: meta("web-7d4"), Spec: appsv1.ReplicaSetSpec{Selector: &metav1.LabelSelector{
			MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpIn, Values: []string{"web"}}},
		}}},
		&appsv1.DaemonSet{ObjectMeta: meta("node"), Spec: appsv1.DaemonSetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "node"}}}},
	)
	order := testOrder()
	order.Meta.Namespace = "theirs"
	found, err := c.AuditLabels(t.Context(), "theirs", []runner.PodOrder{order})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found).To(ConsistOf(`Service "web"`, `ReplicationController "old"`, `ReplicaSet "web-7d4"`))

	client.PrependReactor("list", "jobs", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(corev1.Resource("jobs"), "", nil)
	})
	_, err = c.AuditLabels(t.Context(), "theirs", []runner.PodOrder{order})
	g.Expect(err).To(MatchError(ContainSubstring("list jobs in namespace \"theirs\"")))
}

func TestLimitsAreNamedWhereTheyMayBeRead(t *testing.T) {
	g := NewWithT(t)
	c, client := openFake(t,
		&corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "compute"}},
		&corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "small"}},
	)
	g.Expect(c.ListLimits(t.Context(), "ns")).To(Equal([]string{`LimitRange "small"`, `ResourceQuota "compute"`}))
	client.PrependReactor("list", "limitranges", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(corev1.Resource("limitranges"), "", nil)
	})
	_, err := c.ListLimits(t.Context(), "ns")
	g.Expect(apierrors.IsForbidden(err)).To(BeTrue())
	g.Expect(err).To(MatchError(ContainSubstring(`list quotas and limit ranges of namespace "ns"`)))
}

func TestContainersThatSomebodyPutIntoAPodAreNamed(t *testing.T) {
	pod := &corev1.Pod{Spec: corev1.PodSpec{
		InitContainers: []corev1.Container{{Name: "mesh-init"}}, Containers: []corev1.Container{{Name: containerName}, {Name: "proxy"}},
	}}
	NewWithT(t).Expect(newRunning(pod).Injected).To(Equal([]string{"mesh-init", "proxy"}))
}
