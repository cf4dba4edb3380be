package probe

import (
	"net/netip"
	"sync"
	"time"
)

// icmpBudget keeps account of the ICMP errors that hosts have sent us. Linux sends one peer at most six in a burst and
// then one per second (icmp_ratelimit in icmp(7), inet_peer_xrlim_allow in net/ipv4/inetpeer.c): when the budget of a
// host is used up, its refusals look like drops. The budget of IPv6 refills faster; the slower rate serves for both.
type icmpBudget struct {
	mu    sync.Mutex
	hosts map[netip.Addr]*icmpBucket
}

// icmpBucket is the estimated rest of one host's budget.
type icmpBucket struct {
	tokens float64
	at     time.Time
	// lowAt is when the budget was last seen used up.
	lowAt time.Time
	// reserved counts questions under way that may use a token each.
	reserved int
	// between says that the host has refused what was meant for others: it is a box on the way to an unknown set of
	// destinations.
	between bool
}

const (
	icmpBurst = 6
	// icmpRefill is a little longer than the kernel's second, so that a token is there when it is counted on.
	icmpRefill = 1020 * time.Millisecond
	// icmpHosts bounds the account; full budgets are forgotten beyond it.
	icmpHosts = 4096
)

// spent records an ICMP error from offender about a packet to remote.
func (b *icmpBudget) spent(offender, remote netip.Addr, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.bucket(offender, now)
	k.tokens = max(0, k.tokens-1)
	if k.tokens < 1 {
		k.lowAt = now
	}
	k.between = k.between || offender != remote
}

// limitedBy returns the host whose used-up budget may have silenced a packet that went to remote after since: the
// destination itself, or a box on the way.
func (b *icmpBudget) limitedBy(remote netip.Addr, since time.Time) (host netip.Addr, limited bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var latest time.Time
	for address, k := range b.hosts {
		if (address == remote || k.between && address.Is4() == remote.Is4()) && !k.lowAt.Before(since) && k.lowAt.After(latest) {
			host, limited, latest = address, true, k.lowAt
		}
	}
	return host, limited
}

// reserve takes one token of the host for a question, or says how long to wait before asking for one again.
func (b *icmpBudget) reserve(host netip.Addr, now time.Time) (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.bucket(host, now)
	if missing := 1 + float64(k.reserved) - k.tokens; missing > 0 {
		return min(time.Duration(missing*float64(icmpRefill))+time.Millisecond, icmpRefill), false
	}
	k.reserved++
	return 0, true
}

// release ends a reservation. What was spent meanwhile has been recorded on its own.
func (b *icmpBudget) release(host netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if k := b.hosts[host]; k != nil {
		k.reserved--
	}
}

func (b *icmpBudget) bucket(host netip.Addr, now time.Time) *icmpBucket {
	k := b.hosts[host]
	if k == nil {
		if b.hosts == nil {
			b.hosts = map[netip.Addr]*icmpBucket{}
		}
		if len(b.hosts) >= icmpHosts {
			b.forget(now)
		}
		k = &icmpBucket{tokens: icmpBurst, at: now}
		b.hosts[host] = k
	}
	k.tokens = min(icmpBurst, k.tokens+float64(now.Sub(k.at))/float64(icmpRefill))
	k.at = now
	return k
}

func (b *icmpBudget) forget(now time.Time) {
	for address, k := range b.hosts {
		if k.reserved == 0 && now.Sub(k.at) > icmpBurst*icmpRefill {
			delete(b.hosts, address)
		}
	}
}
