package probe

import (
	"net/netip"
	"sync"
	"time"
)

// icmpBudget keeps account of the ICMP errors that hosts have sent us. Linux sends one peer at most six in a burst and
// then one per second (icmp_ratelimit in icmp(7), inet_peer_xrlim_allow in net/ipv4/inetpeer.c): when the budget of a
// host is used up, its refusals look like drops. The budget of IPv6 refills faster; the slower rate serves for both.
//
// A router with an unreachable or prohibiting route is worse: it charges the same budget twice, and charges also for
// the errors that it then does not send (ip_error in net/ipv4/route.c). After two errors it is silent for as long as
// packets keep coming, and speaks again after two seconds of quiet.
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
	// reserved counts the tokens of questions under way.
	reserved int
	// quietSince is when the last reserved question ended.
	quietSince time.Time
	// slow says that the host charges twice, judged by its first answer: later ones may come quickly because somebody
	// else began the search for a neighbour.
	slow, judged bool
	// between says that the host has refused what was meant for others: it is a box on the way to an unknown set of
	// destinations.
	between bool
}

const (
	icmpBurst     = 5 // one less than the kernel's, for what others may have used
	icmpBurstSlow = 2
	// icmpRefill is a little longer than the kernel's second, so that a token is there when it is counted on.
	icmpRefill = 1020 * time.Millisecond
	icmpQuiet  = 3 * time.Second
	// routeAnswer bounds the time that a route takes to answer; an unanswered search for a neighbour takes longer.
	routeAnswer = time.Second
	// icmpHosts bounds the account; full budgets are forgotten beyond it.
	icmpHosts = 4096
)

// spent records an ICMP error about a packet to remote, which came so long after the first packet of its socket.
func (b *icmpBudget) spent(message ICMP, remote netip.Addr, age time.Duration, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.bucket(message.Offender, now)
	if message.Offender != remote {
		k.between = true
		if message.fromRoute() && !k.judged {
			k.slow, k.judged = age < routeAnswer, true
		}
	}
	if k.slow {
		k.tokens = min(k.tokens, icmpBurstSlow)
	}
	if k.tokens = max(0, k.tokens-1); k.tokens < 1 {
		k.lowAt = now
	}
}

// fromRoute tells the messages that a router's table makes: network or host unreachable, or prohibited.
func (m *ICMP) fromRoute() bool {
	return m.Version == 4 && m.Type == icmpUnreachable && (m.Code == 0 || m.Code == 1 || m.Code == 13)
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

// reserve takes tokens of the host for a question, or says how long to wait before asking for them again. A slow host
// is left in quiet and then asked one question.
func (b *icmpBudget) reserve(host netip.Addr, tokens int, now time.Time) (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.bucket(host, now)
	if k.slow {
		quiet := later(k.lowAt, k.quietSince)
		if wait := icmpQuiet - now.Sub(quiet); wait > 0 || k.reserved > 0 {
			return max(wait, paceWindow), false
		}
	} else if missing := float64(tokens+k.reserved) - k.tokens; missing > 0 {
		return min(time.Duration(missing*float64(icmpRefill))+time.Millisecond, icmpRefill), false
	}
	k.reserved += tokens
	return 0, true
}

// release ends a reservation. What was spent meanwhile has been recorded on its own.
func (b *icmpBudget) release(host netip.Addr, tokens int, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if k := b.hosts[host]; k != nil {
		k.reserved -= tokens
		k.quietSince = now
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
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
	k.tokens = min(k.burst(), k.tokens+float64(now.Sub(k.at))/float64(icmpRefill))
	k.at = now
	return k
}

func (k *icmpBucket) burst() float64 {
	if k.slow {
		return icmpBurstSlow
	}
	return icmpBurst
}

func (b *icmpBudget) forget(now time.Time) {
	for address, k := range b.hosts {
		if k.reserved == 0 && now.Sub(k.at) > icmpBurst*icmpRefill {
			delete(b.hosts, address)
		}
	}
}
