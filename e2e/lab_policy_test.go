//go:build e2e

package e2e

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podknock/podknock/probe"
)

// tooLong is when a spec that should take seconds is given up.
const tooLong = time.Minute

var _ = Describe("the lab's policy engine", Label("lab"), func() {
	// Every target must fall silent under the policy and answer again without
	// it, while a client that the policy does not select is answered throughout.
	DescribeTable("turns attempts into silence and its removal restores them, on one node and across, both families",
		func(ctx SpecContext, direction networkingv1.PolicyType, selected string) {
			namespace := newNamespace(ctx, "baseline")
			nodes := nodeNames(ctx)
			pods := runPods(ctx,
				agentPod(namespace, "client", nodes[0]),
				agentPod(namespace, "near", nodes[0]),
				agentPod(namespace, "far", nodes[1]),
				agentPod(namespace, "control", nodes[1]))
			client, control := pods[0], pods[3]
			targets := append(podTargets(pods[1]), podTargets(pods[2])...)
			Expect(targets).To(HaveLen(8), "two pods, two families, two protocols")
			expectKnock(ctx, client, probe.Connected, append([]string{"-responder"}, targets...)...)

			policy := newPolicy(ctx, namespace, networkingv1.NetworkPolicySpec{
				PodSelector: metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
					{Key: "name", Operator: metav1.LabelSelectorOpIn, Values: map[string][]string{"client": {"client"}, "servers": {"near", "far"}}[selected]},
				}},
				PolicyTypes: []networkingv1.PolicyType{direction},
			})
			expectKnock(ctx, client, probe.Timeout, append([]string{"-responder"}, targets...)...)
			expectKnock(ctx, client, map[string]probe.Outcome{"client": probe.Timeout, "servers": probe.Connected}[selected],
				append([]string{"-responder"}, podTargets(control)...)...)

			Expect(clientset.NetworkingV1().NetworkPolicies(namespace).Delete(ctx, policy.Name, metav1.DeleteOptions{})).To(Succeed())
			expectKnock(ctx, client, probe.Connected, append([]string{"-responder"}, targets...)...)
		},
		Entry("ingress", networkingv1.PolicyTypeIngress, "servers", SpecTimeout(2*tooLong)),
		Entry("egress", networkingv1.PolicyTypeEgress, "client", SpecTimeout(2*tooLong)),
	)

	It("tells hosts of the world apart by ipBlock, and the pod still resolves names", func(ctx SpecContext) {
		namespace := newNamespace(ctx, "baseline")
		client := runPods(ctx, agentPod(namespace, "client", nodeNames(ctx)[0]))[0]
		allowed := []string{url("tcp", "203.0.113.10", 443), url("tcp", "2001:db8:1::10", 443)}
		excepted := []string{url("tcp", "203.0.113.11", 443), url("tcp", "2001:db8:1::11", 443)}
		elsewhere := []string{url("tcp", "192.0.2.10", 443), url("tcp", "2001:db8:2::10", 443)}
		expectKnock(ctx, client, probe.Connected, append(append(allowed, excepted...), elsewhere...)...)

		dns := intstr.FromInt32(53)
		newPolicy(ctx, namespace, networkingv1.NetworkPolicySpec{
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress},
			Egress: []networkingv1.NetworkPolicyEgressRule{
				{To: []networkingv1.NetworkPolicyPeer{
					{IPBlock: &networkingv1.IPBlock{CIDR: "203.0.113.0/24", Except: []string{hostCIDR("203.0.113.11")}}},
					{IPBlock: &networkingv1.IPBlock{CIDR: "2001:db8:1::/48", Except: []string{hostCIDR("2001:db8:1::11")}}},
				}},
				{
					To: []networkingv1.NetworkPolicyPeer{{
						NamespaceSelector: &metav1.LabelSelector{},
						PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"k8s-app": "kube-dns"}},
					}},
					Ports: []networkingv1.NetworkPolicyPort{{Protocol: new(corev1.ProtocolUDP), Port: &dns}, {Protocol: new(corev1.ProtocolTCP), Port: &dns}},
				},
			},
		})
		expectKnock(ctx, client, probe.Timeout, append(excepted, elsewhere...)...)
		expectKnock(ctx, client, probe.Connected, append(allowed, "dns://api.world.test")...)
	}, SpecTimeout(tooLong))

	It("tells hosts of the world apart that come in by pod IP and by NodePort", func(ctx SpecContext) {
		namespace := newNamespace(ctx, "baseline")
		server := runPods(ctx, agentPod(namespace, "server", nodeNames(ctx)[0]))[0]
		service := newService(ctx, server)
		targets := podTargets(server)
		for _, address := range nodeAddresses(ctx, server.Spec.NodeName) {
			targets = append(targets, url("tcp", address, int(service.Spec.Ports[0].NodePort)))
		}
		args := append([]string{"-responder"}, targets...)
		Eventually(func() map[string]probe.Outcome { return knockFromWorld(ctx, args...) }).Should(HaveEach(probe.Connected))

		newPolicy(ctx, namespace, networkingv1.NetworkPolicySpec{
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
			Ingress: []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{
				{IPBlock: &networkingv1.IPBlock{CIDR: "192.0.2.0/24"}}, // nobody who knocks
			}}},
		})
		Eventually(func() map[string]probe.Outcome { return knockFromWorld(ctx, args...) }).Should(HaveEach(probe.Timeout))
	}, SpecTimeout(tooLong))
})

// newPolicy makes a NetworkPolicy, which goes with its namespace.
func newPolicy(ctx SpecContext, namespace string, spec networkingv1.NetworkPolicySpec) *networkingv1.NetworkPolicy {
	GinkgoHelper()
	policy, err := clientset.NetworkingV1().NetworkPolicies(namespace).Create(ctx, &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-"}, Spec: spec,
	}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	return policy
}
