//go:build linux

// Command lab brings up a real Kubernetes cluster on this machine: see README.md.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := rootCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "lab",
		Short: "A real Kubernetes cluster with a real policy engine on one Linux machine",
		Long: "lab brings up Kubernetes, containerd, CoreDNS and a NetworkPolicy engine on machines\n" +
			"made of Linux namespaces, with no way out of them. It needs root, and no network but\n" +
			"the Go module proxy and Debian's packages for the first build.",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	name := root.PersistentFlags().String("name", "lab", "which lab; labs of different names run side by side")
	root.AddCommand(
		buildCommand(), upCommand(name), downCommand(name), statusCommand(name), kubeconfigCommand(name),
		engineCommand(name), nodeCommand(name), componentCommand(name), loadCommand(name), logsCommand(name), execCommand(name), kubectlCommand(name),
		machineCommand(), worldCommand(),
	)
	return root
}
