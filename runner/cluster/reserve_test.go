package cluster

import (
	"context"
	"maps"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// spare is a namespace of a reserve with a label of its own.
func spare(change func(*corev1.Namespace)) *corev1.Namespace {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "pool-1", Labels: map[string]string{"own": "label"}}}
	if change != nil {
		change(namespace)
	}
	return namespace
}

// withReserve is a Cluster over client-go's fake that may use pool-1.
func withReserve(t *testing.T, objects ...runtime.Object) (*Cluster, *fake.Clientset) {
	t.Helper()
	c, client := openFake(t, objects...)
	c.options.Reserve = []string{"pool-1"}
	return c, client
}

func wantedIn(labels map[string]string) scenarios.NamespaceObject {
	return scenarios.NamespaceObject{Logical: "one", Object: corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "pool-1", Labels: labels}}}
}

func labelsOf(t *testing.T, client *fake.Clientset) map[string]string {
	t.Helper()
	namespace, err := client.CoreV1().Namespaces().Get(t.Context(), "pool-1", metav1.GetOptions{})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return namespace.Labels
}

func TestANamespaceOfTheReserveIsRefused(t *testing.T) {
	claimed := func(run string) func(*corev1.Namespace) {
		return func(n *corev1.Namespace) {
			n.Labels[labelClaim] = run
			n.Annotations = map[string]string{annotationClaimExpires: "9999999999"}
		}
	}
	for _, test := range []struct {
		name   string
		there  *corev1.Namespace
		labels map[string]string
		reason string
	}{
		{"while another run uses it", spare(claimed("rother")), nil, "run rother uses it until 2286-"},
		{"with another value of a label that the scenario needs", spare(nil), map[string]string{"own": "other"}, "the namespace has own=label of its own"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := NewWithT(t)
			c, client := withReserve(t, test.there)
			before := maps.Clone(labelsOf(t, client))
			g.Expect(c.CreateNamespace(t.Context(), wantedIn(test.labels))).To(MatchError(ContainSubstring(test.reason)))
			g.Expect(labelsOf(t, client)).To(Equal(before))
		})
	}
}

func TestANamespaceOfTheReserveIsGivenBackAsItWas(t *testing.T) {
	g := NewWithT(t)
	theirs := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "pool-1", Name: "theirs"}}
	c, client := withReserve(t, spare(nil), theirs)
	before := maps.Clone(labelsOf(t, client))
	g.Expect(c.CreateNamespace(t.Context(), wantedIn(map[string]string{"team": "a", "own": "label"}))).To(Succeed())
	g.Expect(labelsOf(t, client)).To(And(HaveKeyWithValue("team", "a"), HaveKeyWithValue(labelClaim, "run1"), HaveKeyWithValue("own", "label")))
	_, err := c.ApplyPolicy(t.Context(), &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "pool-1", Name: "ours"}})
	g.Expect(err).NotTo(HaveOccurred())
	late := "b"
	g.Expect(c.LabelNamespace(t.Context(), "pool-1", map[string]*string{"own": &late})).To(MatchError(ContainSubstring("has of its own")))
	g.Expect(c.LabelNamespace(t.Context(), "pool-1", map[string]*string{"team": nil, "late": &late})).To(Succeed())
	g.Expect(labelsOf(t, client)).To(And(HaveKeyWithValue("late", "b"), HaveKeyWithValue("own", "label"), Not(HaveKey("team"))))

	g.Expect(c.DeleteNamespace(t.Context(), "pool-1", false)).To(Succeed())
	g.Expect(labelsOf(t, client)).To(Equal(before))
	policies, err := client.NetworkingV1().NetworkPolicies("pool-1").List(t.Context(), metav1.ListOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(policies.Items).To(HaveLen(1), "the policy that is not ours stays")
	g.Expect(c.CleanUp(t.Context())).To(BeEmpty())
	accounts, err := client.CoreV1().ServiceAccounts("pool-1").List(t.Context(), metav1.ListOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(accounts.Items).To(BeEmpty())
}

func TestCleanUpGivesBackWhatAKilledRunHasClaimed(t *testing.T) {
	g := NewWithT(t)
	before := maps.Clone(spare(nil).Labels)
	c, client := withReserve(t, spare(nil))
	g.Expect(c.CreateNamespace(t.Context(), wantedIn(map[string]string{"team": "a"}))).To(Succeed())
	g.Expect(client.CoreV1().ServiceAccounts("pool-1").Delete(t.Context(), "podknock-run1", metav1.DeleteOptions{})).To(Succeed())
	found, err := Find(t.Context(), client, "")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found).To(ConsistOf(And(HaveField("Run", "run1"), HaveField("Owner", LabelValue(c.options.Owner)), HaveField("Namespaces", ConsistOf("pool-1")),
		HaveField("Expires", BeTemporally("~", c.options.Expires, time.Second)))))
	g.Expect(Remove(t.Context(), client, "rother", "")).To(BeEmpty())
	g.Expect(labelsOf(t, client)).To(HaveKeyWithValue(labelClaim, "run1"), "another run's claim stays")
	g.Expect(Remove(t.Context(), client, "run1", "")).To(BeEmpty())
	g.Expect(labelsOf(t, client)).To(Equal(before))
}

