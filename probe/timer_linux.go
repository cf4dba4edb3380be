package probe

import (
	"container/heap"
	"time"
)

// timed is what a timer wakes.
type timed interface {
	// wake is called when the timer is due.
	wake()
}

// timer is due at one time or not set.
type timer struct {
	at    time.Time
	owner timed
	// index is the place in the queue plus one; zero is not queued.
	index int
}

// timerQueue is a heap, the next timer first.
type timerQueue []*timer

func (q timerQueue) Len() int           { return len(q) }
func (q timerQueue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }
func (q timerQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i+1, j+1
}

// Push implements [heap.Interface].
func (q *timerQueue) Push(x any) {
	t := x.(*timer)
	*q = append(*q, t)
	t.index = len(*q)
}

// Pop implements [heap.Interface].
func (q *timerQueue) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	t.index = 0
	return t
}

// set makes t due at the given time, in place of the former one.
func (e *engine) set(t *timer, at time.Time) {
	t.at = at
	if t.index > 0 {
		heap.Fix(&e.timers, t.index-1)
		return
	}
	heap.Push(&e.timers, t)
}

// unset takes t out of the queue.
func (e *engine) unset(t *timer) {
	if t.index > 0 {
		heap.Remove(&e.timers, t.index-1)
	}
}

func (e *engine) fireTimers() {
	for len(e.timers) > 0 && !e.timers[0].at.After(e.now) {
		t := heap.Pop(&e.timers).(*timer)
		t.owner.wake()
	}
}
