package cluster

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// ReadState returns the options of a lab that is up.
func ReadState(name string) (Options, error) {
	s, err := layout{name}.readState()
	return s.Options, err
}

// Logs returns the log files of a component: COMPONENT of every machine that
// has it, or MACHINE/COMPONENT.
func Logs(name, component string) ([]string, error) {
	l := layout{name}
	machine, base, found := strings.Cut(component, "/")
	if !found {
		machine, base = "*", component
	}
	logs, err := filepath.Glob(l.log(machine, base))
	if err != nil {
		return nil, err
	}
	if len(logs) == 0 {
		return nil, fmt.Errorf("lab %q has no log of %q: `lab status` lists the components", name, component)
	}
	return logs, nil
}

// Command prepares a command that runs on one of a lab's machines.
func Command(ctx context.Context, name, machine string, argv ...string) (*exec.Cmd, error) {
	machines, err := layout{name}.machines()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range machines {
		if m.Name == machine {
			return m.Command(ctx, argv...), nil
		}
		names = append(names, m.Name)
	}
	return nil, fmt.Errorf("lab %q has no machine %q; it has: %s", name, machine, strings.Join(names, " "))
}

// Kubectl prepares a run of the lab's own kubectl.
func Kubectl(ctx context.Context, name string, args ...string) (*exec.Cmd, error) {
	l := layout{name}
	s, err := l.readState()
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, filepath.Join(s.Bin, "kubectl"), append([]string{"--kubeconfig", l.kubeconfig()}, args...)...), nil
}
