package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/scenarios/generate"
	"github.com/podknock/podknock/scenarios/policy/inventory"
)

func newGenerateCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "generate [-f FILE|DIR|- ...] [-o DIR|-]",
		Short: "Write scenarios that prove NetworkPolicies on the wire",
		Long: "Write scenarios from the NetworkPolicies of files or of a cluster, one file for each policy: a pod that it selects, for each rule a pair\n" +
			"that it admits, and pods that miss it by one label, one namespace or one port. `podknock run` carries them out. ipBlocks of egress\n" +
			"rules become a file of their own, for hosts that --external names. What no scenario can prove is said.\n\n" +
			"Each scenario holds one policy alone, in namespaces of its own; the policies of the cluster are read and not touched.\n\n" +
			"The exit code is 0, 2 if a file is wrong, 3 if the cluster could not be asked.",
		Example: "  podknock generate -f manifests/ -o scenarios/\n  podknock generate -n shop -o scenarios/ && podknock run scenarios/",
		Args:    cobra.NoArgs,
	}
	objects := addObjectFlags(command)
	output := ""
	command.Flags().StringVarP(&output, "output", "o", "-", "directory for the files, - for standard output; files of these names are replaced")
	command.RunE = func(command *cobra.Command, _ []string) error {
		namespace, err := objects.namespace()
		if err != nil {
			return err
		}
		read, problems, err := objects.read(command.Context(), command.InOrStdin())
		if err != nil {
			return err
		}
		if len(problems) > 0 {
			return fmt.Errorf("no scenarios can be made as long as objects are unreadable:\n%w", problems)
		}
		if !objects.live() {
			namespace = ""
		}
		results, err := generate.All(policiesOf(read, namespace), generate.Options{Pods: read.Cluster.Pods})
		if err != nil {
			return err
		}
		if len(results) == 0 {
			return fmt.Errorf("no NetworkPolicy is there: %s", read.Summary())
		}
		if err := writeGenerated(command.OutOrStdout(), output, results); err != nil {
			return err
		}
		return tellUnproven(command.ErrOrStderr(), results)
	}
	return command
}

// policiesOf are the policies of a namespace, or all.
func policiesOf(objects *inventory.Inventory, namespace string) []networkingv1.NetworkPolicy {
	var policies []networkingv1.NetworkPolicy
	for _, object := range objects.Cluster.Policies {
		if namespace == "" || object.Namespace == namespace {
			policies = append(policies, object)
		}
	}
	return policies
}

// writeGenerated writes a file for each scenario, or documents.
func writeGenerated(out io.Writer, output string, results []generate.Result) error {
	if output != "-" {
		if err := os.MkdirAll(output, 0o755); err != nil {
			return fmt.Errorf("write scenarios: %w", err)
		}
	}
	first := true
	for _, result := range results {
		for _, made := range result.Scenarios {
			if output != "-" {
				if err := os.WriteFile(filepath.Join(output, made.Name+".yaml"), made.YAML, 0o644); err != nil {
					return fmt.Errorf("write scenarios: %w", err)
				}
				continue
			}
			separator := "---\n"
			if first {
				separator, first = "", false
			}
			if _, err := fmt.Fprintf(out, "%s%s", separator, made.YAML); err != nil {
				return err
			}
		}
	}
	return nil
}

// tellUnproven says on standard error what was made, and what no scenario proves.
func tellUnproven(out io.Writer, results []generate.Result) error {
	var text strings.Builder
	files, rules := 0, 0
	for _, result := range results {
		files += len(result.Scenarios)
		for _, made := range result.Scenarios {
			rules += len(made.Proven)
		}
		for _, sentence := range result.Unproven {
			fmt.Fprintf(&text, "not proven of %s: %s\n", result.Policy, sentence)
		}
	}
	fmt.Fprintf(&text, "%s of %s, which prove %s\n", inventory.Count(files, "scenario", "scenarios"),
		inventory.Count(len(results), "NetworkPolicy", "NetworkPolicies"), inventory.Count(rules, "rule", "rules"))
	return writeText(out, text.String())
}
