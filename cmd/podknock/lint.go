package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/report"
	"github.com/podknock/podknock/scenarios/policy/lint"
)

// outputSARIF is what code hosts read.
const outputSARIF = "sarif"

func newLintCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "lint [-f FILE|DIR|- ...]",
		Short: "Find mistakes in NetworkPolicies, in files or in a cluster",
		Long: "Find mistakes in NetworkPolicies by looking at objects alone: selectors that match nothing, policies in the wrong namespace, forgotten\n" +
			"DNS, ports of Services instead of pods, and more; scenarios/policy/lint/README.md has all rules. Each finding has its place and\n" +
			"what to do. Of files, NetworkPolicies are read with the workloads, namespaces and Services beside them; other kinds are skipped.\n\n" +
			"Whoever means it so writes the rule into the policy's annotation " + lint.AnnotationIgnore + ".\n\n" +
			"The exit code is 0 if nothing as grave as --severity is found, 1 if something is, 2 if a file is unreadable, 3 if the cluster could\n" +
			"not be asked.",
		Example: "  podknock lint -f manifests/\n  helm template my-chart | podknock lint -f -\n  podknock lint -n shop\n" +
			"  podknock lint -A -o sarif > podknock.sarif",
		Args: cobra.NoArgs,
	}
	objects := addObjectFlags(command)
	format := addOutputFlag(command, outputText, outputJSON, outputSARIF)
	severity := &severityFlag{chosen: lint.Warning}
	command.Flags().Var(severity, "severity", "the least severity that counts: "+severity.choices())
	var skip []string
	command.Flags().StringSliceVar(&skip, "skip", nil, "rules to leave out, by their names; may be repeated")
	command.RunE = func(command *cobra.Command, _ []string) error {
		namespace, err := objects.namespace()
		if err != nil {
			return err
		}
		inventory, problems, err := objects.read(command.Context(), command.InOrStdin())
		if err != nil {
			return err
		}
		options := lint.Options{Skip: skip}
		if objects.live() {
			options.Namespace = namespace
		}
		found, err := lint.Run(inventory, problems, options)
		if err != nil {
			return fmt.Errorf("--skip: %w", err)
		}
		if err := writeFindings(command, found, format.chosen); err != nil {
			return err
		}
		if found.Worst(severity.chosen) {
			return failure{code: runner.ExitMismatch}
		}
		return nil
	}
	return command
}

// writeFindings prints a report. All findings are shown, whatever severity counts.
func writeFindings(command *cobra.Command, found *lint.Report, format string) error {
	switch format {
	case outputJSON:
		return report.EncodeJSON(command.OutOrStdout(), lint.NewDocument(found))
	case outputSARIF:
		return report.EncodeJSON(command.OutOrStdout(), lint.NewSARIF(found, clientVersion()))
	}
	var text strings.Builder
	if err := lint.Text(&text, found, lint.Note); err != nil {
		return err
	}
	return writeText(command.OutOrStdout(), text.String())
}

// severityFlag is the value of --severity.
type severityFlag struct{ chosen lint.Severity }

func (f *severityFlag) choices() string {
	var words []string
	for _, severity := range lint.Severities() {
		words = append(words, string(severity))
	}
	return strings.Join(words, ", ")
}

// String is the chosen severity.
func (f *severityFlag) String() string { return string(f.chosen) }

// Type is what help calls the value.
func (f *severityFlag) Type() string { return "severity" }

// Set chooses a severity.
func (f *severityFlag) Set(word string) error {
	if !slices.Contains(lint.Severities(), lint.Severity(word)) {
		return fmt.Errorf("write one of %s", f.choices())
	}
	f.chosen = lint.Severity(word)
	return nil
}
