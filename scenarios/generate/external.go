package generate

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// documentation are ranges for examples (RFC 5737, RFC 3849): addresses there stand for hosts that whoever runs the scenario names.
var documentation = []netip.Prefix{
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("2001:db8::/32"),
}

// external makes the scenario of the egress rules with ipBlocks; nil if there is none.
func (m *maker) external() *maker {
	outer := newMaker(m.object, m.options)
	outer.castSubject()
	outer.pods, outer.dns, outer.unproven = outer.pods[:1], false, nil
	outer.numbers = m.numbers
	var blocks []netip.Prefix
	for _, r := range rulesOf(m.object) {
		if r.ingress() || !r.governed {
			continue
		}
		for i := range r.peers {
			if r.peers[i].IPBlock == nil {
				continue
			}
			if prefix, err := netip.ParsePrefix(r.peers[i].IPBlock.CIDR); err == nil {
				blocks = append(blocks, prefix)
			}
			outer.castBlock(&r, i)
		}
	}
	if len(outer.hosts) == 0 {
		m.unproven = append(m.unproven, outer.unproven...)
		return nil
	}
	outer.castOutside(blocks)
	return outer
}

// castBlock makes a host within an ipBlock, and one in each exception.
func (m *maker) castBlock(r *rule, i int) {
	block, field := r.peers[i].IPBlock, r.peerField(i)
	prefix, err := netip.ParsePrefix(block.CIDR)
	if err != nil {
		m.cannot("%s: the cidr %s is not spelled in the usual way", field, block.CIDR)
		return
	}
	var excepts []netip.Prefix
	for _, text := range block.Except {
		if except, err := netip.ParsePrefix(text); err == nil {
			excepts = append(excepts, except)
		}
	}
	ports := m.hostPorts(r)
	inside, ok := pick(prefix, excepts)
	if !ok {
		m.cannot("%s: its exceptions leave no address", field)
		return
	}
	m.addHost(fmt.Sprintf("inside-%d-%d", r.index, i), inside, ports, field+" admits it")
	for k, except := range excepts {
		if excluded, ok := pick(except, nil); ok {
			m.addHost(fmt.Sprintf("excluded-%d-%d-%d", r.index, i, k), excluded, ports, fmt.Sprintf("misses %s by except[%d]", field, k))
		}
	}
}

// castOutside adds a host of each family that is in no block.
func (m *maker) castOutside(blocks []netip.Prefix) {
	for _, name := range []string{"outside", "outside-6"} {
		v6 := name == "outside-6"
		for _, within := range documentation {
			if within.Addr().Is6() != v6 || slices.ContainsFunc(blocks, within.Overlaps) {
				continue
			}
			address, ok := pick(within, nil)
			used := slices.ContainsFunc(m.hosts, func(h host) bool { return h.address.Is6() == v6 })
			if ok && used {
				m.addHost(name, address, m.hosts[0].ports, "is in no ipBlock")
			}
			break
		}
	}
}

// hostPorts are the ports that a host has to listen on: those that the rule admits. What is beside them is proven between pods.
func (m *maker) hostPorts(r *rule) []port {
	if len(r.ports) == 0 {
		return []port{{number: 443, protocol: corev1.ProtocolTCP}}
	}
	var ports []port
	for i := range r.ports {
		single := *r
		single.ports = r.ports[i : i+1]
		for _, one := range m.portsOf(&single)[:1] {
			if one.protocol == corev1.ProtocolTCP { // a host outside answers to nothing else for certain
				ports = append(ports, port{number: one.number, protocol: one.protocol})
			}
		}
	}
	return ports
}

func (m *maker) addHost(name string, address netip.Addr, ports []port, why string) {
	switch {
	case len(ports) == 0:
		m.cannot("%s: only TCP is proven with hosts outside the cluster", why)
	case slices.ContainsFunc(m.hosts, func(h host) bool { return h.address == address }):
		m.cannot("%s: the host %s is there for another ipBlock already", why, address)
	default:
		one := &pod{}
		one.listen(ports)
		m.hosts = append(m.hosts, host{name: name, address: address, ports: one.ports, why: why})
	}
}

// pick finds an address of a range that is in no exception, one for documentation if there is any. The first address of a range, which often names
// the network, is taken only if there is no other.
func pick(prefix netip.Prefix, excepts []netip.Prefix) (netip.Addr, bool) {
	free := func(address netip.Addr) bool {
		return prefix.Contains(address) && !slices.ContainsFunc(excepts, func(except netip.Prefix) bool { return except.Contains(address) })
	}
	for _, within := range documentation {
		if address := nth(within.Masked().Addr(), 10); free(address) {
			return address, true
		}
	}
	candidates := []netip.Addr{nth(prefix.Masked().Addr(), 10), prefix.Masked().Addr().Next()}
	for _, except := range excepts {
		candidates = append(candidates, lastOf(except).Next().Next(), lastOf(except).Next())
		if before := except.Masked().Addr().Prev(); before.IsValid() {
			candidates = append(candidates, before)
		}
	}
	candidates = append(candidates, prefix.Masked().Addr())
	for _, candidate := range candidates {
		if candidate.IsValid() && free(candidate) && !candidate.IsUnspecified() {
			return candidate, true
		}
	}
	return netip.Addr{}, false
}

// nth is the address so many behind another; invalid at the end of the family.
func nth(address netip.Addr, n int) netip.Addr {
	for range n {
		if !address.IsValid() {
			break
		}
		address = address.Next()
	}
	return address
}

// lastOf is the last address of a range.
func lastOf(prefix netip.Prefix) netip.Addr {
	bytes := prefix.Masked().Addr().AsSlice()
	for bit := prefix.Bits(); bit < len(bytes)*8; bit++ {
		bytes[bit/8] |= 1 << (7 - bit%8)
	}
	last, _ := netip.AddrFromSlice(bytes) // of the same length as the address that it comes from
	return last
}
