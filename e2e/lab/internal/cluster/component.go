package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/podknock/podknock/e2e/lab/internal/machine"
)

// engineAlias names whichever engine a node runs.
const engineAlias = "engine"

// KillComponent ends a component as a crash would, on the machine given, or on
// every one that has it when machine is "". Nothing starts it again by itself.
func KillComponent(ctx context.Context, name, component, machineName string) error {
	return eachComponent(ctx, name, component, machineName, func(ctx context.Context, _ *running, m *machine.Machine, s machine.State) error {
		if !s.Running() {
			return fmt.Errorf("%s on %s has ended already: %s", s.Name, m.Name, s.Exit)
		}
		return m.Kill(ctx, s.Name)
	})
}

// StartComponent starts a component that has ended as it was started before.
// It returns when an API server is ready, an engine takes packets, or the
// process of any other runs.
func StartComponent(ctx context.Context, name, component, machineName string) error {
	return eachComponent(ctx, name, component, machineName, func(ctx context.Context, r *running, m *machine.Machine, s machine.State) error {
		if s.Running() {
			return fmt.Errorf("%s on %s runs already", s.Name, m.Name)
		}
		if err := m.Again(ctx, s.Name); err != nil {
			return err
		}
		switch {
		case slices.Contains(engineComponents, s.Name):
			return r.awaitEngine(ctx, m)
		case s.Name == "kube-apiserver":
			api, err := clientFor(r.kubeconfig())
			if err != nil {
				return err
			}
			return awaitUntil(ctx, "the API server", func(ctx context.Context) (bool, error) {
				if err := stillRuns(ctx, m, s.Name); err != nil {
					return false, err
				}
				_, err := api.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
				return err == nil, nil
			})
		}
		return nil
	})
}

// stillRuns returns an error when a component of a machine has ended.
func stillRuns(ctx context.Context, m *machine.Machine, component string) error {
	states, err := m.Components(ctx)
	if err != nil {
		return err
	}
	for _, s := range states {
		if s.Name == component && !s.Running() {
			return &componentError{machine: m.Name, state: s}
		}
	}
	return nil
}

// eachComponent does something about a component wherever it is meant.
func eachComponent(ctx context.Context, name, component, machineName string,
	do func(context.Context, *running, *machine.Machine, machine.State) error,
) error {
	return changeLab(ctx, name, func(ctx context.Context, r *running) error {
		found, known := false, map[string]bool{}
		for _, m := range r.all() {
			if machineName != "" && m.Name != machineName {
				continue
			}
			states, err := m.Components(ctx)
			if err != nil {
				return err
			}
			for _, s := range states {
				known[s.Name] = true
				if s.Name != component && (component != engineAlias || !slices.Contains(engineComponents, s.Name)) {
					continue
				}
				found = true
				if err := do(ctx, r, m, s); err != nil {
					return fmt.Errorf("lab %q: %w", name, err)
				}
			}
		}
		switch {
		case found:
			return nil
		case len(known) == 0:
			return fmt.Errorf("lab %q: no machine %q runs", name, machineName)
		}
		return fmt.Errorf("lab %q: no component %q there; there are: %s, and %s for any of them that enforces policies",
			name, component, strings.Join(slices.Sorted(maps.Keys(known)), " "), engineAlias)
	})
}
