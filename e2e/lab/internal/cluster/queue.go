package cluster

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/podknock/podknock/e2e/lab/internal/machine"
)

// queueRule is the lab's rule that hands an engine the first packet of each
// forwarded connection. Without an engine that takes them, packets pass.
var queueRule = []string{"FORWARD", "-m", "conntrack", "--ctstate", "NEW", "-j", "NFQUEUE", "--queue-num", engineQueue, "--queue-bypass"}

// setQueueRule puts the rule in place, unless it is, for both IP families.
func setQueueRule(ctx context.Context, node *machine.Machine) error {
	return eachTables(ctx, node, func(run func(args ...string) error) error {
		if run(slices.Concat([]string{"-C"}, queueRule)...) == nil {
			return nil
		}
		return run(slices.Concat([]string{"-I"}, queueRule)...)
	})
}

// removeQueueRule takes the rule away, if it is there.
func removeQueueRule(ctx context.Context, node *machine.Machine) error {
	return eachTables(ctx, node, func(run func(args ...string) error) error {
		if run(slices.Concat([]string{"-C"}, queueRule)...) != nil {
			return nil
		}
		return run(slices.Concat([]string{"-D"}, queueRule)...)
	})
}

// eachTables calls do with a way to run iptables(8) and ip6tables(8) on a node.
func eachTables(ctx context.Context, node *machine.Machine, do func(run func(args ...string) error) error) error {
	for _, program := range []string{"iptables", "ip6tables"} {
		if err := do(func(args ...string) error {
			cmd := node.NetCommand(ctx, append([]string{program, "-w"}, args...)...)
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("%s on %s: %w: %s", program, node.Name, err, strings.TrimSpace(string(out)))
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// queueTaken tells whether a program takes packets from the engine's queue
// (the lines of /proc/net/netfilter/nfnetlink_queue begin with its number).
func queueTaken(ctx context.Context, node *machine.Machine) (bool, error) {
	out, err := node.NetCommand(ctx, "cat", "/proc/net/netfilter/nfnetlink_queue").Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return false, err
	}
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] == engineQueue {
			return true, nil
		}
	}
	return false, nil
}
