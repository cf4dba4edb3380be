//go:build linux

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/podknock/podknock/e2e/lab/internal/cluster"
)

func statusCommand(name *string) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say how the lab is doing; fails when it is not as it should be",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			status, err := cluster.ReadStatus(cmd.Context(), *name)
			if err != nil {
				return err
			}
			status.Print(cmd.OutOrStdout())
			memory, err := cluster.Memory(*name)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "memory of all machines: %d MiB\n", memory>>20)
			if !status.Healthy() {
				return fmt.Errorf("lab %q is not healthy", *name)
			}
			return nil
		},
	}
}
