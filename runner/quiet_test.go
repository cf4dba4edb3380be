package runner

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

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

func TestRoundsOfManyCellsAreSpreadAndBecomeSlower(t *testing.T) {
	g := NewWithT(t)
	pace := pace{}.withDefaults()
	g.Expect(pace.spread(burst, 100)).To(BeZero(), "a burst is harmless, however often")
	g.Expect(pace.next(0)).To(Equal(pace.spacing))
	g.Expect(pace.spread(10000, 0)).To(Equal(2 * time.Second))
	g.Expect(pace.spread(10000, patience+1)).To(Equal(4 * time.Second))
	g.Expect(pace.spread(10000, 1000)).To(Equal(maxSlowing * 2 * time.Second))
	g.Expect(pace.next(4 * time.Second)).To(Equal(4 * time.Second))
}
