package matrix

import (
	"net/netip"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/scenarios/policy"
)

// lines are the addresses at which a verdict may change: the first of each ipBlock and exception, and the first behind it.
type lines []netip.Addr

func newLines(policies []networkingv1.NetworkPolicy) lines {
	var found lines
	add := func(cidr string) {
		prefix, err := netip.ParsePrefix(cidr)
		if err != nil {
			return // the evaluator has read it in its own way; such spellings are errors of new policies
		}
		found = append(found, prefix.Masked().Addr())
		if next := lastOf(prefix).Next(); next.IsValid() {
			found = append(found, next)
		}
	}
	for i := range policies {
		var peers []networkingv1.NetworkPolicyPeer
		for _, rule := range policies[i].Spec.Ingress {
			peers = append(peers, rule.From...)
		}
		for _, rule := range policies[i].Spec.Egress {
			peers = append(peers, rule.To...)
		}
		for _, peer := range peers {
			if peer.IPBlock == nil {
				continue
			}
			add(peer.IPBlock.CIDR)
			for _, except := range peer.IPBlock.Except {
				add(except)
			}
		}
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return slices.Compact(found)
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

// starts are the addresses of a range at which a part of it begins.
func (l lines) starts(within netip.Prefix) []netip.Addr {
	starts := []netip.Addr{within.Addr()}
	for _, line := range l {
		if within.Contains(line) && line != within.Addr() {
			starts = append(starts, line)
		}
	}
	return starts
}

// judgeRange judges a range at each of its parts. Addresses of pods, nodes and Services within it are not asked about one by one.
func (m *Matrix) judgeRange(cell *Cell, row *Row, column *Column, query policy.Query) {
	if row.within.IsValid() && column.within.IsValid() {
		cell.Error = "a range to a range: name a pod for one of them"
		return
	}
	within := row.within
	if column.within.IsValid() {
		within = column.within
	}
	starts := m.lines.starts(within)
	var parts []Part
	for i, start := range starts {
		if row.within.IsValid() {
			query.From = policy.Address(start)
		} else {
			query.To = policy.Address(start)
		}
		verdict, err := m.evaluator.Verdict(query)
		if err != nil {
			cell.Error = err.Error()
			return
		}
		last := lastOf(within)
		if i+1 < len(starts) {
			last = starts[i+1].Prev()
		}
		if n := len(parts); n > 0 && parts[n-1].Verdict == verdict {
			parts[n-1].To = last.String()
			continue
		}
		parts = append(parts, Part{From: start.String(), To: last.String(), Verdict: verdict})
	}
	cell.Verdict = parts[0].Verdict
	if len(parts) > 1 {
		cell.Verdict, cell.Parts = policy.Depends, parts
	}
}
