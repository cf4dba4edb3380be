package scenarios

// Coverage is an axis and the scenarios that try it.
type Coverage struct {
	Axis Axis `json:"axis"`
	// Scenarios are the names of those that have a cell of the axis once a policy is or was in force, in the order in which they were given.
	Scenarios []string `json:"scenarios"`
}

// Cover tells which of the scenarios try each axis, in the order of [Axes], in a cluster with both families.
func Cover(all []*Scenario) ([]Coverage, error) {
	covered := map[AxisName][]string{}
	for _, scenario := range all {
		tried, err := scenario.tries()
		if err != nil {
			return nil, err
		}
		for name := range tried {
			covered[name] = append(covered[name], scenario.Metadata.Name)
		}
	}
	var coverage []Coverage
	for _, axis := range Axes() {
		names := covered[axis.Name]
		if names == nil {
			names = []string{}
		}
		coverage = append(coverage, Coverage{Axis: axis, Scenarios: names})
	}
	return coverage, nil
}

// tries are the axes of the cells that a scenario has under policies or after them.
func (s *Scenario) tries() (map[AxisName]bool, error) {
	expansion, err := Expand(s, ExpandOptions{Families: Families()})
	if err != nil {
		return nil, err
	}
	tried := map[AxisName]bool{}
	for i := range expansion.Steps {
		if !expansion.Steps[i].world.governed {
			continue
		}
		for j := range expansion.Steps[i].Cells {
			for _, axis := range AxesOf(expansion, i, j) {
				tried[axis.Name] = true
			}
		}
	}
	return tried, nil
}
