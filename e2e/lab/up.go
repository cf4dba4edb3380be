//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/podknock/podknock/e2e/lab/internal/cluster"
)

func upCommand(name *string) *cobra.Command {
	o := cluster.Options{}
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Bring the lab up, and build its programs the first time",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			o.Name, o.Progress = *name, cmd.ErrOrStderr()
			if o.Self, o.Source, err = locate(o.Source); err != nil {
				return err
			}
			return cluster.Up(cmd.Context(), o)
		},
	}
	cmd.Flags().IntVar(&o.Nodes, "nodes", 2, "how many nodes")
	cmd.Flags().StringVar((*string)(&o.Families), "ip-family", string(cluster.DualStack), "dual, ipv4 or ipv6")
	cmd.Flags().StringVar((*string)(&o.Engine), "engine", string(cluster.KubeNetworkPolicies),
		"who enforces NetworkPolicies: kube-network-policies, none as with flannel, or mutant:NAME")
	addSourceFlag(cmd, &o.Source)
	return cmd
}

func buildCommand() *cobra.Command {
	o := cluster.Options{}
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Install and build what the lab needs, without bringing it up",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			o.Progress = cmd.ErrOrStderr()
			if o.Self, o.Source, err = locate(o.Source); err != nil {
				return err
			}
			bin, err := cluster.Prepare(cmd.Context(), o)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), bin)
			return nil
		},
	}
	addSourceFlag(cmd, &o.Source)
	return cmd
}

func addSourceFlag(cmd *cobra.Command, source *string) {
	cmd.Flags().StringVar(source, "source", "", "the folder e2e/lab of the repository (default: found from here or from the program)")
}

// locate returns the paths of this program and of the lab's module.
func locate(source string) (self, found string, err error) {
	if self, err = os.Executable(); err != nil || source != "" {
		return self, source, err
	}
	found, err = findSource(self)
	return self, found, err
}

// findSource looks for the lab's module above the working folder and above
// the program itself.
func findSource(program string) (string, error) {
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for _, start := range []string{here, filepath.Dir(program)} {
		for dir := start; ; dir = filepath.Dir(dir) {
			candidate := filepath.Join(dir, "e2e", "lab")
			if _, err := os.Stat(filepath.Join(candidate, "parts", "kube", "main.go")); err == nil {
				return candidate, nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return "", fmt.Errorf("find the lab's sources: no e2e/lab above %q or the program; run lab in the repository, or name the folder with --source", here)
}
