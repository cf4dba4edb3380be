package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/podknock/podknock/runner/report"
)

// streams are the standard streams of the program: results go to out, everything else to err.
type streams struct{ out, err io.Writer }

// The exit codes of all verbs.
const (
	exitOK    = 0
	exitUsage = 2
)

// execute carries out one command line, whose first word is the program's name, and returns the exit code.
func execute(ctx context.Context, args []string, std streams) int {
	root := newRootCommand(args[0])
	root.SetArgs(args[1:])
	root.SetOut(std.out)
	root.SetErr(std.err)
	if err := root.ExecuteContext(ctx); err != nil {
		var failed failure
		if errors.As(err, &failed) && failed.err == nil {
			return failed.code
		}
		text := strings.ReplaceAll(strings.TrimRight(err.Error(), "\n"), "\t", "  ") // cobra indents suggestions with tabs
		fmt.Fprintf(std.err, "podknock: %s\n", report.Clean(text))
		if failed.err != nil {
			return failed.code
		}
		return exitUsage
	}
	return exitOK
}

// newRootCommand is the whole command line. As kubectl's plugin it calls itself as kubectl does.
func newRootCommand(program string) *cobra.Command {
	root := &cobra.Command{
		Use:   "podknock",
		Short: "Test the connectivity of a Kubernetes cluster, live",
		Long: "podknock deploys small probe pods, has them knock on each other's ports, says for every knock what the wire answered,\n" +
			"and compares that with what a scenario and its NetworkPolicies say should happen.",
		SilenceUsage:               true,
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
	}
	if strings.HasPrefix(filepath.Base(program), "kubectl-podknock") {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl podknock"}
	}
	root.SetFlagErrorFunc(explainFlag)
	root.AddCommand(
		newRunCommand(), newVerifyCommand(), newWhyCommand(), newCleanUpCommand(),
		newLintCommand(), newEvalCommand(), newGenerateCommand(),
		newListCommand(), newShowCommand(), newHistoryCommand(), newManifestsCommand(), newImageCommand(), newVersionCommand(),
	)
	return root
}
