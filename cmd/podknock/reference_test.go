package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
)

// TestTheReferenceIsThatOfTheCommands keeps README.md equal to what the commands say of themselves. `-update` writes it.
func TestTheReferenceIsThatOfTheCommands(t *testing.T) {
	t.Setenv("HOME", "$HOME") // defaults of kubectl's flags have it
	root := newRootCommand("podknock")
	root.InitDefaultCompletionCmd()
	var text strings.Builder
	text.WriteString("# The commands of podknock\n\n<!-- Written by `go test ./cmd/podknock -update` from the commands themselves. -->\n\n")
	fmt.Fprintf(&text, "%s\n\nAs kubectl's plugin, `kubectl podknock` stands for `podknock`.\n", root.Long)
	connection := pflag.NewFlagSet("", pflag.ContinueOnError)
	genericclioptions.NewConfigFlags(true).AddFlags(connection)
	for _, command := range root.Commands() {
		describe(&text, command, connection)
	}
	fmt.Fprintf(&text, "\n## Connection flags\n\nThose of kubectl:\n\n```\n%s```\n", connection.FlagUsages())
	compareWithGolden(t, "README.md", text.String())
}

// describe writes the section of a command. Subcommands of completion are named only, and of the flags that it has in common with kubectl only those that
// mean something of their own here.
func describe(text *strings.Builder, command *cobra.Command, connection *pflag.FlagSet) {
	command.InitDefaultHelpFlag()
	about := strings.SplitN(command.Long, "\n\n", 2)[0]
	fmt.Fprintf(text, "\n## %s\n\n%s\n\n```\n%s\n", command.CommandPath(), strings.TrimSpace(about), command.UseLine())
	generated := command.Name() == "completion"
	for _, sub := range command.Commands() {
		fmt.Fprintf(text, "%s\n", sub.UseLine())
	}
	text.WriteString("```\n")
	if command.HasExample() {
		fmt.Fprintf(text, "\nExamples:\n\n```\n%s\n```\n", unindent(command.Example))
	}
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	connects := false
	command.NonInheritedFlags().VisitAll(func(flag *pflag.Flag) {
		if kubectls := connection.Lookup(flag.Name); kubectls != nil && kubectls.Usage == flag.Usage {
			connects = true
			return
		}
		own.AddFlag(flag)
	})
	fmt.Fprintf(text, "\nFlags:\n\n```\n%s```\n", own.FlagUsages())
	if connects {
		text.WriteString("\nAnd the [connection flags](#connection-flags).\n")
	}
	for _, sub := range command.Commands() {
		if !generated {
			describe(text, sub, connection)
		}
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
