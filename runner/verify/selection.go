package verify

import (
	"fmt"
	"slices"

	"github.com/podknock/podknock/scenarios"
)

// perAxis is how many scenarios are run for each axis that a verification is restricted to. The first is the one that is written for the axis.
const perAxis = 3

// ScenariosOf names the scenarios of the suite that a verification of these axes alone runs, by name. The error says which axis there is not, or
// which no scenario is about.
func ScenariosOf(axes []scenarios.AxisName) ([]string, error) {
	var names []string
	for _, name := range axes {
		axis, ok := scenarios.AxisNamed(name)
		if !ok {
			return nil, fmt.Errorf("axis %q: there is none of this name; `podknock list --coverage` names them", name)
		}
		about := slices.Clone(suiteCoverage()[axis.Name])
		if len(about) == 0 {
			return nil, fmt.Errorf("axis %q: no scenario is about it; it is measured in every verification", name)
		}
		slices.SortStableFunc(about, func(a, b string) int { return ownFirst(b, axis) - ownFirst(a, axis) })
		for _, scenario := range about[:min(perAxis, len(about))] {
			if !slices.Contains(names, scenario) {
				names = append(names, scenario)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// ownFirst is greater for the scenario that has the name of the axis.
func ownFirst(scenario string, axis scenarios.Axis) int {
	if scenario == string(axis.Name) {
		return 1
	}
	return 0
}
