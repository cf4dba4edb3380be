package policytest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Policy makes a valid policy in one of the namespaces.
func Policy(r *rand.Rand, name string, namespaces ...string) networkingv1.NetworkPolicy {
	policy := networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: pick(r, namespaces...)}}
	policy.Spec.PodSelector = randomSelector(r)
	switch r.IntN(5) {
	case 0:
		policy.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
	case 1:
		policy.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}
	case 2, 3:
		policy.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeEgress, networkingv1.PolicyTypeIngress}
	}
	policy.Spec.Ingress = list(r, 0, 2, func() networkingv1.NetworkPolicyIngressRule { return IngressRule(r) })
	policy.Spec.Egress = list(r, 0, 2, func() networkingv1.NetworkPolicyEgressRule { return EgressRule(r) })
	if len(policy.Spec.Ingress) == 0 && chance(r, 2) {
		policy.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{}
	}
	return policy
}

// IngressRule makes a valid rule.
func IngressRule(r *rand.Rand) networkingv1.NetworkPolicyIngressRule {
	return networkingv1.NetworkPolicyIngressRule{From: randomPeers(r), Ports: randomPorts(r)}
}

// EgressRule makes a valid rule.
func EgressRule(r *rand.Rand) networkingv1.NetworkPolicyEgressRule {
	return networkingv1.NetworkPolicyEgressRule{To: randomPeers(r), Ports: randomPorts(r)}
}

func randomPeers(r *rand.Rand) []networkingv1.NetworkPolicyPeer {
	return list(r, 0, 3, func() networkingv1.NetworkPolicyPeer {
		var peer networkingv1.NetworkPolicyPeer
		kind := r.IntN(8)
		if kind < 2 {
			peer.IPBlock = randomBlock(r)
			return peer
		}
		if kind != 2 {
			selector := randomSelector(r)
			peer.PodSelector = &selector
		}
		if kind < 6 {
			selector := randomSelector(r)
			if chance(r, 3) {
				selector = metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespaceName(r.IntN(3))}}
			}
			peer.NamespaceSelector = &selector
		}
		return peer
	})
}

func randomPorts(r *rand.Rand) []networkingv1.NetworkPolicyPort {
	return list(r, 0, 3, func() networkingv1.NetworkPolicyPort {
		var port networkingv1.NetworkPolicyPort
		if chance(r, 2) {
			protocol := randomProtocol(r)
			port.Protocol = &protocol
		}
		switch kind := r.IntN(8); {
		case kind == 0:
		case kind < 3:
			name := intstr.FromString(pick(r, portNames...))
			port.Port = &name
		default:
			number := intstr.FromInt32(pick(r, portNumbers...))
			port.Port = &number
			if kind > 5 {
				end := min(number.IntVal+pick[int32](r, 0, 1, 400), 65535)
				port.EndPort = &end
			}
		}
		return port
	})
}

var (
	portNames   = []string{"http", "dns", "db"}
	portNumbers = []int32{53, 80, 81, 443, 5432}
)

func randomProtocol(r *rand.Rand) corev1.Protocol {
	return pick(r, corev1.ProtocolTCP, corev1.ProtocolTCP, corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP)
}

// randomBlock is a prefix around one of the addresses that clusters use.
func randomBlock(r *rand.Rand) *networkingv1.IPBlock {
	address := pick(r, podAddress(r.IntN(6), 0), podAddress(r.IntN(6), 1), outside(r), nodeAddress(r.IntN(3)), serviceAddress(r.IntN(3)))
	bits := pick(r, 0, 8, 24, 29, 30, 31, 32)
	if address.Is6() {
		bits = pick(r, 0, 32, 64, 120, 126, 127, 128)
	}
	prefix := netip.PrefixFrom(address, bits).Masked()
	block := &networkingv1.IPBlock{CIDR: prefix.String()}
	for bits < address.BitLen() && chance(r, 2) {
		inner := address
		if chance(r, 2) {
			inner = prefix.Addr()
		}
		length := bits + 1 + r.IntN(address.BitLen()-bits)
		block.Except = append(block.Except, netip.PrefixFrom(inner, length).Masked().String())
	}
	return block
}

// podAddress is the address of pod number i: IPv4, or else IPv6.
func podAddress(i, family int) netip.Addr {
	if family == 0 {
		return netip.AddrFrom4([4]byte{10, 1, byte(i % 2), byte(i + 1)})
	}
	return netip.MustParseAddr(fmt.Sprintf("fd00:1:%d::%d", i%2, i+1))
}

func nodeAddress(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}) }

func serviceAddress(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 2, 0, byte(i + 1)}) }

func outside(r *rand.Rand) netip.Addr {
	if chance(r, 3) {
		return netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", r.IntN(4)))
	}
	return netip.AddrFrom4([4]byte{192, 0, 2, byte(r.IntN(4))})
}
