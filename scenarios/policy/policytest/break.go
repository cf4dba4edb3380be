package policytest

import (
	"math/rand/v2"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Break edits a policy in one to four places, each in a way that the API server rejects, warns about, or just tolerates.
func Break(r *rand.Rand, policy *networkingv1.NetworkPolicy) {
	for range 1 + r.IntN(4) {
		switch r.IntN(6) {
		case 0:
			breakMeta(r, &policy.ObjectMeta)
		case 1:
			breakSelector(r, &policy.Spec.PodSelector)
		case 2:
			policy.Spec.PolicyTypes = append(policy.Spec.PolicyTypes, pick[networkingv1.PolicyType](r, "Ingress", "Egress", "ingress", ""))
		case 3, 4:
			rule := IngressRule(r)
			rule.From = append(rule.From, brokenPeer(r))
			policy.Spec.Ingress = append(policy.Spec.Ingress, rule)
		case 5:
			rule := EgressRule(r)
			rule.Ports = append(rule.Ports, brokenPort(r))
			policy.Spec.Egress = append(policy.Spec.Egress, rule)
		}
	}
}

var (
	long       = strings.Repeat("long", 64)
	wrongNames = []string{"", "-x", "UPPER", "a_b", "a..b", "a/b", "ok", "with.dots", long, "ümlaut", " "}
	wrongKeys  = []string{"", "-x", "UPPER", "a_b", "a//b", "example.com/", "/name", "Example.com/role", "a b", long, long + "/x", "ok"}
	wrongCIDRs = []string{
		"", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "/8", "10.0.0/8", "10.0.0.1/8", "010.0.0.0/8", "10.0.0.0/08", "10.0.0.0/8 ",
		"10.1.0.0/16", "10.1.0.0/15", "10.1.0.0/17", "0.0.0.0/0", "256.0.0.0/8", "nowhere", "::/0", "2001:db8::/32", "2001:DB8::/32",
		"2001:db8:0:0::/64", "2001:db8::1/64", "::ffff:10.0.0.0/104", "::ffff:10.0.0.0/112", "::ffff:0a00:0/100", "fe80::1%eth0/64", "2001:db8::/129",
		"1.2.3.4.5/8", "0x10.0.0.0/8", "00000000000010.0.0.0/8", "10.0.0.0/+8",
	}
)

func breakMeta(r *rand.Rand, meta *metav1.ObjectMeta) {
	switch r.IntN(5) {
	case 0:
		meta.Name = pick(r, wrongNames...)
	case 1:
		meta.Namespace = pick(r, wrongNames...)
	case 2:
		meta.Labels = map[string]string{pick(r, wrongKeys...): pick(r, wrongNames...)}
	case 3:
		meta.Annotations = map[string]string{pick(r, wrongKeys...): pick(r, wrongNames...)}
	case 4:
		meta.Name, meta.GenerateName = pick(r, "", "kept"), pick(r, wrongNames...)
	}
}

func breakSelector(r *rand.Rand, selector *metav1.LabelSelector) {
	if chance(r, 2) {
		selector.MatchLabels = map[string]string{pick(r, wrongKeys...): pick(r, wrongNames...)}
		return
	}
	selector.MatchExpressions = append(selector.MatchExpressions, metav1.LabelSelectorRequirement{
		Key: pick(r, wrongKeys...),
		Operator: pick(r, metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists,
			metav1.LabelSelectorOpDoesNotExist, "Gt", "in", ""),
		Values: list(r, 0, 2, func() string { return pick(r, wrongNames...) }),
	})
}

func brokenPeer(r *rand.Rand) networkingv1.NetworkPolicyPeer {
	var peer networkingv1.NetworkPolicyPeer
	if chance(r, 3) {
		peer.PodSelector = &metav1.LabelSelector{}
		breakSelector(r, peer.PodSelector)
	}
	if chance(r, 3) {
		peer.NamespaceSelector = &metav1.LabelSelector{}
		breakSelector(r, peer.NamespaceSelector)
	}
	if chance(r, 2) {
		peer.IPBlock = &networkingv1.IPBlock{
			CIDR:   pick(r, wrongCIDRs...),
			Except: list(r, 0, 2, func() string { return pick(r, wrongCIDRs...) }),
		}
	}
	return peer
}

func brokenPort(r *rand.Rand) networkingv1.NetworkPolicyPort {
	var port networkingv1.NetworkPolicyPort
	if chance(r, 2) {
		protocol := pick[corev1.Protocol](r, "TCP", "tcp", "ICMP", "")
		port.Protocol = &protocol
	}
	switch r.IntN(3) {
	case 0:
		number := intstr.FromInt32(pick[int32](r, -1, 0, 1, 80, 65535, 65536))
		port.Port = &number
	case 1:
		name := intstr.FromString(pick(r, "", "http", "HTTP", "80", "-http", "http-", "a--b", "a_b", "fifteen-letters", "sixteen-letters1"))
		port.Port = &name
	}
	if chance(r, 2) {
		end := pick[int32](r, -1, 0, 79, 80, 81, 65535, 65536)
		port.EndPort = &end
	}
	return port
}
