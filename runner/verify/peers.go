package verify

import (
	"cmp"
	"hash/fnv"
	"math"
	"slices"
)

// DefaultPeers is the number of nodes up to which every node is tested with every other, and above which each is tested with so many.
const DefaultPeers = 10

// peersOf chooses, for each node, the other nodes that it is tested with: all of them up to k, and k of them above, by rendezvous hashing
// (Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998). So the choice is the same in every run, and a node that
// comes or goes changes few pairs. A pair is tested in both directions, so that every node is a source and a destination at least k times.
func peersOf(nodes []string, k int) map[string][]string {
	chosen := map[string]map[string]bool{}
	for _, node := range nodes {
		chosen[node] = map[string]bool{}
	}
	for _, node := range nodes {
		others := slices.DeleteFunc(slices.Clone(nodes), func(other string) bool { return other == node })
		slices.SortFunc(others, func(a, b string) int {
			return cmp.Or(cmp.Compare(weight(node, b), weight(node, a)), cmp.Compare(a, b))
		})
		for _, peer := range others[:min(k, len(others))] {
			chosen[node][peer], chosen[peer][node] = true, true
		}
	}
	peers := map[string][]string{}
	for _, node := range nodes {
		for _, other := range nodes {
			if chosen[node][other] {
				peers[node] = append(peers[node], other)
			}
		}
	}
	return peers
}

// weight is the rendezvous weight of a pair, the same in both directions.
func weight(a, b string) uint64 {
	if b < a {
		a, b = b, a
	}
	hash := fnv.New64a()
	hash.Write([]byte(a))
	hash.Write([]byte{0})
	hash.Write([]byte(b))
	// FNV alone mixes the last bytes too little; this is the finalizer of MurmurHash3 (Appleby).
	h := hash.Sum64()
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// coverage is what a sample of pairs can show.
type coverage struct {
	// tested and all are numbers of ordered pairs of different nodes.
	tested, all int
	// fewest is the smallest number of peers of a node.
	fewest int
}

func coverageOf(nodes []string, peers map[string][]string) coverage {
	c := coverage{all: len(nodes) * (len(nodes) - 1)}
	for i, node := range nodes {
		c.tested += len(peers[node])
		if i == 0 || len(peers[node]) < c.fewest {
			c.fewest = len(peers[node])
		}
	}
	return c
}

// missLink is the probability that one broken link, from one node to one other, is not among the tested pairs.
func (c coverage) missLink() float64 {
	if c.all == 0 {
		return 0
	}
	return 1 - float64(c.tested)/float64(c.all)
}

// missPart is at most the probability that no tested pair shows a fault that breaks this share of a node's links.
func (c coverage) missPart(share float64) float64 {
	if c.tested == c.all {
		return 0
	}
	return math.Pow(1-share, float64(c.fewest))
}
