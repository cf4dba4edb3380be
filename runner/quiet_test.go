package runner

import (
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
)

func TestNothingIsSampledWhileCountersAreRead(t *testing.T) {
	g := NewWithT(t)
	var samples, looks atomic.Int64
	cluster := newFakeCluster()
	cluster.unenforced = true // so that the latency of the block is sampled to the end
	cluster.asked = func(_ *fakeCluster, _, _ string, attempt probe.Attempt) (probe.Observation, bool) {
		if attempt.Timing.Sockets == 1 {
			samples.Add(1)
		}
		return probe.Observation{}, false
	}
	cluster.counted = func() {
		looks.Add(1)
		before := samples.Load()
		<-time.After(50 * time.Millisecond)
		if after := samples.Load(); after != before {
			t.Errorf("%d samples were taken beside the counters", after-before)
		}
	}
	report := runOn(t, t.Context(), cluster, fastOptions(), frontToBack)
	g.Expect(report.Scenarios[0].Mark).To(Equal(MarkFail))
	g.Expect(samples.Load()).To(BeNumerically(">", 0))
	g.Expect(looks.Load()).To(BeNumerically(">", 0), "the refusal was asked in quiet")
}

func TestQuietWavesHaveNoNetworkTwice(t *testing.T) {
	g := NewWithT(t)
	aims := []aim{
		{source: "a", target: "b"}, {source: "b", target: "c"}, {source: "c", target: "d"}, {source: "host1", target: "a"}, {source: "d", target: "host2"},
	}
	network := func(pod string) string {
		if pod == "host1" || pod == "host2" {
			return "node"
		}
		return pod
	}
	g.Expect(quietWaves(aims, []int{0, 1, 2, 3, 4}, network)).To(Equal([][]int{{0, 2}, {1, 3}, {4}}))
	g.Expect(quietWaves(aims, nil, network)).To(BeEmpty())
}

func TestSamplesBecomeRarerAndStayTwiceInASpan(t *testing.T) {
	g := NewWithT(t)
	pace := pace{}.withDefaults()
	g.Expect(pace.untilSample(0)).To(Equal(pace.sample))
	g.Expect(pace.untilSample(time.Second)).To(Equal(pace.sample))
	g.Expect(pace.untilSample(3 * time.Second)).To(Equal(150 * time.Millisecond))
	g.Expect(2 * pace.untilSample(time.Hour)).To(BeNumerically("<", pace.span))
}

func TestRoundsOfManyPacketsAreSpreadAndRoundsThatDifferBecomeSlower(t *testing.T) {
	g := NewWithT(t)
	pace := pace{}.withDefaults()
	g.Expect(pace.spread(burst, 0)).To(BeZero(), "a burst is harmless")
	g.Expect(pace.spread(10000, 0)).To(Equal(2 * time.Second))
	g.Expect(pace.spread(10000, patience+2)).To(Equal(4 * time.Second))
	g.Expect(pace.next(0, patience)).To(Equal(pace.spacing))
	g.Expect(pace.next(0, patience+2)).To(Equal(2 * pace.spacing))
	g.Expect(pace.next(0, 1000)).To(Equal(maxSlowing * pace.spacing))
	g.Expect(pace.next(2*time.Second, 0)).To(Equal(2 * time.Second))
}
