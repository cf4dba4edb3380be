//go:build linux

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/podknock/podknock/e2e/lab/internal/cluster"
)

func nodeCommand(name *string) *cobra.Command {
	cmd := &cobra.Command{Use: "node", Short: "Stop a node, cut it off, and take either back"}
	for _, verb := range []struct {
		use, short, did string
		do              func(ctx context.Context, lab, node string) error
	}{
		{"stop", "End a node's machine, as a loss of power would", "stopped", cluster.StopNode},
		{"start", "Start a stopped node, and wait until it is Ready", "Ready", cluster.StartNode},
		{"cut", "Let no packet pass between a node and the rest", "cut off", cluster.CutNode},
		{"heal", "Let packets pass again to a node that was cut off", "connected", cluster.HealNode},
	} {
		cmd.AddCommand(&cobra.Command{
			Use: verb.use + " NODE", Short: verb.short, Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				if err := verb.do(cmd.Context(), *name, args[0]); err != nil {
					return err
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "lab %q: %s is %s\n", *name, args[0], verb.did)
				return nil
			},
		})
	}
	return cmd
}
