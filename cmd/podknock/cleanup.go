package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/cluster"
)

// cleanUpFlags are the flags of `podknock cleanup`.
type cleanUpFlags struct {
	connection *connectionFlags
	runs       []string
	all        bool
	timeout    time.Duration
}

func newCleanUpCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "cleanup",
		Short: "Remove what runs that were killed have left in a cluster",
		Long: "Remove what runs have left: those that have expired, and those that you started on this machine and whose process has ended. With\n" +
			"--run, that run alone, whoever made it; with --all, every run, those that still go on too. Only objects with the label\n" +
			runner.LabelRun + " are ever touched.\n\n" +
			"The exit code is 0 if nothing is left, 3 if the cluster could not be asked, and 4 if something could not be removed.",
		Example: "  podknock cleanup\n  podknock cleanup --run rk3v9x2q7m",
		Args:    cobra.NoArgs,
	}
	flags := &cleanUpFlags{connection: addConnectionFlags(command, "look in this namespace alone, with rights in it alone")}
	command.Flags().StringArrayVar(&flags.runs, "run", nil, "id of the run to remove; may be repeated")
	command.Flags().BoolVar(&flags.all, "all", false, "remove every run, of others too and while they go on")
	command.Flags().DurationVar(&flags.timeout, "timeout", runner.DefaultCleanUpTimeout, "how long to wait for the end of what is removed")
	command.RunE = func(command *cobra.Command, _ []string) error { return flags.cleanUp(command) }
	return command
}

func (f *cleanUpFlags) cleanUp(command *cobra.Command) error {
	config, err := f.connection.config()
	if err != nil {
		return failure{runner.ExitInconclusive, err}
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return failure{runner.ExitInconclusive, err}
	}
	ctx, cancel := context.WithTimeoutCause(command.Context(), f.timeout, fmt.Errorf("it took longer than %s", f.timeout))
	defer cancel()
	found, err := cluster.Find(ctx, client, f.connection.tenant())
	if err != nil {
		return failure{runner.ExitInconclusive, explainSilence(config, err)}
	}
	out, owner := command.OutOrStdout(), f.connection.owner(ctx, config)
	var leftovers []runner.Leftover
	for _, run := range found {
		why, chosen := f.chooses(&run, owner)
		if !chosen {
			fmt.Fprintf(out, "%s left alone: %s\n", run.Run, why)
			continue
		}
		left := cluster.Remove(ctx, client, run.Run, f.connection.tenant())
		leftovers = append(leftovers, left...)
		if len(left) == 0 {
			fmt.Fprintf(out, "%s removed (%s; namespaces %s)\n", run.Run, why, strings.Join(run.Namespaces, ", "))
		}
	}
	for _, run := range f.runs {
		if !slices.ContainsFunc(found, func(f cluster.Found) bool { return f.Run == run }) {
			fmt.Fprintf(out, "%s has left nothing\n", run)
		}
	}
	if len(found) == 0 && len(f.runs) == 0 {
		fmt.Fprintln(out, "no run has left anything")
	}
	for _, left := range leftovers {
		fmt.Fprintf(out, "%s %s is still there: %s\n", left.Kind, strings.TrimPrefix(left.Namespace+"/"+left.Name, "/"), left.Reason)
	}
	if len(leftovers) > 0 {
		return failure{code: runner.ExitLeftovers}
	}
	return nil
}

// chooses says whether a run is to be removed by its owner or somebody else, and why or why not.
func (f *cleanUpFlags) chooses(run *cluster.Found, owner string) (why string, chosen bool) {
	now := time.Now()
	until := run.Expires.Format(time.RFC3339)
	switch {
	case slices.Contains(f.runs, run.Run):
		return "as asked", true
	case len(f.runs) > 0:
		return "another run was asked for", false
	case f.all:
		return "all were asked for", true
	case run.Expired(now):
		return "expired at " + until, true
	case run.Kept:
		return "it was kept on purpose until " + until + "; name it with --run", false
	case run.Owner != cluster.LabelValue(owner):
		return fmt.Sprintf("it is of %s and expires at %s; name it with --run", run.Owner, until), false
	case run.Alive:
		return "it still goes on", false
	case run.Elsewhere != "":
		return fmt.Sprintf("it was started on %s and may still go on; it expires at %s; name it with --run", run.Elsewhere, until), false
	}
	return "its process has ended", true
}
