package verify

import (
	"sync"

	"github.com/podknock/podknock/scenarios"
)

// suiteCoverage finds the scenarios of the suite for each axis, in a cluster with everything.
var suiteCoverage = sync.OnceValue(func() map[scenarios.AxisName][]string {
	found := map[scenarios.AxisName][]string{}
	all, err := scenarios.Loader{}.Find(SuiteName)
	if err != nil {
		return found // tests hold the library to be sound
	}
	coverage, err := scenarios.Cover(all)
	if err != nil {
		return found
	}
	for _, c := range coverage {
		found[c.Axis.Name] = c.Scenarios
	}
	return found
})
