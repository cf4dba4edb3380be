//go:build linux

package main

import (
	"github.com/spf13/cobra"

	"github.com/podknock/podknock/e2e/lab/internal/cluster"
	"github.com/podknock/podknock/e2e/lab/internal/machine"
	"github.com/podknock/podknock/e2e/lab/internal/world"
)

// machineCommand is what the init of every machine runs. Its argument is only
// for whoever looks at a list of processes.
func machineCommand() *cobra.Command {
	return &cobra.Command{
		Use: cluster.InitVerb + " LAB/MACHINE", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(*cobra.Command, []string) error { return machine.RunInit() },
	}
}

// worldCommand answers for the hosts outside the cluster.
func worldCommand() *cobra.Command {
	return &cobra.Command{
		Use: cluster.WorldVerb + " HOST...", Hidden: true, Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, hosts []string) error { return world.Serve(cmd.Context(), hosts) },
	}
}
