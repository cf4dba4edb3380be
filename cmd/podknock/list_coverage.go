package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/podknock/podknock/runner/report"
	"github.com/podknock/podknock/scenarios"
)

// coveredNames is how many scenarios a line of the table names.
const coveredNames = 5

// listCoverage prints which scenarios try each axis: those that the arguments mean, or the whole suite conformance.
func listCoverage(out io.Writer, arguments []string, format string) error {
	if len(arguments) == 0 {
		arguments = []string{conformanceSuite}
	}
	entries, err := listLibrary(arguments)
	if err != nil {
		return err
	}
	var all []*scenarios.Scenario
	for _, entry := range entries {
		all = append(all, entry.scenario)
	}
	coverage, err := scenarios.Cover(all)
	if err != nil {
		return err
	}
	if format == outputJSON {
		return report.EncodeJSON(out, coverage)
	}
	return writeCoverage(out, coverage)
}

// writeCoverage prints a heading for each group and a line for each of its axes.
func writeCoverage(out io.Writer, coverage []scenarios.Coverage) error {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	var group scenarios.AxisGroup
	for _, covered := range coverage {
		if covered.Axis.Group != group {
			group = covered.Axis.Group
			fmt.Fprintln(table, group)
		}
		names := slices.Clone(covered.Scenarios)
		own := slices.Index(names, string(covered.Axis.Name))
		if own > 0 { // the scenario that is called like the axis comes first
			names = slices.Insert(slices.Delete(names, own, own+1), 0, string(covered.Axis.Name))
		}
		fmt.Fprintf(table, "  %s\t%d\t%s\n", covered.Axis.Name, len(names), namesInShort(covered.Axis, names))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return writeText(out, text.String())
}

// namesInShort names the first scenarios, or says why there is none.
func namesInShort(axis scenarios.Axis, names []string) string {
	switch {
	case len(names) == 0 && axis.Measured:
		return "measured without a scenario"
	case len(names) == 0:
		return "none"
	case len(names) > coveredNames:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:coveredNames], ", "), len(names)-coveredNames)
	}
	return strings.Join(names, ", ")
}
