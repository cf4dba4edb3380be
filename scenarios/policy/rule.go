package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// protocol is a transport protocol that policies know.
type protocol uint8

const (
	tcp protocol = iota
	udp
	sctp
)

// protocolOf applies the API server's default: none means TCP.
func protocolOf(p corev1.Protocol) (protocol, bool) {
	switch protocolOrTCP(p) {
	case corev1.ProtocolTCP:
		return tcp, true
	case corev1.ProtocolUDP:
		return udp, true
	case corev1.ProtocolSCTP:
		return sctp, true
	}
	return 0, false
}

// api is the protocol's name in API objects.
func (p protocol) api() corev1.Protocol {
	return [...]corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}[p]
}

// rule is one entry of spec.ingress or spec.egress. Empty lists admit everything.
type rule struct {
	peers []peer
	ports []port
}

// peer is one entry of from or to: an ipBlock, or the classes of pods that the selectors match.
type peer struct {
	block   *block
	classes bitset
	// elsewhere: the selectors reach beyond the policy's own namespace.
	elsewhere bool
}

// block is an ipBlock.
type block struct {
	prefix netip.Prefix
	except []netip.Prefix
}

// port is one entry of ports: every port of the protocol, a range, or a name.
type port struct {
	protocol protocol
	any      bool
	name     string
	from, to int32
}

func compilePort(object *networkingv1.NetworkPolicyPort) (port, error) {
	var named corev1.Protocol
	if object.Protocol != nil {
		named = *object.Protocol
	}
	proto, ok := protocolOf(named)
	if !ok {
		return port{}, fmt.Errorf("unknown protocol %q", named)
	}
	compiled := port{protocol: proto}
	switch {
	case object.Port == nil && object.EndPort != nil:
		return port{}, errors.New("endPort without port")
	case object.Port == nil:
		compiled.any = true
	case object.Port.Type == intstr.String && object.EndPort != nil:
		return port{}, errors.New("endPort with a named port")
	case object.Port.Type == intstr.String:
		compiled.name = object.Port.StrVal
	default:
		compiled.from, compiled.to = object.Port.IntVal, object.Port.IntVal
		if object.EndPort != nil {
			compiled.to = *object.EndPort
		}
		if compiled.to < compiled.from {
			return port{}, fmt.Errorf("endPort %d below port %d", compiled.to, compiled.from)
		}
	}
	return compiled, nil
}

func compileBlock(object *networkingv1.IPBlock) (*block, error) {
	prefix, err := parsePrefix(object.CIDR)
	if err != nil {
		return nil, err
	}
	compiled := &block{prefix: prefix}
	for _, cidr := range object.Except {
		except, err := parsePrefix(cidr)
		if err != nil {
			return nil, fmt.Errorf("except: %w", err)
		}
		compiled.except = append(compiled.except, except)
	}
	return compiled, nil
}

// parsePrefix reads a cidr as leniently as API servers stored it before they became strict (Kubernetes 1.36): leading zeros are decimal,
// IPv4-mapped addresses are IPv4, bits beyond the prefix length are ignored.
func parsePrefix(cidr string) (netip.Prefix, error) {
	address, length, _ := strings.Cut(cidr, "/")
	if !strings.Contains(address, ":") {
		parts := strings.Split(address, ".")
		for i := range parts {
			parts[i] = trimZeros(parts[i])
		}
		address = strings.Join(parts, ".")
	}
	prefix, err := netip.ParsePrefix(address + "/" + trimZeros(length))
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("cidr %q: not an address and a prefix length", cidr)
	}
	if prefix.Addr().Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked(), nil
}

// trimZeros drops the leading zeros of a decimal number.
func trimZeros(digits string) string {
	trimmed := strings.TrimLeft(digits, "0")
	if trimmed == "" && digits != "" {
		return "0"
	}
	return trimmed
}

// contains reports whether an address is in the block and in no exception.
func (b *block) contains(address netip.Addr) bool {
	return b.prefix.Contains(address) && b.exception(address) < 0
}

// exception is the index of the exception that an address is in, or -1.
func (b *block) exception(address netip.Addr) int {
	for i, except := range b.except {
		if except.Contains(address) {
			return i
		}
	}
	return -1
}

