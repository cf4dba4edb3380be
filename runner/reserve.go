package runner

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/podknock/podknock/scenarios"
)

// reserve hands out the namespaces that a run may use instead of creating some.
type reserve struct {
	mu   sync.Mutex
	free []string
	// usable is the number of namespaces that are free or will be.
	usable int
	// changed is closed and replaced whenever namespaces come back or are lost.
	changed chan struct{}
}

func newReserve(names []string) *reserve {
	return &reserve{free: slices.Clone(names), usable: len(names), changed: make(chan struct{})}
}

// take waits until so many namespaces are free. It fails when so many never will be.
func (r *reserve) take(ctx context.Context, n int) ([]string, error) {
	for {
		r.mu.Lock()
		if n > r.usable {
			r.mu.Unlock()
			return nil, fmt.Errorf("it needs %d namespaces of the reserve, and %d are left that could be emptied", n, r.usable)
		}
		if n <= len(r.free) {
			taken := slices.Clone(r.free[:n])
			r.free = r.free[n:]
			r.mu.Unlock()
			return taken, nil
		}
		given := r.changed
		r.mu.Unlock()
		select {
		case <-given:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// give takes namespaces back that are empty again.
func (r *reserve) give(names []string) { r.change(names, 0) }

// lose forgets namespaces that could not be emptied: what is in them might disturb the next scenario.
func (r *reserve) lose(names []string) { r.change(nil, len(names)) }

func (r *reserve) change(back []string, lost int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free = append(r.free, back...)
	r.usable -= lost
	close(r.changed)
	r.changed = make(chan struct{})
}

// ownNamespaces are the names of the namespaces that a scenario would create.
func ownNamespaces(scenario *scenarios.Scenario) []string {
	var names []string
	for _, namespace := range scenario.Namespaces {
		if !namespace.Existing {
			names = append(names, namespace.Name)
		}
	}
	return names
}

// reserveObstacle says why a scenario cannot happen in so many namespaces that exist already, or is empty.
func reserveObstacle(scenario *scenarios.Scenario, namespaces int) string {
	if own := len(ownNamespaces(scenario)); own > namespaces {
		return fmt.Sprintf("it needs %d namespaces and the reserve has %d: name more with --reserve", own, namespaces)
	}
	for _, namespace := range scenario.Namespaces {
		if namespace.Existing {
			return fmt.Sprintf("it needs pods in namespace %q, which is not of the reserve", namespace.Name)
		}
	}
	for _, step := range scenario.Steps {
		if slices.ContainsFunc(append(slices.Clone(step.Delete), step.Create...), isNamespace) {
			return "it creates or deletes namespaces, and those of the reserve stay"
		}
	}
	return ""
}

// inNamespaces is the planned scenario with these names in the place of those of the namespaces that it would create.
func (p *Planned) inNamespaces(options Options, names []string) (*Planned, error) {
	moved := *p
	given := map[string]string{}
	for i, name := range ownNamespaces(p.Scenario) {
		given[name] = names[i]
	}
	var err error
	if moved.naming, err = newNaming(options.Run, options.Tenant, p.Scenario); err != nil {
		return nil, err
	}
	moved.naming.Naming, moved.naming.reserved = moved.naming.In(given), true
	moved.Topology = moved.naming.topology()
	return &moved, nil
}
