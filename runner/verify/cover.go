package verify

import (
	"slices"

	"github.com/podknock/podknock/scenarios"
)

// coverPrice is what an axis costs in a cover beside its passing knocks, so that one axis is better than two.
const coverPrice = 10

// cover is a small set of axes such that each failing knock is about one of them, and few passing knocks are: the greedy solution of the
// weighted set cover. It is never empty if there are failing knocks.
func cover(failed, all []*knock) []scenarios.Axis {
	covers, passing := map[scenarios.AxisName][]*knock{}, map[scenarios.AxisName]int{}
	for _, k := range all {
		for _, axis := range k.axes() {
			switch {
			case k.failed:
				covers[axis.Name] = append(covers[axis.Name], k)
			case k.proven:
				passing[axis.Name]++
			}
		}
	}
	var chosen []scenarios.Axis
	left := slices.Clone(failed)
	for len(left) > 0 {
		var best scenarios.Axis
		bestCost := -1.0
		for _, axis := range scenarios.Axes() {
			fresh := 0
			for _, k := range covers[axis.Name] {
				if slices.Contains(left, k) {
					fresh++
				}
			}
			if fresh == 0 || axis.Unjudged {
				continue
			}
			if cost := float64(passing[axis.Name]+coverPrice) / float64(fresh); bestCost < 0 || cost < bestCost {
				best, bestCost = axis, cost
			}
		}
		if bestCost < 0 {
			break
		}
		chosen = append(chosen, best)
		left = slices.DeleteFunc(left, func(k *knock) bool { return slices.Contains(covers[best.Name], k) })
	}
	return chosen
}
