package cluster

import (
	"fmt"
	"net/netip"
	"strings"
)

// The address plan. Every lab has the same one: labs cannot see each other.
// Where there are two, IPv4 comes first.
const (
	clusterDomain = "cluster.local"
	apiPort       = 6443
)

// worldHosts are the addresses outside the cluster, from the ranges that
// RFC 5737 and RFC 3849 set aside for documentation.
var worldHosts = []string{
	"192.0.2.10", "192.0.2.11",
	"198.51.100.10", "198.51.100.11",
	"203.0.113.10", "203.0.113.11",
	"2001:db8:1::10", "2001:db8:1::11",
	"2001:db8:2::10",
}

func (f Families) has(address netip.Addr) bool {
	return f == DualStack || (f == IPv4Only) == address.Is4()
}

// pick parses the candidates and keeps those of the lab's families.
func (f Families) pick(candidates ...string) []netip.Addr {
	var picked []netip.Addr
	for _, c := range candidates {
		if a := netip.MustParseAddr(c); f.has(a) {
			picked = append(picked, a)
		}
	}
	return picked
}

func (f Families) pickPrefixes(candidates ...string) []netip.Prefix {
	var picked []netip.Prefix
	for _, c := range candidates {
		if p := netip.MustParsePrefix(c); f.has(p.Addr()) {
			picked = append(picked, p)
		}
	}
	return picked
}

func (f Families) controlPlane() []netip.Addr { return f.pick("10.89.0.1", "fd00:10:89::1") }
func (f Families) world() []netip.Addr        { return f.pick("10.89.0.254", "fd00:10:89::fe") }
func (f Families) worldHosts() []netip.Addr   { return f.pick(worldHosts...) }

// node returns the addresses of node n, counted from 1.
func (f Families) node(n int) []netip.Addr {
	return f.pick(fmt.Sprintf("10.89.0.%d", 10+n), fmt.Sprintf("fd00:10:89::%x", 0x10+n))
}

// podCIDRs returns the ranges that node n gives its pods addresses from.
func (f Families) podCIDRs(n int) []netip.Prefix {
	return f.pickPrefixes(fmt.Sprintf("10.244.%d.0/24", n), fmt.Sprintf("fd00:10:244:%x::/64", n))
}

func (f Families) clusterCIDRs() []netip.Prefix {
	return f.pickPrefixes("10.244.0.0/16", "fd00:10:244::/48")
}

func (f Families) serviceCIDRs() []netip.Prefix {
	return f.pickPrefixes("10.96.0.0/16", "fd00:10:96::/112")
}

// apiService and dnsService are the first and the tenth address of the
// Services, as most installers have it.
func (f Families) apiService() []netip.Addr { return f.pick("10.96.0.1", "fd00:10:96::1") }
func (f Families) dnsService() []netip.Addr { return f.pick("10.96.0.10", "fd00:10:96::a") }

// linkBits is the prefix length of the network between the machines.
func linkBits(a netip.Addr) int {
	if a.Is4() {
		return 24
	}
	return 64
}

func join[T fmt.Stringer](items []T) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = item.String()
	}
	return strings.Join(texts, ",")
}

func nodeName(n int) string { return fmt.Sprintf("node%d", n) }
