package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestTheReferenceIsThatOfTheCommands keeps README.md equal to what the commands say of themselves. `-update` writes it.
func TestTheReferenceIsThatOfTheCommands(t *testing.T) {
	root := newRootCommand("podknock")
	root.InitDefaultCompletionCmd()
	var text strings.Builder
	text.WriteString("# The commands of podknock\n\n<!-- Written by `go test ./cmd/podknock -update` from the commands themselves. -->\n\n")
	fmt.Fprintf(&text, "%s\n\nAs kubectl's plugin, `kubectl podknock` stands for `podknock`.\n", root.Long)
	for _, command := range root.Commands() {
		describe(&text, command)
	}
	if flags := root.PersistentFlags(); flags.HasAvailableFlags() {
		fmt.Fprintf(&text, "\n## Flags of every command\n\n```\n%s```\n", flags.FlagUsages())
	}
	compareWithGolden(t, "README.md", text.String())
}

// describe writes the section of a command. Subcommands are named only.
func describe(text *strings.Builder, command *cobra.Command) {
	command.InitDefaultHelpFlag()
	about := strings.SplitN(command.Long, "\n\n", 2)[0]
	fmt.Fprintf(text, "\n## %s\n\n%s\n\n```\n%s\n", command.CommandPath(), strings.TrimSpace(about), command.UseLine())
	for _, sub := range command.Commands() {
		fmt.Fprintf(text, "%s\n", sub.UseLine())
	}
	text.WriteString("```\n")
	if command.HasExample() {
		fmt.Fprintf(text, "\nExamples:\n\n```\n%s\n```\n", unindent(command.Example))
	}
	if flags := command.NonInheritedFlags(); flags.HasAvailableFlags() {
		fmt.Fprintf(text, "\nFlags:\n\n```\n%s```\n", flags.FlagUsages())
	}
}

// unindent takes the indentation of examples away.
func unindent(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "  ")
	}
	return strings.Join(lines, "\n")
}
