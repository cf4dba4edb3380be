package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/podknock/podknock/runner/report"
)

// The formats of results.
const (
	outputText = "text"
	outputJSON = "json"
	outputYAML = "yaml"
)

// outputFlag is the value of a flag -o: one of a few words, the first if it is not given.
type outputFlag struct {
	choices []string
	chosen  string
}

// addOutputFlag gives a command the flag -o with these choices.
func addOutputFlag(command *cobra.Command, choices ...string) *outputFlag {
	flag := &outputFlag{choices: choices, chosen: choices[0]}
	command.Flags().VarP(flag, "output", "o", "format of the result: "+strings.Join(choices, ", "))
	// The error says that the flag is unknown or has a completion already; neither can be.
	_ = command.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp))
	return flag
}

// String is the chosen format.
func (f *outputFlag) String() string { return f.chosen }

// Type is what help calls the value.
func (f *outputFlag) Type() string { return "format" }

// Set chooses a format.
func (f *outputFlag) Set(word string) error {
	if !slices.Contains(f.choices, word) {
		return fmt.Errorf("write one of %s", strings.Join(f.choices, ", "))
	}
	f.chosen = word
	return nil
}

// writeText prints lines without blanks at their ends and without characters that do not print.
func writeText(out io.Writer, text string) error {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	_, err := io.WriteString(out, report.Clean(strings.Join(lines, "\n")))
	return err
}
