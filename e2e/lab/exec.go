//go:build linux

package main

import (
	"errors"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"github.com/podknock/podknock/e2e/lab/internal/cluster"
)

func execCommand(name *string) *cobra.Command {
	return &cobra.Command{
		Use:   "exec MACHINE -- COMMAND...",
		Short: "Run a command on a machine: control-plane, node1, ..., world",
		Args:  cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			inside, err := cluster.Command(cmd.Context(), *name, args[0], args[1:]...)
			if err != nil {
				return err
			}
			return attach(cmd, inside)
		},
	}
}

func kubectlCommand(name *string) *cobra.Command {
	return &cobra.Command{
		Use:   "kubectl -- ARGUMENTS...",
		Short: "Run the lab's own kubectl against it",
		RunE: func(cmd *cobra.Command, args []string) error {
			kubectl, err := cluster.Kubectl(cmd.Context(), *name, args...)
			if err != nil {
				return err
			}
			return attach(cmd, kubectl)
		},
	}
}

// attach runs a command on this one's streams, and ends as it ended.
func attach(cmd *cobra.Command, inner *exec.Cmd) error {
	inner.Stdin, inner.Stdout, inner.Stderr = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	err := inner.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() > 0 {
		os.Exit(exit.ExitCode())
	}
	return err
}
