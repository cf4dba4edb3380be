package runner

import (
	"context"
	"slices"
	"sync"
)

// turnsWorthATopology is how many scenarios have to wait for each topology of their shape before another one is made. To start and end pods is most
// of what a run costs a cluster, and in the time that a topology needs to come about, one that exists serves some scenarios.
const turnsWorthATopology = 7

// pool holds the scenarios of a run that wait for their turn, and the shapes of the topologies that exist. A scenario runs on a topology of its
// shape that has become free, or else on a new one as soon as there is room and the queue is long enough.
type pool struct {
	mu   sync.Mutex
	plan *Plan
	// waiting are the scenarios whose turn has not come: those with most steps first, so that none of them is begun when the others are done, and
	// else in the order of the plan.
	waiting []int
	// shapes tells of the topologies that were made.
	shapes map[string]*shapeUse
	// apart says that no topology is used twice any more.
	apart bool
	// changed is closed, and replaced, when a topology or a scenario of the queue has gone.
	changed chan struct{}
}

// shapeUse is what has become of the topologies of one shape.
type shapeUse struct {
	// standing counts those that scenarios run on.
	standing int
	// shortLived says that one could not be used again although a scenario waited for it. Then the others may go the same way, and to wait for
	// them would take all scenarios one after the other.
	shortLived bool
}

func newPool(plan *Plan) *pool {
	p := &pool{plan: plan, shapes: map[string]*shapeUse{}, changed: make(chan struct{})}
	for i := range plan.Scenarios {
		p.waiting = append(p.waiting, i)
	}
	slices.SortStableFunc(p.waiting, func(a, b int) int {
		return p.steps(b) - p.steps(a)
	})
	return p
}

// first is the scenario that a new topology should be made for next: where most steps wait for each topology that there would be. It goes on
// waiting. Where the topologies that exist are enough for all that wait, first returns when that has changed. It reports false when no scenario
// waits, or ctx has ended.
func (p *pool) first(ctx context.Context) (int, bool) {
	for {
		p.mu.Lock()
		next, found := p.next()
		changed, empty := p.changed, len(p.waiting) == 0
		p.mu.Unlock()
		if found || empty {
			return next, found
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, false
		}
	}
}

// next is the scenario that first looks for, if there is one now. The lock is held.
func (p *pool) next() (scenario int, found bool) {
	most := 0
	for _, i := range p.waiting {
		if steps, worth := p.gain(i); worth && (!found || steps > most) {
			scenario, found, most = i, true, steps
		}
	}
	return scenario, found
}

// gain is how many steps would wait for each topology if one more were made for a scenario that waits, and whether one should be. The lock is held.
func (p *pool) gain(scenario int) (steps int, worth bool) {
	shape := p.plan.Scenarios[scenario].shape
	if shape == "" || p.apart {
		return p.steps(scenario), true
	}
	queue, standing := 0, 0
	for _, i := range p.waiting {
		if p.plan.Scenarios[i].shape == shape {
			queue++
			steps += p.steps(i)
		}
	}
	use := p.shapes[shape]
	if use != nil {
		standing = use.standing
	}
	worth = standing == 0 || use.shortLived || queue > turnsWorthATopology*standing
	return steps / (standing + 1), worth
}

func (p *pool) steps(scenario int) int { return len(p.plan.Scenarios[scenario].Scenario.Steps) }

// take begins a scenario on a topology of its own, unless it no longer waits, or no longer needs one.
func (p *pool) take(scenario int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.Index(p.waiting, scenario)
	if at < 0 {
		return false
	}
	if _, worth := p.gain(scenario); !worth {
		return false
	}
	p.remove(at)
	if shape := p.plan.Scenarios[scenario].shape; shape != "" {
		if p.shapes[shape] == nil {
			p.shapes[shape] = &shapeUse{}
		}
		p.shapes[shape].standing++
	}
	return true
}

// leave says that a topology is no longer used.
func (p *pool) leave(shape string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if use := p.shapes[shape]; use != nil {
		use.standing--
		use.shortLived = use.shortLived || p.fitting(shape) >= 0
	}
	p.tell()
}

// remove takes a scenario out of the queue. The lock is held.
func (p *pool) remove(at int) {
	p.waiting = slices.Delete(p.waiting, at, at+1)
	p.tell()
}

// tell wakes whoever waits for a change. The lock is held.
func (p *pool) tell() {
	close(p.changed)
	p.changed = make(chan struct{})
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
	p.remove(at)
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
	p.tell()
}
