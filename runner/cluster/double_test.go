package cluster

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/podknock/podknock/runner/diagnose"
	"github.com/podknock/podknock/runner/why"
)

func TestADoubleIsAGoodGuest(t *testing.T) {
	g := NewWithT(t)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	like := &corev1.Pod{Spec: corev1.PodSpec{
		Tolerations: []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists}},
		DNSPolicy:   corev1.DNSNone, DNSConfig: &corev1.PodDNSConfig{Nameservers: []string{"169.254.20.10"}},
		Volumes: []corev1.Volume{{Name: "secret"}}, ServiceAccountName: "shop", PriorityClassName: "high",
	}}
	order := why.Order{
		Namespace: "shop", Name: "p", Role: diagnose.RoleSource, Labels: map[string]string{"app": "web"}, Like: like, Node: "node-1",
		Ports: []corev1.ContainerPort{{Name: "pg", ContainerPort: 5432}},
	}
	options := Options{Run: "r", Token: "secret", Expires: now.Add(5 * time.Minute), NodeSelector: map[string]string{"a": "b"}}
	pod := NewDouble(order, options, metav1.OwnerReference{Kind: "ServiceAccount", Name: "podknock-r"}, now)

	g.Expect(pod.Spec.ReadinessGates).To(HaveLen(1), "it never becomes Ready")
	g.Expect(pod.Spec.Containers[0].ReadinessProbe.InitialDelaySeconds).To(BeNumerically(">", *pod.Spec.ActiveDeadlineSeconds), "nor without the gate")
	g.Expect(metav1.GetControllerOf(pod)).To(BeNil(), "its owner is no controller, which a disruption budget could not scale")
	g.Expect(pod.Annotations).To(HaveKeyWithValue(corev1.PodDeletionCost, "-2147483648"))
	g.Expect(pod.Annotations).To(HaveKeyWithValue("cluster-autoscaler.kubernetes.io/safe-to-evict", "true"))
	g.Expect(*pod.Spec.ActiveDeadlineSeconds).To(Equal(int64(300)), "it ends by itself")
	g.Expect(pod.Spec.Containers[0].Resources.Requests).To(And(HaveKey(corev1.ResourceCPU), HaveKey(corev1.ResourceMemory)), "an autoscaler fails without")
	g.Expect(*pod.Spec.AutomountServiceAccountToken).To(BeFalse())
	g.Expect(pod.Spec.ServiceAccountName).To(Equal("podknock-r"))
	g.Expect(pod.Spec.Volumes).To(BeEmpty())
	g.Expect(pod.Spec.PriorityClassName).To(BeEmpty())
	g.Expect(pod.Spec.NodeName).To(Equal("node-1"), "the scheduler is not asked, so nobody is preempted")
	g.Expect(pod.Spec.Affinity).To(BeNil())
	g.Expect(pod.Spec.NodeSelector).To(BeEmpty())
	g.Expect(pod.Spec.Tolerations).To(ContainElement(HaveField("Key", "gpu")))
	g.Expect(pod.Spec.DNSConfig.Nameservers).To(HaveExactElements("169.254.20.10"))
	g.Expect(pod.Labels).To(And(HaveKeyWithValue("app", "web"), HaveKeyWithValue("podknock.dev/run", "r")))

	order.Labels = nil
	for key, value := range (&Cluster{options: options}).FixedLabels(order) {
		g.Expect(pod.Labels).To(HaveKeyWithValue(key, value), "what is checked for safety is what the pod gets")
	}
	g.Expect((&Cluster{options: options}).FixedLabels(order)).To(HaveLen(len(pod.Labels) - 1))
}

func TestAnEphemeralContainerIsControlledByItsStreamAlone(t *testing.T) {
	g := NewWithT(t)
	container := newEphemeral(&Options{Run: "r", Token: "secret", Image: "agent"})
	g.Expect(container.Command).To(Equal([]string{"/podknock-agent", "stdio", "-await"}))
	g.Expect(container.Ports).To(BeEmpty())
	g.Expect(container.Stdin && container.StdinOnce).To(BeTrue(), "it ends with the stream")
	security := container.SecurityContext
	g.Expect(*security.RunAsNonRoot && !*security.AllowPrivilegeEscalation).To(BeTrue())
	g.Expect(security.Capabilities.Drop).To(HaveExactElements(corev1.Capability("ALL")))
	g.Expect(security.SeccompProfile.Type).To(Equal(corev1.SeccompProfileTypeRuntimeDefault))
}

