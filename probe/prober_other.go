//go:build !linux

package probe

import (
	"context"
	"time"
)

// run answers each attempt with ENOSYS: the evidence that outcomes need comes from Linux.
func (p *Prober) run(_ context.Context, attempts []Attempt, deliver func(Result)) {
	for _, a := range attempts {
		o := Observation{Start: time.Now().UTC(), Errno: "ENOSYS", Call: CallSocket}
		deliver(Result{ID: a.ID, Reading: Classify(a, o, nil), Observation: o})
	}
}
