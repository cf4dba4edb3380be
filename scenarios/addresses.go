package scenarios

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// addressPool gives pods and Services addresses for the evaluator, or none if they are not known well enough.
type addressPool struct {
	known bool
	next  uint16
}

// assign gives a pod an address of each family, in ranges such as clusters use.
func (p *addressPool) assign(pod *corev1.Pod) {
	if !p.known {
		return
	}
	for _, address := range p.take() {
		pod.Status.PodIPs = append(pod.Status.PodIPs, corev1.PodIP{IP: address})
	}
	pod.Status.PodIP = pod.Status.PodIPs[0].IP
}

// assignService does the same for a Service that has addresses.
func (p *addressPool) assignService(service *corev1.Service) {
	if p.known && service.Spec.ClusterIP == "" {
		service.Spec.ClusterIPs = p.take()
		service.Spec.ClusterIP = service.Spec.ClusterIPs[0]
	}
}

// take gives the next address of each family.
func (p *addressPool) take() []string {
	p.next++
	high, low := byte(p.next>>8), byte(p.next)
	return []string{
		netip.AddrFrom4([4]byte{10, 244, high, low}).String(),
		netip.AddrFrom16([16]byte{0: 0xfd, 14: high, 15: low}).String(),
	}
}

// privateRanges are where pods, nodes and Services have their addresses: RFC 1918, RFC 6598 and RFC 4193.
var privateRanges = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("fc00::/7"),
}

// blocksTouchPrivate reports whether some ipBlock may hold the address of a pod. Only then does it matter which addresses the pods have,
// and no scenario can know them.
func (w *world) blocksTouchPrivate() bool {
	touches := func(peers []networkingv1.NetworkPolicyPeer) bool {
		return slices.ContainsFunc(peers, func(peer networkingv1.NetworkPolicyPeer) bool {
			if peer.IPBlock == nil {
				return false
			}
			block, err := netip.ParsePrefix(peer.IPBlock.CIDR)
			return err != nil || slices.ContainsFunc(privateRanges, block.Overlaps)
		})
	}
	for _, policy := range w.policies {
		for _, rule := range policy.Spec.Ingress {
			if touches(rule.From) {
				return true
			}
		}
		for _, rule := range policy.Spec.Egress {
			if touches(rule.To) {
				return true
			}
		}
	}
	return false
}
