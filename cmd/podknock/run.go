package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/cluster"
	"github.com/podknock/podknock/runner/history"
	"github.com/podknock/podknock/runner/report"
	"github.com/podknock/podknock/scenarios"
)

// runFlags are the flags of `podknock run`.
type runFlags struct {
	scenarios  *scenarioFlags
	connection *connectionFlags
	pods       *podFlags
	outputs    *outputFlags
	series     *seriesFlags
	policies   *fromPolicies

	parallel, maxPods, streams                     int
	timeout, settleTimeout, startTimeout, deadline time.Duration
	only, reserve                                  []string
	channel                                        string
	dryRun, keep, failFast                         bool
}

func newRunCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "run [NAME|SUITE|FILE|DIR ...]",
		Short: "Run scenarios in a cluster and compare what the wire says with what they expect",
		Long: "Run scenarios: create probe pods, apply the policies step by step, have the pods knock on each other, compare every answer with what\n" +
			"the scenario expects, report, and remove everything that was created. Without an argument the suite \"" + defaultSuite + "\" is run.\n\n" +
			"With --from-policies scenarios are made of the NetworkPolicies that are live now, as `podknock generate` makes them: every rule is\n" +
			"proven with probe pods in namespaces of podknock's own. The policies, and the pods that they are for, are read and not touched.\n\n" +
			howNodesGetTheImage + "\n\n" +
			"The exit code is 0 if all is as expected, 1 on a mismatch, 2 for a mistake in the command line or a file, 3 if something could not be\n" +
			"tested or proved nothing, and 4 if something was left behind in the cluster.",
		Example: "  podknock run\n  podknock run default-deny -o junit --output-file results.xml\n" +
			"  podknock run egress-external-api --external inside=192.0.2.10 --external outside=203.0.113.10\n" +
			"  podknock run my-scenario.yaml --only '2/web/mysql:3306'\n  podknock run --from-policies=shop",
		ValidArgsFunction: completeScenarios,
	}
	flags := &runFlags{
		scenarios: addScenarioFlags(command), connection: addConnectionFlags(command, runInNamespace), pods: addPodFlags(command), outputs: addOutputFlags(command),
		series:   addSeriesFlags(command),
		policies: addFromPolicies(command, "prove the live policies of these namespaces, separated by commas, of all without a value, instead of scenarios"),
	}
	set := command.Flags()
	set.IntVar(&flags.parallel, "parallel", runner.DefaultParallel, "scenarios to run at once")
	set.IntVar(&flags.maxPods, "max-pods", runner.DefaultMaxPods, "probe pods to have at once; scenarios that need the same pods take turns on them")
	set.IntVar(&flags.streams, "max-streams", cluster.DefaultStreams, "control streams to have at once")
	set.DurationVar(&flags.timeout, "timeout", probe.DefaultTimeout, "how long a knock waits for an answer in one round")
	set.DurationVar(&flags.settleTimeout, "settle-timeout", runner.DefaultSettleTimeout, "how long a step may take to become what it expects")
	set.DurationVar(&flags.startTimeout, "start-timeout", runner.DefaultStartTimeout, "how long probe pods may take to start")
	set.DurationVar(&flags.deadline, "deadline", 30*time.Minute, "how long the whole run may take")
	set.StringArrayVar(&flags.only, "only", nil, "only these cells and their controls, STEP/FROM/TO, where * means all; may be repeated")
	set.StringSliceVar(&flags.reserve, "reserve", nil, reserveUsage)
	set.StringVar(&flags.channel, "channel", string(cluster.PortForward), "how agents are reached: port-forward or exec")
	set.BoolVar(&flags.dryRun, "dry-run", false, "print every object and right that the run needs, and do nothing")
	set.BoolVar(&flags.keep, "keep", false, "leave everything in the cluster until it expires")
	set.BoolVar(&flags.failFast, "fail-fast", false, "begin no further scenario after one that did not pass")
	command.RunE = func(command *cobra.Command, arguments []string) error {
		return flags.run(command, arguments)
	}
	return command
}

// runInNamespace is what --namespace means for a run.
const runInNamespace = "do everything inside this existing namespace, with rights in it alone; scenarios that need more are skipped"

// reserveUsage is what --reserve means.
const reserveUsage = "namespaces that exist, separated by commas, to use in turn instead of creating some"

var errReserveAndNamespace = errors.New("--reserve and --namespace: name the namespaces of a reserve, or the one namespace of a tenant, not both")

// defaultSuite is run if nothing is named.
const defaultSuite = "guides"

