package scenarios

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
)

// Families are the address families that a cluster can have, in the order in which cells are listed.
func Families() []corev1.IPFamily {
	return []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}
}

// familyOf is the family of an address.
func familyOf(address netip.Addr) corev1.IPFamily {
	if address.Is6() {
		return corev1.IPv6Protocol
	}
	return corev1.IPv4Protocol
}
