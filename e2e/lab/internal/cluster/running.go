package cluster

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/podknock/podknock/e2e/lab/internal/machine"
)

// running is a lab that is up, while its lock is held.
type running struct {
	*upping
	state state
}

// changeLab does something to a lab that is up, alone, and keeps its state.
func changeLab(ctx context.Context, name string, change func(context.Context, *running) error) error {
	if err := ValidateName(name); err != nil {
		return err
	}
	l := layout{name}
	if _, err := l.readState(); err != nil { // before the lock makes a file
		return err
	}
	unlock, err := lockLab(ctx, l)
	if err != nil {
		return err
	}
	defer unlock()
	s, err := l.readState()
	if err != nil {
		return err
	}
	machines, err := l.machines()
	if err != nil {
		return err
	}
	o := s.Options.withDefaults()
	if o.Self, err = os.Executable(); err != nil { // a node that starts again needs an init
		return err
	}
	u := &upping{Options: o, layout: l, bin: s.Bin, start: time.Now(), hook: s.Hook, nodes: make([]*machine.Machine, o.Nodes)}
	for _, m := range machines {
		switch m.Name {
		case controlPlaneName:
			u.controlPlane = m
		case worldName:
			u.world = m
		default:
			if n := u.number(m.Name); n > 0 {
				u.nodes[n-1] = m
			}
		}
	}
	if u.controlPlane == nil || u.world == nil {
		return fmt.Errorf("lab %q: its control plane is gone; bring it up anew", name)
	}
	ctx, cancel := context.WithTimeout(ctx, o.Patience)
	defer cancel()
	return change(ctx, &running{upping: u, state: s})
}

// number returns the number of a node, counted from 1; 0 when there is none.
func (u *upping) number(node string) int {
	for n := 1; n <= u.Nodes; n++ {
		if nodeName(n) == node {
			return n
		}
	}
	return 0
}

// node returns the number of a node that a command names.
func (r *running) node(name string) (int, error) {
	if n := r.number(name); n > 0 {
		return n, nil
	}
	return 0, fmt.Errorf("lab %q has no node %q; it has node1 to %s", r.Name, name, nodeName(r.Nodes))
}

// save keeps the state.
func (r *running) save() error { return r.writeState(r.state) }

// awaitUntil asks until done is true or ctx ends.
func awaitUntil(ctx context.Context, what string, done func(context.Context) (bool, error)) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		ok, err := done(ctx)
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, context.Cause(ctx))
		case <-ticker.C:
		}
	}
}
