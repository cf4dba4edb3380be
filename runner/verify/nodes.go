package verify

import (
	"iter"
	"slices"
)

// nodes are those of the run's pods, by name.
func (s *search) nodes() []string {
	var nodes []string
	for _, story := range s.stories {
		for _, pod := range story.result.Pods {
			if pod.Node != "" && !slices.Contains(nodes, pod.Node) {
				nodes = append(nodes, pod.Node)
			}
		}
	}
	slices.Sort(nodes)
	return nodes
}

// onNodes are the guesses restricted to one node each, or to all but one. Engines are of two kinds. Most have each node decide about the ends
// of its own pods. With others each node decides about both ends of whatever passes it, so that a node with a defect shows it only in the
// traffic that no other node sees.
func (s *search) onNodes() iter.Seq[guess] {
	nodes := s.nodes()
	var sets [][]string
	for _, node := range nodes {
		if len(nodes) < 2 {
			break
		}
		sets = append(sets, []string{node})
		if len(nodes) > 2 {
			sets = append(sets, slices.DeleteFunc(slices.Clone(nodes), func(n string) bool { return n == node }))
		}
	}
	return func(yield func(guess) bool) {
		for _, g := range s.guesses {
			for _, set := range sets {
				if !yield(s.atOwnEnds(g, set)) || !yield(s.onTheWay(g, set)) {
					return
				}
			}
		}
	}
}

// atOwnEnds restricts a guess to the ends of the pods of some nodes.
func (s *search) atOwnEnds(g guess, nodes []string) guess {
	restricted := s.within(g, onlyOn(nodes))
	restricted.nodes = nodes
	return restricted
}

// onTheWay restricts a guess to some nodes, where each node decides about both ends of what passes it.
func (s *search) onTheWay(g guess, nodes []string) guess {
	defective := func(node string) bool { return slices.Contains(nodes, node) }
	restricted := make(prediction, len(s.knocks))
	for i := range s.knocks {
		for at := range endCount {
			restricted[i][at] = s.routes[i][at].joint(s.right[i][at], g.predicted[i][at], defective)
		}
	}
	g.predicted, g.nodes = restricted, nodes
	g.About = g.About[:len(g.About)-1] + ", for what passes no other node."
	return g
}
