//go:build linux

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/podknock/podknock/e2e/lab/internal/cluster"
	"github.com/podknock/podknock/e2e/lab/internal/host"
)

func downCommand(name *string) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "Take the lab down and remove all that it made",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cluster.ValidateName(*name); err != nil {
				return err
			}
			if err := host.Check(); err != nil {
				return err
			}
			if err := cluster.Down(cmd.Context(), *name); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "lab %q is down\n", *name)
			return nil
		},
	}
}
