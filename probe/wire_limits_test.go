//go:build linux && wire

package probe_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/probe/internal/wirebed"
)

// limitICMP gives a place the kernel's own limits of ICMP errors back.
func (n *network) limitICMP(place wirebed.Place) {
	n.Sysctl(place, "net.ipv4.icmp_ratelimit", "1000")
	n.Sysctl(place, "net.ipv4.icmp_msgs_per_sec", "1000")
	n.Sysctl(place, "net.ipv4.icmp_msgs_burst", "50")
	n.Sysctl(place, "net.ipv6.icmp.ratelimit", "1000")
}

// closedPorts asks 60 different closed UDP ports.
func closedPorts(family probe.Family, tweak func(*probe.Attempt)) []knock {
	var knocks []knock
	for port := range uint16(60) {
		c := cell{protocol: probe.UDP, view: quietBatch, tweak: func(a *probe.Attempt) {
			a.Port = 20000 + port
			tweak(a)
		}}
		knocks = append(knocks, c.knock(family))
	}
	return knocks
}

func TestSixtyClosedUDPPortsWithTheKernelsLimitOfICMPErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		tweak   func(*probe.Attempt)
		reading func(judgement) probe.Reading
		want    []probe.Origin
		within  time.Duration // five times what it should take, for busy machines; the log has what it took
	}{
		{
			"from here, patiently", func(*probe.Attempt) {},
			func(j judgement) probe.Reading { return j.result.Reading },
			[]probe.Origin{probe.OriginUnknown}, 5 * time.Minute,
		},
		{
			"with the pod's evidence, at once", func(a *probe.Attempt) { a.ICMPWait = -1 },
			func(j judgement) probe.Reading { return j.reading },
			[]probe.Origin{probe.OriginPod}, 15 * time.Second,
		},
	} {
		for _, family := range bothFamilies {
			t.Run(fmt.Sprintf("%s, %s", tc.name, family), func(t *testing.T) {
				t.Parallel()
				g := NewWithT(t)
				n := newNetwork(t)
				n.limitICMP(wirebed.Server)
				start := time.Now()
				judgements := n.judge(closedPorts(family, tc.tweak), nil)
				elapsed := time.Since(start)
				for _, j := range judgements {
					r := tc.reading(j)
					g.Expect(r.Outcome).To(Equal(probe.Refused), "%s: %s %+v", r.Reason, j.attempt.Host, j.result.Observation)
					g.Expect(tc.want).To(ContainElement(r.Origin), r.Reason)
					g.Expect(r.Inconclusive).To(BeFalse(), r.Reason)
				}
				t.Logf("60 ports took %s", elapsed.Round(time.Millisecond))
				g.Expect(elapsed).To(BeNumerically("<", tc.within))
			})
		}
	}
}

func TestDroppedPortsAmongClosedOnesWithTheKernelsLimitOfICMPErrors(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	n := newNetwork(t)
	n.limitICMP(wirebed.Server)
	n.Forward(wirebed.Node1, "udp dport 20000-20004 drop")
	for _, j := range n.judge(closedPorts(probe.IPv4, func(*probe.Attempt) {})[:20], nil) {
		want := probe.Refused
		if j.attempt.Port < 20005 {
			want = probe.Timeout
		}
		g.Expect(j.result.Outcome).To(Equal(want), "port %d: %s", j.attempt.Port, j.result.Reason)
		g.Expect(j.result.Inconclusive).To(BeFalse())
	}
}

func TestRouterThatChargesItsErrorsTwice(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	n := newNetwork(t)
	n.limitICMP(wirebed.Node1)
	routes(wirebed.Node1, "prohibit")(n)
	knocks := closedPorts(probe.IPv4, func(*probe.Attempt) {})[:12]
	for _, j := range n.judge(knocks, nil) {
		g.Expect(j.result.Outcome).To(Equal(probe.Rejected), "%s %+v", j.result.Reason, j.result.Observation)
	}
}

func TestImpatienceIsInconclusive(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	n := newNetwork(t)
	n.limitICMP(wirebed.Server)
	knocks := closedPorts(probe.IPv4, func(a *probe.Attempt) { a.ICMPWait = -1 })
	var silent int
	for _, j := range n.judge(knocks, nil) {
		if j.result.Outcome == probe.Refused {
			continue
		}
		silent++
		g.Expect(j.result.Outcome).To(Equal(probe.Timeout))
		g.Expect(j.result.Inconclusive).To(BeTrue(), j.result.Reason)
		g.Expect(j.result.ICMPLimited).To(BeTrue())
	}
	g.Expect(silent).To(BeNumerically(">", 40))
}

func TestMoreAttemptsThanDescriptors(t *testing.T) {
	// Not parallel: the limit is the process's.
	g := NewWithT(t)
	n := newNetwork(t)
	n.Forward(wirebed.Node1, tested+" drop")
	var former unix.Rlimit
	g.Expect(unix.Getrlimit(unix.RLIMIT_NOFILE, &former)).To(Succeed())
	g.Expect(unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 256, Max: former.Max})).To(Succeed())
	defer func() { g.Expect(unix.Setrlimit(unix.RLIMIT_NOFILE, &former)).To(Succeed()) }()

	var attempts []probe.Attempt
	for i := range 400 {
		a := cell{protocol: probe.TCP}.knock(probe.IPv4).attempt
		if i%2 == 0 {
			a.Port = controlPort
		}
		attempts = append(attempts, a)
	}
	for i, r := range n.knock(attempts...) {
		want := probe.Timeout
		if i%2 == 0 {
			want = probe.Connected
		}
		g.Expect(r.Outcome).To(Equal(want), r.Reason)
		g.Expect(r.Inconclusive).To(BeFalse())
	}
}

func TestCancelledAttemptsAreErrors(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	n := newNetwork(t)
	n.Forward(wirebed.Node1, tested+" drop")
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	attempts := make([]probe.Attempt, 100)
	for i := range attempts {
		attempts[i] = cell{protocol: probe.TCP}.knock(probe.IPv4).attempt
		attempts[i].Timeout = 30 * time.Second
	}
	start := time.Now()
	var delivered int
	n.Unprivileged(wirebed.Client, func() {
		n.prober.Run(ctx, attempts, func(r probe.Result) {
			delivered++
			g.Expect(r.Outcome).To(Equal(probe.Error))
			g.Expect(r.Reason).To(ContainSubstring("cancelled"))
		})
	})
	g.Expect(delivered).To(Equal(len(attempts)), "one result for each attempt")
	g.Expect(time.Since(start)).To(BeNumerically("<", 5*time.Second), "not waiting for the deadline")
	g.Expect(n.knock(cell{protocol: probe.TCP}.knock(probe.IPv4).attempt)[0].Outcome).To(Equal(probe.Timeout), "the prober is usable afterwards")
}
