package probe

import "sync"

// usage counts what the attempts under way hold, over all Runs of a Prober.
type usage struct {
	mu          sync.Mutex
	waiting     int
	descriptors int
}

// admit takes a place for one attempt that needs so many descriptors at most. An attempt that alone needs more than
// the bound is admitted when nothing else is under way.
func (u *usage) admit(pace Pace, descriptors, limit int) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	waiting := pace.Waiting
	if waiting <= 0 {
		waiting = defaultWaiting
	}
	if pace.Descriptors > 0 {
		limit = pace.Descriptors
	}
	if u.waiting > 0 && (u.waiting >= waiting || u.descriptors+descriptors > limit) {
		return false
	}
	u.waiting++
	u.descriptors += descriptors
	return true
}

// release gives back what admit took.
func (u *usage) release(descriptors int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.waiting--
	u.descriptors -= descriptors
}
