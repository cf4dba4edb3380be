package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/cluster/series"
	"github.com/podknock/podknock/runner/history"
	"github.com/podknock/podknock/runner/report"
)

// historyFlags are the flags of `podknock history` and of the verbs below it.
type historyFlags struct {
	connection *connectionFlags
	format     *outputFlag
	series     string
}

// resultsNamespace is where records are kept unless a namespace is named.
const resultsNamespace = "podknock"

// historyTimeout bounds the few calls that reading records takes.
const historyTimeout = 30 * time.Second

func newHistoryCommand() *cobra.Command {
	command, flags := newHistoryVerb(&cobra.Command{
		Use:   "history",
		Short: "List the runs that were kept in a cluster, the newest first",
		Long: "List the runs that were kept with --series, the newest first. Records are ConfigMaps; the namespace is that of --namespace, or\n" +
			resultsNamespace + ".",
		Example: "  podknock history\n  podknock history show rk3v9x2q7m\n  podknock history diff",
		Args:    cobra.NoArgs,
	})
	command.RunE = func(command *cobra.Command, _ []string) error {
		return flags.list(command)
	}
	show, showFlags := newHistoryVerb(&cobra.Command{
		Use:   "show [RUN]",
		Short: "Show what was kept of a run, the newest unless one is named",
		Args:  cobra.MaximumNArgs(1),
	})
	show.RunE = func(command *cobra.Command, arguments []string) error { return showFlags.show(command, arguments) }
	diff, diffFlags := newHistoryVerb(&cobra.Command{
		Use:   "diff [OLD NEW]",
		Short: "Say what is worse in one run than in another, the two newest unless they are named",
		Long: "Say what is worse, better or different in a run than in an older one; without arguments, the two newest of a series.\n\n" +
			"The exit code is 0 if nothing is worse, and 1 on a regression.",
		Args: cobra.MatchAll(cobra.MaximumNArgs(2), noSingleArgument),
	})
	diff.RunE = func(command *cobra.Command, arguments []string) error { return diffFlags.diff(command, arguments) }
	command.AddCommand(show, diff)
	return command
}

func noSingleArgument(_ *cobra.Command, arguments []string) error {
	if len(arguments) == 1 {
		return fmt.Errorf("diff %q: name two runs, the older one first, or none for the two newest", arguments[0])
	}
	return nil
}

// newHistoryVerb gives a command the flags that all of them have.
func newHistoryVerb(command *cobra.Command) (*cobra.Command, *historyFlags) {
	flags := &historyFlags{connection: addConnectionFlags(command, "namespace that records are kept in (default "+resultsNamespace+")"), format: addOutputFlag(command, outputText, outputJSON)}
	command.Flags().StringVar(&flags.series, "series", "", "only runs of this series")
	return command, flags
}

// kept lists the records, the newest first.
func (f *historyFlags) kept(ctx context.Context) ([]series.Kept, error) {
	config, err := f.connection.config()
	if err != nil {
		return nil, failure{runner.ExitInconclusive, err}
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, failure{runner.ExitInconclusive, err}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, historyTimeout, fmt.Errorf("it took longer than %s", historyTimeout))
	defer cancel()
	kept, err := (&series.Store{Client: client, Namespace: f.namespace(), Series: f.series}).List(ctx)
	if err != nil {
		return nil, failure{runner.ExitInconclusive, err}
	}
	return kept, nil
}

func (f *historyFlags) namespace() string {
	if name := f.connection.tenant(); name != "" {
		return name
	}
	return resultsNamespace
}

func (f *historyFlags) list(command *cobra.Command) error {
	kept, err := f.kept(command.Context())
	if err != nil {
		return err
	}
	runs := []report.KeptRun{}
	for _, k := range kept {
		runs = append(runs, report.KeptRun{Series: k.Series, Run: k.Run, Start: k.Start, Result: k.Result, Headline: k.Headline})
	}
	if f.format.chosen == outputJSON {
		return report.EncodeJSON(command.OutOrStdout(), runs)
	}
	return report.KeptRuns(command.OutOrStdout(), runs)
}

func (f *historyFlags) show(command *cobra.Command, arguments []string) error {
	kept, err := f.kept(command.Context())
	if err != nil {
		return err
	}
	var wanted *series.Kept
	switch {
	case len(arguments) == 1:
		wanted, err = f.find(kept, arguments[0])
	case len(kept) == 0:
		err = fmt.Errorf("show the newest run: none was kept in namespace %q", f.namespace())
	default:
		wanted = &kept[0]
	}
	if err != nil {
		return err
	}
	record, err := wanted.Record()
	if err != nil {
		return failure{runner.ExitInconclusive, err}
	}
	if f.format.chosen == outputJSON {
		return report.EncodeJSON(command.OutOrStdout(), record)
	}
	return report.Record(command.OutOrStdout(), record)
}

// find is the kept run with an id, or with the beginning of one that no other has.
func (f *historyFlags) find(kept []series.Kept, run string) (*series.Kept, error) {
	var found []*series.Kept
	for i := range kept {
		if kept[i].Run == run {
			return &kept[i], nil
		}
		if strings.HasPrefix(kept[i].Run, run) {
			found = append(found, &kept[i])
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("run %q was not kept in namespace %q: see `podknock history`", run, f.namespace())
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("run %q: %d kept runs begin so: write the id whole", run, len(found))
}

func (f *historyFlags) diff(command *cobra.Command, arguments []string) error {
	kept, err := f.kept(command.Context())
	if err != nil {
		return err
	}
	before, after, err := f.pair(kept, arguments)
	if err != nil {
		return err
	}
	older, err := before.Record()
	if err != nil {
		return failure{runner.ExitInconclusive, err}
	}
	newer, err := after.Record()
	if err != nil {
		return failure{runner.ExitInconclusive, err}
	}
	diff := history.Compare(older, newer, history.Options{})
	if f.format.chosen == outputJSON {
		err = report.EncodeJSON(command.OutOrStdout(), diff)
	} else {
		err = report.Diff(command.OutOrStdout(), diff)
	}
	if err == nil && len(diff.Regressions) > 0 {
		return failure{code: runner.ExitMismatch}
	}
	return err
}

// pair are the two runs to compare: those named, or the newest run and the one before it in its series.
func (f *historyFlags) pair(kept []series.Kept, arguments []string) (before, after *series.Kept, err error) {
	if len(arguments) == 2 {
		if before, err = f.find(kept, arguments[0]); err != nil {
			return nil, nil, err
		}
		after, err = f.find(kept, arguments[1])
		return before, after, err
	}
	for i := range kept {
		if i > 0 && kept[i].Series == kept[0].Series {
			return &kept[i], &kept[0], nil
		}
	}
	return nil, nil, fmt.Errorf("compare the two newest runs: namespace %q has not two of one series", f.namespace())
}
