//go:build linux

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/podknock/podknock/e2e/lab/internal/cluster"
)

func kubeconfigCommand(name *string) *cobra.Command {
	return &cobra.Command{
		Use:   "kubeconfig",
		Short: "Print the path of the lab's kubeconfig",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := cluster.ReadState(*name); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), cluster.KubeconfigPath(*name))
			return nil
		},
	}
}