// expiryMargin is how long the objects of a run live beyond its deadline, so that its own clean-up comes first.
const expiryMargin = 10 * time.Minute

func (f *runFlags) run(command *cobra.Command, arguments []string) error {
	switch {
	case f.policies.wanted() && len(arguments) > 0:
		return fmt.Errorf("--from-policies and %q: prove the live policies, or run scenarios; namespaces are written --from-policies=NAME", arguments[0])
	case len(arguments) == 0:
		arguments = []string{defaultSuite}
	}
	options, plan, err := f.plan(command.Context(), arguments)
	if err != nil {
		return f.unplanned(command, options, err)
	}
	clusterOptions, err := f.clusterOptions(options)
	if err != nil {
		return err
	}
	options.Expires = clusterOptions.Expires
	if f.dryRun {
		return writeDryRun(command.OutOrStdout(), plan, clusterOptions)
	}
	if err := f.outputs.open(); err != nil {
		return err
	}
	ctx, cancel := bounded(command.Context(), f.deadline, "the run")
	defer cancel()

	progress := report.NewProgress(command.ErrOrStderr(), len(plan.Scenarios), os.Getenv)
	options.Progress = progress.Event
	result, turn := f.carryOut(ctx, plan, options, clusterOptions)
	defer turn.end()
	progress.Close()
	return f.conclude(ctx, command, result, turn)
}

// unplanned ends a run that could not be planned. In a series that is a run that failed, unless it is a mistake in the command line or a file:
// otherwise a night on which the policies could not be read would leave no trace.
func (f *runFlags) unplanned(command *cobra.Command, options runner.Options, err error) error {
	var failed failure
	if f.series.series == "" || f.dryRun || !errors.As(err, &failed) {
		return err
	}
	if err := f.outputs.open(); err != nil {
		return err
	}
	ctx, cancel := bounded(command.Context(), f.deadline, "the run")
	defer cancel()
	turn := f.series.without()
	if config, unconfigured := f.connection.config(); unconfigured == nil {
		var refused error
		if ctx, turn, refused = f.series.begin(ctx, config, options.Run); refused != nil {
			err = fmt.Errorf("%w; %w", err, refused)
		}
	}
	defer turn.end()
	return f.conclude(ctx, command, runner.NewFailure(&runner.Plan{}, options, err), turn)
}

// conclude writes the report, keeps the record of the series, and returns what it means to a script.
func (f *runFlags) conclude(ctx context.Context, command *cobra.Command, result *runner.Report, turn *seriesTurn) error {
	if err := f.outputs.write(command.OutOrStdout(), result); err != nil {
		return failure{runner.ExitInconclusive, err}
	}
	if code := turn.conclude(ctx, history.New(f.series.series, result), command.ErrOrStderr()); code != exitOK {
		return failure{code: code}
	}
	return nil
}

// interruptible is a context that says in its cause that a signal ended it.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	interruptible, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { cancel(fmt.Errorf("%w: %w", runner.ErrInterrupted, context.Cause(ctx))) })
	return interruptible, func() {
		stop()
		cancel(context.Canceled)
	}
}

// bounded is an interruptible context that also ends at the deadline of what is done in it.
func bounded(ctx context.Context, deadline time.Duration, what string) (context.Context, context.CancelFunc) {
	ctx, cancel := interruptible(ctx)
	ctx, stop := context.WithTimeoutCause(ctx, deadline, fmt.Errorf("%s took longer than its deadline of %s", what, deadline))
	return ctx, func() {
		stop()
		cancel()
	}
}

// carryOut connects and runs. That there is no cluster to run in is the report's error, so that every output says it. The turn in the series
// is the caller's to end.
func (f *runFlags) carryOut(
	ctx context.Context, plan *runner.Plan, options runner.Options, clusterOptions cluster.Options,
) (*runner.Report, *seriesTurn) {
	turn := f.series.without()
	failed := func(err error) (*runner.Report, *seriesTurn) {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return runner.NewFailure(plan, options, err), turn
	}
	config, err := f.connection.config()
	if err != nil {
		return failed(err)
	}
	clusterOptions.Context, clusterOptions.Owner = f.connection.context(), f.connection.owner(ctx, config)
	ctx, turn, err = f.series.begin(ctx, config, options.Run)
	if err != nil {
		return failed(err)
	}
	connected, err := cluster.Open(ctx, config, clusterOptions)
	if err != nil {
		return failed(explainSilence(config, err))
	}
	defer connected.Close()
	options.Notes = append(options.Notes, removeExpired(ctx, connected)...)
	return runner.Run(ctx, connected, plan, options), turn
}

