//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/podknock/podknock/e2e/lab/internal/cluster"
	"github.com/podknock/podknock/e2e/lab/internal/mutants"
)

func engineCommand(name *string) *cobra.Command {
	cmd := &cobra.Command{Use: "engine", Short: "List and replace the engines that enforce NetworkPolicies"}
	cmd.AddCommand(engineListCommand(), engineSetCommand(name))
	return cmd
}

func engineSetCommand(name *string) *cobra.Command {
	var node string
	cmd := &cobra.Command{
		Use:   "set kube-network-policies|none|mutant:NAME",
		Short: "Replace the engine of a lab that is up, on every node or on one",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cluster.SetEngine(cmd.Context(), *name, node, cluster.Engine(args[0])); err != nil {
				return err
			}
			where := "every node"
			if node != "" {
				where = node
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "lab %q: %s enforces policies on %s\n", *name, args[0], where)
			return nil
		},
	}
	cmd.Flags().StringVar(&node, "node", "", "replace it on this node alone")
	return cmd
}

func engineListCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the engines that are wrong on purpose, with the defect of each",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch output {
			case "json":
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(mutants.All())
			case "markdown":
				_, err := fmt.Fprint(cmd.OutOrStdout(), mutants.Table())
				return err
			case "":
				table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				fmt.Fprintln(table, "ENGINE\tDEFECT")
				for _, m := range mutants.All() {
					fmt.Fprintf(table, "mutant:%s\t%s\n", m.Name, m.Defect)
				}
				return table.Flush()
			default:
				return fmt.Errorf(`output %q: use "json", "markdown" or none`, output)
			}
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "json or markdown; a table for people when left out")
	return cmd
}
