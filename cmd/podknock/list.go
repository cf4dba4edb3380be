package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/podknock/podknock/runner/report"
	"github.com/podknock/podknock/scenarios"
)

// listed is a scenario of the library in a list.
type listed struct {
	Suite string `json:"suite"`
	Name  string `json:"name"`
	About string `json:"about"`

	scenario *scenarios.Scenario
}

// conformanceSuite is the suite that tries every axis.
const conformanceSuite = "conformance"

func newListCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "list [SUITE|NAME ...]",
		Short: "List the built-in scenarios and what each shows",
		Long: "List the built-in scenarios by suite, one line each: its name and what it shows.\n" +
			"With arguments, only those of these suites and names.\n" +
			"With --coverage, list instead what a plugin can get right or wrong, an axis on each line, with the scenarios that try it:\n" +
			"those of the arguments, or of the suite conformance.",
		Example:           "  podknock list\n  podknock list guides\n  podknock list -o json\n  podknock list --coverage",
		ValidArgsFunction: completeScenarios,
	}
	format := addOutputFlag(command, outputText, outputJSON)
	coverage := command.Flags().Bool("coverage", false, "list the axes of enforcement and the scenarios that try each")
	command.RunE = func(command *cobra.Command, args []string) error {
		if *coverage {
			return listCoverage(command.OutOrStdout(), args, format.chosen)
		}
		entries, err := listLibrary(args)
		if err != nil {
			return err
		}
		if format.chosen == outputJSON {
			return report.EncodeJSON(command.OutOrStdout(), entries)
		}
		return writeList(command.OutOrStdout(), entries)
	}
	return command
}

// listLibrary loads the built-in scenarios that the arguments mean, all of them without any.
func listLibrary(arguments []string) ([]listed, error) {
	library, err := scenarios.Library()
	if err != nil {
		return nil, err
	}
	wanted := map[scenarios.Entry]bool{}
	for _, argument := range arguments {
		matches := slices.DeleteFunc(slices.Clone(library), func(e scenarios.Entry) bool {
			return argument != e.Suite && argument != e.Name && argument != e.String()
		})
		if len(matches) == 0 {
			return nil, notBuiltIn(argument)
		}
		for _, entry := range matches {
			wanted[entry] = true
		}
	}
	entries := []listed{}
	for _, entry := range library {
		if len(arguments) > 0 && !wanted[entry] {
			continue
		}
		scenario, err := scenarios.Loader{ReadFile: scenarios.ReadLibrary}.Load(entry.File)
		if err != nil {
			return nil, err
		}
		entries = append(entries, listed{Suite: entry.Suite, Name: entry.Name, About: scenario.About, scenario: scenario})
	}
	return entries, nil
}

// notBuiltIn says why an argument names no built-in scenario.
func notBuiltIn(argument string) error {
	if _, err := (scenarios.Loader{}).Find(argument); err != nil {
		return err
	}
	return fmt.Errorf("list %q: only built-in scenarios are listed, `podknock show` shows files", argument)
}

// writeList prints a heading for each suite and a line for each of its scenarios.
func writeList(out io.Writer, entries []listed) error {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	suite := ""
	for _, entry := range entries {
		if entry.Suite != suite {
			suite = entry.Suite
			fmt.Fprintln(table, suite)
		}
		fmt.Fprintf(table, "  %s\t%s\n", entry.Name, entry.About)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return writeText(out, text.String())
}
