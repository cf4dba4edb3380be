package verify

import (
	"fmt"
	"slices"
	"testing"

	. "github.com/onsi/gomega"
)

func nodeNames(count int) []string {
	names := make([]string, count)
	for i := range names {
		names[i] = fmt.Sprintf("worker-%03d", i)
	}
	return names
}

func TestPeersOf(t *testing.T) {
	for _, tc := range []struct {
		name     string
		nodes, k int
		whole    bool
	}{
		{"more nodes than peers are sampled", 200, 10, false},
		{"one node more than peers and itself is sampled", 12, 10, false},
		{"as many nodes as fit are all tested with each other", 11, 10, true},
		{"two nodes", 2, 10, true},
		{"one node has no peer", 1, 10, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			nodes := nodeNames(tc.nodes)
			peers := peersOf(nodes, tc.k)
			tested := map[string]int{}
			for node, others := range peers {
				g.Expect(others).NotTo(ContainElement(node), "no node is its own peer")
				g.Expect(len(others)).To(BeNumerically(">=", min(tc.k, tc.nodes-1)), node)
				for _, other := range others {
					tested[other]++
					g.Expect(peers[other]).To(ContainElement(node), "pairs are tested in both directions")
				}
			}
			for _, node := range nodes {
				g.Expect(tested[node]).To(BeNumerically(">=", min(tc.k, tc.nodes-1)), "every node is a destination")
			}
			covered := coverageOf(nodes, peers)
			g.Expect(covered.tested == covered.all).To(Equal(tc.whole))
			g.Expect(covered.confidence() == nil).To(Equal(tc.whole))
			g.Expect(covered.tested).To(BeNumerically("<=", 2*tc.k*tc.nodes), "the work grows with the nodes, not with their pairs")
		})
	}
}

func TestPeersChangeLittleWithTheNodes(t *testing.T) {
	g := NewWithT(t)
	nodes := nodeNames(100)
	before, after := peersOf(nodes, 5), peersOf(nodes[1:], 5)
	changed := 0
	for _, node := range nodes[1:] {
		kept := slices.DeleteFunc(slices.Clone(before[node]), func(n string) bool { return n == nodes[0] })
		for _, peer := range after[node] {
			if !slices.Contains(kept, peer) {
				changed++
			}
		}
	}
	g.Expect(changed).To(BeNumerically("<=", 4*5), "only those that had the lost node choose anew, and each new pair counts twice")
}

func TestConfidence(t *testing.T) {
	g := NewWithT(t)
	half := coverage{tested: 45, all: 90, fewest: 5}
	g.Expect(half.missLink()).To(BeNumerically("~", 0.5))
	g.Expect(half.missPart(0.5)).To(BeNumerically("~", 1.0/32))
	for _, confidence := range half.confidence() {
		g.Expect(confidence.Probability).To(And(BeNumerically(">", 0), BeNumerically("<=", 1)), confidence.Fault)
	}
	g.Expect(coverage{tested: 90, all: 90, fewest: 9}.confidence()).To(BeNil())
	g.Expect(coverage{}.missLink()).To(BeZero())
}
