package probe

import (
	"net/netip"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

var (
	budgetStart = time.Unix(1e9, 0)
	portClosed  = ICMP{Version: 4, Type: 3, Code: 3}
)

func after(d time.Duration) time.Time { return budgetStart.Add(d) }

func from(host netip.Addr, m ICMP) ICMP {
	m.Offender = host
	return m
}

func TestICMPBudgetOfTheDestination(t *testing.T) {
	g := NewWithT(t)
	var b icmpBudget
	host, other := testRemote.Addr(), netip.MustParseAddr("10.0.0.8")
	for range icmpBurst {
		_, limited := b.limitedBy(host, budgetStart)
		g.Expect(limited).To(BeFalse(), "the burst is not used up")
		b.spent(from(host, portClosed), host, time.Millisecond, budgetStart)
	}
	by, limited := b.limitedBy(host, budgetStart)
	g.Expect(limited).To(BeTrue())
	g.Expect(by).To(Equal(host))
	_, limited = b.limitedBy(host, after(time.Millisecond))
	g.Expect(limited).To(BeFalse(), "what happened before does not matter")
	_, limited = b.limitedBy(other, budgetStart)
	g.Expect(limited).To(BeFalse(), "another host has a budget of its own")

	wait, ok := b.reserve(host, 1, after(time.Second))
	g.Expect(ok).To(BeFalse())
	g.Expect(wait).To(BeNumerically("<=", 30*time.Millisecond))
	_, ok = b.reserve(host, 1, after(1100*time.Millisecond))
	g.Expect(ok).To(BeTrue())
	wait, ok = b.reserve(host, 1, after(1100*time.Millisecond))
	g.Expect(ok).To(BeFalse(), "the token is reserved")
	g.Expect(wait).To(BeNumerically("~", time.Second, 100*time.Millisecond))
	b.release(host, 1, after(1200*time.Millisecond))
	_, ok = b.reserve(host, 1, after(1200*time.Millisecond))
	g.Expect(ok).To(BeTrue(), "it was not used")
}

func TestICMPBudgetOfABoxOnTheWay(t *testing.T) {
	g := NewWithT(t)
	var b icmpBudget
	for range icmpBurst {
		b.spent(from(testRouter, portClosed), testRemote.Addr(), time.Millisecond, budgetStart)
	}
	by, limited := b.limitedBy(netip.MustParseAddr("10.9.9.9"), budgetStart)
	g.Expect(limited).To(BeTrue(), "it may be on the way to any destination")
	g.Expect(by).To(Equal(testRouter))
	_, limited = b.limitedBy(netip.MustParseAddr("2001:db8::1"), budgetStart)
	g.Expect(limited).To(BeFalse(), "of its family")
}

func TestICMPBudgetOfARouterThatChargesTwice(t *testing.T) {
	g := NewWithT(t)
	var b icmpBudget
	prohibited := from(testRouter, ICMP{Version: 4, Type: 3, Code: 13})
	for range icmpBurstSlow {
		b.spent(prohibited, testRemote.Addr(), time.Millisecond, budgetStart)
	}
	_, limited := b.limitedBy(testRemote.Addr(), budgetStart)
	g.Expect(limited).To(BeTrue())
	_, ok := b.reserve(testRouter, 1, after(2*time.Second))
	g.Expect(ok).To(BeFalse())
	_, ok = b.reserve(testRouter, 1, after(icmpQuiet))
	g.Expect(ok).To(BeTrue())
	b.release(testRouter, 1, after(4*time.Second))
	wait, ok := b.reserve(testRouter, 1, after(4*time.Second))
	g.Expect(ok).To(BeFalse(), "each question ends the quiet")
	g.Expect(wait).To(Equal(icmpQuiet))

	var patient icmpBudget
	gone := from(testRouter, ICMP{Version: 4, Type: 3, Code: 1})
	for range icmpBurstSlow {
		patient.spent(gone, testRemote.Addr(), 3*time.Second, budgetStart)
	}
	_, limited = patient.limitedBy(testRemote.Addr(), budgetStart)
	g.Expect(limited).To(BeFalse(), "nobody had the address: that is no route's answer")
}

func TestICMPBudgetForgetsHosts(t *testing.T) {
	g := NewWithT(t)
	var b icmpBudget
	host := netip.MustParseAddr("10.0.0.0")
	for range 2 * icmpHosts {
		b.spent(from(host, portClosed), host, time.Millisecond, budgetStart)
		host = host.Next()
	}
	b.spent(from(host, portClosed), host, time.Millisecond, after(time.Hour))
	g.Expect(len(b.hosts)).To(Equal(1))
}

func TestPace(t *testing.T) {
	g := NewWithT(t)
	var p pacer
	most := 0
	now := budgetStart
	var taken []time.Time
	for now.Before(after(2 * time.Second)) {
		wait, ok := p.take(Pace{}, now)
		if ok {
			taken = append(taken, now)
			continue
		}
		now = now.Add(wait + time.Microsecond)
	}
	for i, first := range taken {
		n := 0
		for n = i; n < len(taken) && taken[n].Sub(first) < paceWindow; n++ {
		}
		most = max(most, n-i)
	}
	g.Expect(most).To(BeNumerically("<=", defaultSocketsPer100ms+1), "in any 100 ms")
	g.Expect(len(taken)).To(BeNumerically(">", 5000), "and not much less")
}

func TestPaceIsHalvedWhileHandshakesAreSlow(t *testing.T) {
	g := NewWithT(t)
	perSecond := func(p *pacer, from time.Time) (n int) {
		for now := from; now.Before(from.Add(time.Second)); {
			wait, ok := p.take(Pace{SocketsPer100ms: 100}, now)
			if ok {
				n++
			} else {
				now = now.Add(wait + time.Microsecond)
			}
			p.sampledAt = now
		}
		return n
	}
	var p pacer
	g.Expect(perSecond(&p, budgetStart)).To(BeNumerically("~", 910, 20))
	for range paceSamples {
		p.connected(60*time.Millisecond, after(time.Second))
	}
	g.Expect(perSecond(&p, after(time.Second))).To(BeNumerically("~", 455, 20))
	for range paceSamples {
		p.connected(5*time.Millisecond, after(2*time.Second))
	}
	g.Expect(perSecond(&p, after(2*time.Second))).To(BeNumerically("~", 910, 20))
}

func TestUsage(t *testing.T) {
	g := NewWithT(t)
	var u usage
	g.Expect(u.admit(Pace{Waiting: 2}, 100, 10)).To(BeTrue(), "alone, whatever it needs")
	g.Expect(u.admit(Pace{Waiting: 2}, 1, 10)).To(BeFalse(), "the descriptors are taken")
	u.release(100)
	g.Expect(u.admit(Pace{Waiting: 2}, 5, 10)).To(BeTrue())
	g.Expect(u.admit(Pace{Waiting: 2}, 5, 10)).To(BeTrue())
	g.Expect(u.admit(Pace{Waiting: 2}, 0, 10)).To(BeFalse(), "two wait already")
	g.Expect(u.admit(Pace{Descriptors: 20}, 5, 10)).To(BeTrue(), "a bound of its own")
}
