package runner

import (
	"slices"
	"sync"
)

// pool holds the scenarios of a run that wait for their turn, and the shapes of the topologies that exist. A scenario runs on a topology of its
// shape that has become free, or else on a new one as soon as there is room.
type pool struct {
	mu   sync.Mutex
	plan *Plan
	// waiting are the scenarios whose turn has not come: those with most steps first, so that none of them is begun when the others are done, and
	// else in the order of the plan.
	waiting []int
	// made counts the topologies that were made, by shape.
	made map[string]int
	// apart says that no topology is used twice any more.
	apart bool
}

func newPool(plan *Plan) *pool {
	p := &pool{plan: plan, made: map[string]int{}}
	for i := range plan.Scenarios {
		p.waiting = append(p.waiting, i)
	}
	slices.SortStableFunc(p.waiting, func(a, b int) int {
		return len(plan.Scenarios[b].Scenario.Steps) - len(plan.Scenarios[a].Scenario.Steps)
	})
	return p
}

// first is the scenario that a new topology should be made for next: one whose shape has none yet, before one that might get a free one. It
// goes on waiting.
func (p *pool) first() (int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		return 0, false
	}
	fresh := slices.IndexFunc(p.waiting, func(i int) bool { return p.made[p.plan.Scenarios[i].shape] == 0 })
	return p.waiting[max(fresh, 0)], true
}

// take begins a scenario on a topology of its own, unless it no longer waits.
func (p *pool) take(scenario int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.Index(p.waiting, scenario)
	if at < 0 {
		return false
	}
	p.waiting = slices.Delete(p.waiting, at, at+1)
	if shape := p.plan.Scenarios[scenario].shape; shape != "" {
		p.made[shape]++
	}
	return true
}

// wanted tells whether a scenario waits that could run on a free topology of a shape.
func (p *pool) wanted(shape string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fitting(shape) >= 0
}

// follow begins the next scenario on a free topology of its shape, if one waits.
func (p *pool) follow(shape string) (int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.fitting(shape)
	if at < 0 {
		return 0, false
	}
	scenario := p.waiting[at]
	p.waiting = slices.Delete(p.waiting, at, at+1)
	return scenario, true
}

// fitting is the place in the queue of the next scenario for a free topology, or -1. The lock is held.
func (p *pool) fitting(shape string) int {
	if shape == "" || p.apart {
		return -1
	}
	return slices.IndexFunc(p.waiting, func(i int) bool { return p.plan.Scenarios[i].shape == shape })
}

// separate lets no topology be used twice from now on.
func (p *pool) separate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.apart = true
}