func TestWhichPodsPoliciesOfOtherAPIsChoose(t *testing.T) {
	labels := func(pairs ...string) *metav1.LabelSelector {
		set := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			set[pairs[i]] = pairs[i+1]
		}
		return &metav1.LabelSelector{MatchLabels: set}
	}
	match := func(key, value string) map[string]any {
		return map[string]any{"matchLabels": map[string]any{key: value}}
	}
	for _, row := range []struct {
		name   string
		object map[string]any
		want   []diagnose.PodSelection
	}{
		{"Calico, in a language that is not read", map[string]any{"spec": map[string]any{"selector": "has(app)"}}, []diagnose.PodSelection{{Unread: "has(app)"}}},
		{"Calico, a comparison that is not read", map[string]any{"spec": map[string]any{"selector": "app == 'a' || app == 'b'"}}, []diagnose.PodSelection{{Unread: "app == 'a' || app == 'b'"}}},
		{"Calico, all", map[string]any{"spec": map[string]any{"selector": "all()"}}, []diagnose.PodSelection{{}}},
		{"Calico, two labels", map[string]any{"spec": map[string]any{"selector": `app == 'a' && tier == "b"`}}, []diagnose.PodSelection{{Pods: labels("app", "a", "tier", "b")}}},
		{"Cilium, with the source of a label", map[string]any{"spec": map[string]any{"endpointSelector": match("k8s:app", "a")}}, []diagnose.PodSelection{{Pods: labels("app", "a")}}},
		{"Cilium, several rules", map[string]any{"specs": []any{map[string]any{"endpointSelector": match("app", "a")}, map[string]any{"endpointSelector": match("any:app", "b")}}},
			[]diagnose.PodSelection{{Pods: labels("app", "a")}, {Pods: labels("app", "b")}}},
		{"AdminNetworkPolicy, pods", map[string]any{"spec": map[string]any{"subject": map[string]any{"pods": map[string]any{"namespaceSelector": match("n", "x"), "podSelector": match("app", "a")}}}},
			[]diagnose.PodSelection{{Namespaces: labels("n", "x"), Pods: labels("app", "a")}}},
		{"AdminNetworkPolicy, namespaces", map[string]any{"spec": map[string]any{"subject": map[string]any{"namespaces": match("n", "x")}}}, []diagnose.PodSelection{{Namespaces: labels("n", "x")}}},
		{"Antrea", map[string]any{"spec": map[string]any{"appliedTo": []any{map[string]any{"podSelector": match("app", "a")}}}}, []diagnose.PodSelection{{Pods: labels("app", "a")}}},
		{"Istio", map[string]any{"spec": map[string]any{"selector": match("app", "a")}}, []diagnose.PodSelection{{Pods: labels("app", "a")}}},
		{"an egress firewall, for its whole namespace", map[string]any{"spec": map[string]any{"egress": []any{}}}, []diagnose.PodSelection{{}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := newOther(&unstructured.Unstructured{Object: row.object})
			NewWithT(t).Expect(got.Selects).To(Equal(row.want))
		})
	}
}

// FuzzCalicoSelection holds that whatever a selector in Calico's language says, it is either understood as labels or may choose any pod.
func FuzzCalicoSelection(f *testing.F) {
	for _, seed := range []string{"", "all()", "a == 'b'", `a == "b" && c == 'd'`, "has(a)", "a == ''", "a == 'b' || c", "== ''", "!(a == 'b')"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := calicoSelection(text)
		if got.Unread != "" && got.Pods != nil {
			t.Errorf("%q is both understood and not", text)
		}
		if got.Pods != nil && len(got.Pods.MatchLabels) == 0 {
			t.Errorf("%q is understood as no label", text)
		}
	})
}
