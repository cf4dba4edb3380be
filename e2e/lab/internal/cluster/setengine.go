package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/podknock/podknock/e2e/lab/internal/machine"
)

// SetEngine replaces the policy engine of a lab that is up: on one node, or on
// all when node is "". It returns when the new engine takes packets. Between
// the two nothing is enforced for a moment.
func SetEngine(ctx context.Context, name, node string, engine Engine) error {
	if err := engine.Validate(); err != nil {
		return err
	}
	return changeLab(ctx, name, func(ctx context.Context, r *running) error {
		if node == "" {
			r.state.Options.Engine, r.state.Engines = engine, nil
		} else {
			if _, err := r.node(node); err != nil {
				return err
			}
			r.state.Engines = maps.Clone(r.state.Engines)
			if r.state.Engines == nil {
				r.state.Engines = map[string]Engine{}
			}
			r.state.Engines[node] = engine
		}
		// First on paper: what is cut short can be said again.
		if err := r.save(); err != nil {
			return err
		}
		nodes, ctx := errgroup.WithContext(ctx)
		for _, m := range r.nodes {
			if m == nil || node != "" && m.Name != node { // a stopped node starts with its engine
				continue
			}
			nodes.Go(func() error {
				if err := r.replaceEngine(ctx, m, engine); err != nil {
					return fmt.Errorf("replace the policy engine of %q: %w", m.Name, err)
				}
				return nil
			})
		}
		if err := nodes.Wait(); err != nil {
			return err
		}
		if node == "" {
			r.state.Hook = r.hook
		}
		return r.save()
	})
}

// replaceEngine ends a node's engine, with what it left in the kernel, and
// starts another.
func (r *running) replaceEngine(ctx context.Context, node *machine.Machine, engine Engine) error {
	components, err := node.Components(ctx)
	if err != nil {
		return err
	}
	for _, c := range components {
		if !slices.Contains(engineComponents, c.Name) {
			continue
		}
		// kube-network-policies takes 5 s to end when it is asked to.
		if err := node.Kill(ctx, c.Name); err != nil {
			return err
		}
		if err := node.Remove(ctx, c.Name); err != nil {
			return err
		}
	}
	if err := removeQueueRule(ctx, node); err != nil {
		return err
	}
	for _, table := range engineComponents {
		if table == mutantComponent {
			table = "podknock-mutant"
		}
		// Its end shows only that there was none.
		_ = node.NetCommand(ctx, "nft", "delete", "table", "inet", table).Run()
	}
	if err := r.startEngine(ctx, node, engine); err != nil || engine == NoEngine {
		return err
	}
	return r.awaitEngine(ctx, node)
}

// awaitEngine waits until a node's engine takes packets.
func (r *running) awaitEngine(ctx context.Context, node *machine.Machine) error {
	return awaitUntil(ctx, "the policy engine of "+node.Name, func(ctx context.Context) (bool, error) {
		components, err := node.Components(ctx)
		if err != nil {
			return false, err
		}
		for _, c := range components {
			if slices.Contains(engineComponents, c.Name) && !c.Running() {
				return false, &componentError{machine: node.Name, state: c}
			}
		}
		return queueTaken(ctx, node)
	})
}