// expiredTimeout bounds the removal of what earlier runs have left: what cannot be removed, as on a node that is gone, must not take this run's time.
const expiredTimeout = time.Minute

// removeExpired removes what earlier runs have left and says so.
func removeExpired(ctx context.Context, connected *cluster.Cluster) []string {
	ctx, cancel := context.WithTimeoutCause(ctx, expiredTimeout, fmt.Errorf("it took longer than %s", expiredTimeout))
	defer cancel()
	runs, leftovers, err := connected.RemoveExpired(ctx, time.Now())
	var notes []string
	for _, run := range runs {
		notes = append(notes, fmt.Sprintf("run %s had expired and had left objects behind: they were removed", run))
	}
	for _, left := range leftovers {
		notes = append(notes, fmt.Sprintf("%s %q of an expired run could not be removed: %s", left.Kind, left.Name, left.Reason))
	}
	if err != nil {
		notes = append(notes, fmt.Sprintf("expired runs were not looked for: %v", err))
	}
	return notes
}

// plan loads the scenarios, or makes them of live policies, and plans the run.
func (f *runFlags) plan(ctx context.Context, arguments []string) (runner.Options, *runner.Plan, error) {
	options := runner.Options{
		Run: runner.NewRunID(), Version: clientVersion(), Parallel: f.parallel, MaxPods: f.maxPods, Timeout: f.timeout,
		SettleTimeout: f.settleTimeout, StartTimeout: f.startTimeout, Tenant: f.connection.tenant(), Keep: f.keep, FailFast: f.failFast,
		External: map[string]bool{}, Reserve: f.reserve,
	}
	if err := f.check(); err != nil {
		return options, nil, err
	}
	loader, err := f.scenarios.loader()
	if err != nil {
		return options, nil, err
	}
	for name := range loader.External {
		options.External[name] = true
	}
	families, err := f.scenarios.families()
	if err != nil {
		return options, nil, err
	}
	if len(families) > 0 {
		options.Family = scenarios.Family(families[0])
	}
	for _, text := range f.only {
		filter, err := runner.ParseFilter(text)
		if err != nil {
			return options, nil, fmt.Errorf("--only: %w", err)
		}
		options.Only = append(options.Only, filter)
	}
	var found []*scenarios.Scenario
	if f.policies.wanted() {
		found, options.Notes, err = f.policies.read(ctx, f.connection, loader)
	} else {
		found, err = f.scenarios.find(loader, arguments)
	}
	if err != nil {
		return options, nil, err
	}
	plan, err := runner.NewPlan(found, options)
	if err != nil && f.policies.wanted() {
		// The policies are the cluster's, and no mistake in the command line.
		err = failure{runner.ExitInconclusive, fmt.Errorf("--from-policies: %w", err)}
	}
	return options, plan, err
}

// check reports values of flags that cannot be meant.
func (f *runFlags) check() error {
	if err := f.series.check(); err != nil {
		return err
	}
	switch {
	case len(f.reserve) > 0 && f.connection.tenant() != "":
		return errReserveAndNamespace
	case f.parallel < 1:
		return fmt.Errorf("--parallel %d: at least 1 scenario has to run at once", f.parallel)
	case f.maxPods < 1:
		return fmt.Errorf("--max-pods %d: at least 1 pod is needed", f.maxPods)
	case f.streams < 1:
		return fmt.Errorf("--max-streams %d: at least 1 stream is needed", f.streams)
	case f.timeout <= 0 || f.settleTimeout <= 0 || f.startTimeout <= 0 || f.deadline <= 0:
		return errors.New("--timeout, --settle-timeout, --start-timeout and --deadline: write durations above 0, such as 800ms or 5m")
	case f.channel != string(cluster.PortForward) && f.channel != string(cluster.Exec):
		return fmt.Errorf("--channel %q: write %s or %s", f.channel, cluster.PortForward, cluster.Exec)
	}
	return nil
}

func (f *runFlags) clusterOptions(options runner.Options) (cluster.Options, error) {
	result := cluster.Options{
		Run: options.Run, Token: cluster.NewToken(), Owner: ownerName(localUser(), f.connection.configuredUser()), Process: cluster.ThisProcess(),
		Expires: time.Now().Add(f.deadline + expiryMargin), Tenant: options.Tenant, Reserve: options.Reserve, Kept: f.keep,
		Channel: cluster.Channel(f.channel), Streams: f.streams,
	}
	return result, f.pods.apply(&result)
}
