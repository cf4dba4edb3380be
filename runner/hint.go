package runner

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// hint says from when on the rounds of a step count whose change shows in no cell: a moment after the canaries of its nodes have shown that
// their engines have caught up, or where there are none, a moment after the change.
type hint struct {
	watch *watch

	mu     sync.Mutex
	start  time.Time
	canary bool
}

// find asks the canaries.
func (h *hint) find(ctx context.Context) {
	w := h.watch
	dwell := w.dwell()
	start, canary := w.changed, false
	if w.canaries != nil {
		seen, err := w.canaries.await(ctx, w.nodes(), w.changed)
		if ctx.Err() != nil {
			return
		}
		if start, canary = seen, err == nil; err != nil {
			start = w.changed
			w.note("for changes that show in no cell, enforcement was waited for by time alone: %v", err)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.start, h.canary = start.Add(dwell), canary
}

// from is when rounds count, if that is known.
func (h *hint) from() (time.Time, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.start, !h.start.IsZero()
}

// byCanary tells whether canaries have given the hint.
func (h *hint) byCanary() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.canary
}

// dwell is how long a step waits after the hint: three times what enforcement took in this scenario, and at least the pace's.
func (w *watch) dwell() time.Duration {
	var latencies []Latency
	for i := range w.records {
		latencies = append(latencies, w.records[i].Latency)
	}
	merged := mergeLatencies(latencies...)
	return max(w.options.pace.dwell, 3*merged.Allow.P95, 3*merged.Deny.P95)
}

// nodes are those that the scenario's pods run on.
func (l *lane) nodes() []string {
	nodes := map[string]bool{}
	for _, pod := range l.book.pods {
		nodes[pod.Node] = true
	}
	return slices.Sorted(maps.Keys(nodes))
}
