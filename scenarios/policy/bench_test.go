package policy_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podknock/podknock/scenarios/policy"
)

// large is a cluster of 10 namespaces with 100 pods each, every one with labels of its own, and 10 policies a namespace: every pod is isolated
// both ways, by three policies each way at least, with rules of every kind.
func large() policy.Cluster {
	var cluster policy.Cluster
	for n := range 10 {
		namespace := fmt.Sprintf("ns-%d", n)
		cluster.Namespaces = append(cluster.Namespaces, corev1.Namespace{
			ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: map[string]string{"zone": fmt.Sprint(n % 3)}},
		})
		for i := range 100 {
			pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("pod-%d", i), Labels: map[string]string{
				"app": fmt.Sprintf("app-%d", i%10), "pod": fmt.Sprint(i),
			}}}
			pod.Status.PodIPs = []corev1.PodIP{{IP: fmt.Sprintf("10.%d.0.%d", n, i)}}
			pod.Spec.Containers = []corev1.Container{{Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}}}}
			cluster.Pods = append(cluster.Pods, pod)
		}
		for i := range 10 {
			cluster.Policies = append(cluster.Policies, largePolicy(namespace, i))
		}
	}
	return cluster
}

func largePolicy(namespace string, i int) networkingv1.NetworkPolicy {
	app := func(i int) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{"app": fmt.Sprintf("app-%d", i%10)}}
	}
	port := func(port intstr.IntOrString) networkingv1.NetworkPolicyPort {
		return networkingv1.NetworkPolicyPort{Port: &port}
	}
	last := int32(9100)
	ranged := port(intstr.FromInt32(9000))
	ranged.EndPort = &last
	peers := []networkingv1.NetworkPolicyPeer{
		{PodSelector: app(i + 1)},
		{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"zone": fmt.Sprint(i % 3)}}, PodSelector: app(i + 2)},
		{IPBlock: &networkingv1.IPBlock{CIDR: "10.0.0.0/8", Except: []string{"10.3.0.0/16"}}},
	}
	policy := networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("policy-%d", i)}}
	policy.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	policy.Spec.PodSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{
		Key: "app", Operator: metav1.LabelSelectorOpIn,
		Values: []string{fmt.Sprintf("app-%d", i), fmt.Sprintf("app-%d", (i+1)%10), fmt.Sprintf("app-%d", (i+2)%10)},
	}}
	policy.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{
		{From: peers[:2], Ports: []networkingv1.NetworkPolicyPort{port(intstr.FromString("http")), ranged}},
		{From: peers[2:], Ports: []networkingv1.NetworkPolicyPort{port(intstr.FromInt32(443))}},
	}
	policy.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{
		{To: peers[:2], Ports: []networkingv1.NetworkPolicyPort{port(intstr.FromString("http")), ranged}},
		{To: peers[2:], Ports: []networkingv1.NetworkPolicyPort{port(intstr.FromInt32(443))}},
	}
	return policy
}

// BenchmarkMillionVerdicts asks for every pair of 1,000 pods under 100 policies; the target is two seconds on one core for all of them.
func BenchmarkMillionVerdicts(b *testing.B) {
	cluster := large()
	for b.Loop() {
		evaluator, err := policy.Compile(cluster)
		if err != nil {
			b.Fatal(err)
		}
		verdicts := map[policy.Verdict]int{}
		for i := range cluster.Pods {
			for j := range cluster.Pods {
				verdict, err := evaluator.Verdict(policy.Query{
					From: policy.Pod(cluster.Pods[i].Namespace, cluster.Pods[i].Name),
					To:   policy.Pod(cluster.Pods[j].Namespace, cluster.Pods[j].Name),
					Port: []int32{8080, 443, 9050, 22}[(i+j)%4],
				})
				if err != nil {
					b.Fatal(err)
				}
				verdicts[verdict]++
			}
		}
		for _, verdict := range []policy.Verdict{policy.Allow, policy.Deny, policy.Depends} {
			if verdicts[verdict] == 0 {
				b.Fatalf("no verdict is %q: %v", verdict, verdicts)
			}
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	cluster := large()
	for b.Loop() {
		if _, err := policy.Compile(cluster); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkExplain(b *testing.B) {
	evaluator, err := policy.Compile(large())
	if err != nil {
		b.Fatal(err)
	}
	query := policy.Query{From: policy.Pod("ns-0", "pod-1"), To: policy.Pod("ns-1", "pod-2"), Port: 22}
	for b.Loop() {
		if _, err := evaluator.Explain(query); err != nil {
			b.Fatal(err)
		}
	}
}
