//go:build linux

package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/podknock/podknock/e2e/lab/internal/cluster"
)

func logsCommand(name *string) *cobra.Command {
	return &cobra.Command{
		Use:   "logs COMPONENT",
		Short: "Print a component's log: kubelet of every node, or node1/kubelet",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			logs, err := cluster.Logs(*name, args[0])
			if err != nil {
				return err
			}
			for _, path := range logs {
				if len(logs) > 1 {
					fmt.Fprintf(cmd.OutOrStdout(), "==> %s\n", path)
				}
				f, err := os.Open(path)
				if err != nil {
					return err
				}
				_, err = io.Copy(cmd.OutOrStdout(), f)
				f.Close()
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
}
