package probe

import "sync"

// holds are the connections that a prober holds, see [Attempt.Hold], over all its Runs.
type holds struct {
	mu    sync.Mutex
	count int
	// released grows with each Release. A connection knows at which count its holding began.
	released int
	// wakers wake the Runs that are under way.
	wakers map[any]func()
}

// Held counts the connections that are answered and held now. They are those of [Attempt.Hold].
func (p *Prober) Held() int {
	p.holds.mu.Lock()
	defer p.holds.mu.Unlock()
	return p.holds.count
}

// Release ends the holding of all connections that are held now: each asks its second question at once, instead of
// after the rest of its [Attempt.Hold].
func (p *Prober) Release() {
	p.holds.mu.Lock()
	defer p.holds.mu.Unlock()
	p.holds.released++
	for _, wake := range p.holds.wakers {
		wake()
	}
}

// watch has wake called at each Release until leave is called. wake must not block.
func (h *holds) watch(run any, wake func()) (leave func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.wakers == nil {
		h.wakers = map[any]func(){}
	}
	h.wakers[run] = wake
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.wakers, run)
	}
}

// begin counts one connection more and returns the number of releases so far.
func (h *holds) begin() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count++
	return h.released
}

// end counts one less.
func (h *holds) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count--
}

func (h *holds) releases() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.released
}