func TestAnExpiredClaimIsTakenOverWithoutWhatTheRunHasLeft(t *testing.T) {
	g := NewWithT(t)
	meta := func(name, run string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "pool-1", Name: name, Labels: map[string]string{runner.LabelRun: run}}
	}
	c, client := withReserve(t, spare(func(n *corev1.Namespace) {
		n.Labels[labelClaim], n.Labels["stale"] = "rdead", "x"
		n.Annotations = map[string]string{annotationClaimExpires: "1000", annotationClaimLabels: "stale"}
	}), &networkingv1.NetworkPolicy{ObjectMeta: meta("theirs", "rdead")}, &networkingv1.NetworkPolicy{ObjectMeta: meta("of-a-third", "rother")})
	g.Expect(c.CreateNamespace(t.Context(), wantedIn(map[string]string{"team": "a"}))).To(Succeed())
	g.Expect(labelsOf(t, client)).To(And(HaveKeyWithValue(labelClaim, "run1"), Not(HaveKey("stale"))))
	left, err := client.NetworkingV1().NetworkPolicies("pool-1").List(t.Context(), metav1.ListOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(left.Items).To(ConsistOf(HaveField("Name", "of-a-third")))
}

func TestWhatIsStuckInANamespaceKeepsNoOtherFromBeingRemoved(t *testing.T) {
	g := NewWithT(t)
	c, client := withReserve(t, spare(nil), spare(func(n *corev1.Namespace) { n.Name = "pool-2" }))
	c.options.Reserve = append(c.options.Reserve, "pool-2")
	ours := map[string]string{runner.LabelRun: "run1"}
	for _, pod := range []metav1.ObjectMeta{
		{Namespace: "pool-1", Name: "a-stuck", Labels: ours}, {Namespace: "pool-1", Name: "b", Labels: ours}, {Namespace: "pool-2", Name: "c", Labels: ours},
	} {
		_, err := client.CoreV1().Pods(pod.Namespace).Create(t.Context(), &corev1.Pod{ObjectMeta: pod}, metav1.CreateOptions{})
		g.Expect(err).NotTo(HaveOccurred())
	}
	client.PrependReactor("delete", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		return action.(clienttesting.DeleteAction).GetName() == "a-stuck", nil, nil // its node is gone
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	left := c.CleanUp(ctx)
	g.Expect(left).To(ContainElement(And(HaveField("Kind", "Pod"), HaveField("Name", "a-stuck"))))
	g.Expect(left).To(HaveEach(HaveField("Namespace", "pool-1")))
	pods, err := client.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(pods.Items).To(ConsistOf(HaveField("Name", "a-stuck")))
}

func TestAClaimThatSomebodyElseWinsIsSeen(t *testing.T) {
	g := NewWithT(t)
	c, client := withReserve(t, spare(nil))
	client.PrependReactor("patch", "namespaces", func(clienttesting.Action) (bool, runtime.Object, error) {
		_ = client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("namespaces"), spare(func(n *corev1.Namespace) {
			n.Labels[labelClaim] = "rother"
			n.Annotations = map[string]string{annotationClaimExpires: "9999999999"}
		}), "")
		return true, nil, apierrors.NewConflict(corev1.Resource("namespaces"), "pool-1", context.Canceled)
	})
	g.Expect(c.CreateNamespace(t.Context(), wantedIn(nil))).To(MatchError(ContainSubstring("run rother uses it")))
}

func TestWhatExpiredRunsLeftInTheReserveIsRemoved(t *testing.T) {
	g := NewWithT(t)
	old := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{
		Namespace: "pool-1", Name: "podknock-rdead", Labels: map[string]string{runner.LabelRun: "rdead", LabelExpires: "1000"},
	}}
	c, client := withReserve(t, spare(func(n *corev1.Namespace) {
		n.Labels[labelClaim] = "rdead"
		n.Annotations = map[string]string{annotationClaimExpires: "1000"}
	}), old)
	runs, left, err := c.RemoveExpired(t.Context(), time.Now())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(left).To(BeEmpty())
	g.Expect(runs).To(Equal([]string{"rdead"}))
	g.Expect(labelsOf(t, client)).NotTo(HaveKey(labelClaim))
}
