//go:build linux

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/podknock/podknock/e2e/lab/internal/cluster"
)

func componentCommand(name *string) *cobra.Command {
	cmd := &cobra.Command{Use: "component", Short: "Kill a component of the cluster, and start it again"}
	for _, verb := range []struct {
		use, short, did string
		do              func(ctx context.Context, lab, component, machine string) error
	}{
		{"kill", "End a component with SIGKILL; nothing starts it again by itself", "was killed", cluster.KillComponent},
		{"start", "Start a component that has ended, as it was started before", "runs again", cluster.StartComponent},
	} {
		var machine string
		sub := &cobra.Command{
			Use:   verb.use + " kube-apiserver|etcd|kubelet|containerd|kube-proxy|engine|...",
			Short: verb.short, Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				if err := verb.do(cmd.Context(), *name, args[0], machine); err != nil {
					return err
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "lab %q: %s %s\n", *name, args[0], verb.did)
				return nil
			},
		}
		sub.Flags().StringVar(&machine, "node", "", "on this machine alone, node1 or so; on every one that has it when left out")
		cmd.AddCommand(sub)
	}
	return cmd
}