// wholeFamily is where an address may be of which only the family is known.
var wholeFamily = [2][]netip.Prefix{
	{netip.PrefixFrom(netip.IPv4Unspecified(), 0)},
	{netip.PrefixFrom(netip.IPv6Unspecified(), 0)},
}

// matchWithin compares the block with an address that is somewhere in the ranges.
func (b *block) matchWithin(ranges []netip.Prefix) answer {
	inside, outside := 0, 0
	for _, r := range ranges {
		switch {
		case !b.prefix.Overlaps(r), slices.ContainsFunc(b.except, func(except netip.Prefix) bool { return covers(except, r) }):
			outside++
		case covers(b.prefix, r) && !slices.ContainsFunc(b.except, r.Overlaps):
			inside++
		}
	}
	switch len(ranges) {
	case inside:
		return certain(true)
	case outside:
		return certain(false)
	}
	return perhaps(doubtAddress)
}

// covers reports whether all of a range is in a prefix.
func covers(prefix, r netip.Prefix) bool { return prefix.Bits() <= r.Bits() && prefix.Overlaps(r) }

// covers says whether a peer of a rule matches a party of a connection.
func (e *Evaluator) covers(p *peer, who party, f family) answer {
	switch {
	case e.unread(who) && (p.block != nil || p.elsewhere):
		return perhaps(doubtUnread)
	case p.block == nil && who.pod == nil:
		return certain(false)
	case p.block == nil:
		matched := certain(p.classes.has(who.pod.class))
		if who.pod.host {
			return matched.onlyIf(e.plugin.GovernsHostNetwork, doubtHostNetwork)
		}
		return matched
	case who.pod != nil && !who.pod.host:
		matched := p.block.matchWithin(e.ranges[f])
		if address := who.pod.addresses[f]; address.IsValid() {
			matched = certain(p.block.contains(address))
		}
		return matched.onlyIf(e.plugin.BlocksMatchPods, doubtPodBlock)
	case who.pod != nil && who.pod.addresses[f].IsValid():
		return certain(p.block.contains(who.pod.addresses[f])).onlyIf(e.plugin.BlocksMatchNodes, doubtNodeBlock)
	case who.pod != nil && who.pod.node == nil:
		return p.block.matchWithin(wholeFamily[f]).onlyIf(e.plugin.BlocksMatchNodes, doubtNodeBlock)
	case who.pod != nil:
		return p.block.matchNode(who.pod.node, f).onlyIf(e.plugin.BlocksMatchNodes, doubtNodeBlock)
	case who.node != nil:
		return p.block.matchNode(who.node, f).onlyIf(e.plugin.BlocksMatchNodes, doubtNodeBlock)
	}
	return certain(p.block.contains(who.address))
}

// matchNode compares the block with the addresses that traffic of a node may carry.
func (b *block) matchNode(n *node, f family) answer {
	if len(n.addresses[f]) == 0 {
		return b.matchWithin(wholeFamily[f])
	}
	contained := 0
	for _, address := range n.addresses[f] {
		if b.contains(address) {
			contained++
		}
	}
	if contained == len(n.addresses[f]) {
		return certain(true)
	}
	if contained > 0 {
		return perhaps(doubtNodeBlock)
	}
	for _, podRange := range n.ranges {
		if b.prefix.Overlaps(podRange) {
			return perhaps(doubtNodeBlock)
		}
	}
	return certain(false)
}

// match says whether a port of a rule covers a port of the party that receives the connection.
func (p *port) match(receiver party, number int32, proto protocol, plugin *Plugin) answer {
	switch {
	case p.protocol != proto:
		return certain(false)
	case p.any:
		return certain(true)
	case p.name == "":
		return certain(p.from <= number && number <= p.to)
	case receiver.pod == nil:
		return certain(false)
	}
	matched := certain(false)
	for _, declared := range receiver.pod.names {
		if declared.name != p.name || declared.protocol != proto || declared.number != number {
			continue
		}
		if declared.first {
			matched = certain(true)
		} else {
			matched = matched.or(perhaps(doubtPortName))
		}
	}
	if receiver.pod.host {
		return matched.onlyIf(plugin.GovernsHostNetwork, doubtHostNetwork)
	}
	return matched
}
