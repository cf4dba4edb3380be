package runner

import (
	"context"
	"testing"
	"testing/synctest"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/scenarios"
)

// planOf has a scenario of one step for each shape.
func planOf(shapes ...string) *Plan {
	plan := &Plan{}
	for _, shape := range shapes {
		plan.Scenarios = append(plan.Scenarios, Planned{Scenario: &scenarios.Scenario{Steps: make([]scenarios.Step, 1)}, shape: shape})
	}
	return plan
}

func times(n int, shape string) []string {
	shapes := make([]string, n)
	for i := range shapes {
		shapes[i] = shape
	}
	return shapes
}

// begin takes the scenarios that the pool offers until it offers none, and returns how many topologies of each shape that made.
func begin(p *pool) map[string]int {
	made := map[string]int{}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for {
		i, ok := p.first(ctx)
		if !ok || !p.take(i) {
			return made
		}
		made[p.plan.Scenarios[i].shape]++
	}
}

func TestAPoolMakesNoMoreTopologiesThanAreWorthTheirPods(t *testing.T) {
	rows := map[string]struct {
		shapes []string
		// happens after all topologies that are worth it were made.
		happens func(p *pool)
		made    map[string]int
		// then are those that are made after that.
		then map[string]int
	}{
		"a topology that could not be used again shows that the others may not be either, and each scenario gets its own": {
			shapes: times(6, "a"), happens: func(p *pool) { p.leave("a") }, made: map[string]int{"a": 1}, then: map[string]int{"a": 5},
		},
		"no topology is used twice any more": {
			shapes: times(6, "a"), happens: func(p *pool) { p.separate() }, made: map[string]int{"a": 1}, then: map[string]int{"a": 5},
		},
		"a scenario that needs a topology of its own does not wait": {
			shapes: []string{"", "", ""}, happens: func(*pool) {}, made: map[string]int{"": 3}, then: map[string]int{},
		},
		"a short queue waits for the topology that exists": {
			shapes: times(turnsWorthATopology+1, "a"), happens: func(*pool) {}, made: map[string]int{"a": 1}, then: map[string]int{},
		},
		"a long queue is worth a second": {
			shapes: times(turnsWorthATopology+2, "a"), happens: func(*pool) {}, made: map[string]int{"a": 2}, then: map[string]int{},
		},
		"every shape has one": {
			shapes: []string{"a", "b", "a", "c"}, happens: func(*pool) {}, made: map[string]int{"a": 1, "b": 1, "c": 1}, then: map[string]int{},
		},
		"a scenario that was begun on a free topology is not begun again": {
			shapes: times(2, "a"), happens: func(p *pool) {
				p.follow("a")
				p.leave("a")
			}, made: map[string]int{"a": 1}, then: map[string]int{},
		},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			p := newPool(planOf(row.shapes...))
			g.Expect(begin(p)).To(Equal(row.made))
			row.happens(p)
			g.Expect(begin(p)).To(Equal(row.then))
		})
	}
}

func TestALongQueueComesFirst(t *testing.T) {
	g := NewWithT(t)
	p := newPool(planOf("short", "short", "long", "long", "long", "long", "long"))
	var order []string
	for range 2 {
		i, ok := p.first(t.Context())
		g.Expect(ok && p.take(i)).To(BeTrue())
		order = append(order, p.plan.Scenarios[i].shape)
	}
	g.Expect(order).To(Equal([]string{"long", "short"}))
}

// TestAWaitForATopologyEnds holds that whoever waits for a scenario that needs a topology hears of everything that may end the wait.
func TestAWaitForATopologyEnds(t *testing.T) {
	rows := map[string]struct {
		ends  func(p *pool, cancel func())
		found bool
	}{
		"the run has ended": {ends: func(_ *pool, cancel func()) { cancel() }},
		"the topology took the last scenario": {ends: func(p *pool, _ func()) {
			p.follow("a")
		}},
		"the topology has gone":            {ends: func(p *pool, _ func()) { p.leave("a") }, found: true},
		"no topology is used twice by now": {ends: func(p *pool, _ func()) { p.separate() }, found: true},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := NewWithT(t)
				p := newPool(planOf("a", "a"))
				begin(p)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				returned, found := false, false
				go func() {
					_, found = p.first(ctx)
					returned = true
				}()
				synctest.Wait()
				g.Expect(returned).To(BeFalse(), "the scenario waits for the topology")
				row.ends(p, cancel)
				synctest.Wait()
				g.Expect(returned).To(BeTrue())
				g.Expect(found).To(Equal(row.found))
			})
		})
	}
}
