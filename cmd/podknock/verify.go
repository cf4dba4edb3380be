package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/cluster"
	"github.com/podknock/podknock/runner/history"
	"github.com/podknock/podknock/runner/report"
	"github.com/podknock/podknock/runner/verify"
	"github.com/podknock/podknock/scenarios"
)

// verifyFlags are the flags of `podknock verify`.
type verifyFlags struct {
	scenarios  *scenarioFlags
	connection *connectionFlags
	pods       *podFlags
	outputs    *outputFlags
	series     *seriesFlags

	reserve                                       []string
	peers                                         int
	settleTimeout, startTimeout, canary, deadline time.Duration
	channel, compare, suiteFile                   string
	axes                                          []string
	keep                                          bool
}

func newVerifyCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "verify",
		Short: "Find out whether the installation of a network plugin has worked",
		Long: "Verify a cluster after its network plugin was installed, upgraded or changed: whether it can be tested at all, whether packets pass on\n" +
			"every node while no policy is in force, on which nodes policies are enforced, how and how fast, and which features of NetworkPolicy\n" +
			"hold. Everything happens in namespaces of its own, which are removed at the end.\n\n" +
			"The exit code is 0 if all that could be tested is enforced, 1 if something is not, or if packets do not pass, 2 for a mistake in the\n" +
			"command line, 3 if too little could be tested, and 4 if something was left behind in the cluster. With --compare it is 1 too if\n" +
			"something has become worse. With --series it is 1 too if something is worse than in the run before.",
		Example: "  podknock verify\n  podknock verify -o markdown --output-file before.json\n  podknock verify --compare before.json",
		Args:    cobra.NoArgs,
	}
	flags := &verifyFlags{
		scenarios: addScenarioFlags(command), connection: addConnectionFlags(command, runInNamespace), pods: addPodFlags(command), outputs: addOutputFlags(command),
		series: addSeriesFlags(command),
	}
	set := command.Flags()
	set.StringSliceVar(&flags.reserve, "reserve", nil, reserveUsage+"; at least two")
	set.IntVar(&flags.peers, "peers", verify.DefaultPeers, "other nodes that each node is tested with; with more nodes a sample is taken, and the report says what it may miss")
	set.StringVar(&flags.compare, "compare", "", "`file` with the JSON of an earlier verification: say what has changed since, regressions first")
	set.StringSliceVar(&flags.axes, "axis", nil, "test only these axes of the suite, such as several-rules,dns, in up to 3 scenarios each; the stages before it stay")
	set.StringVar(&flags.suiteFile, "suite-file", "", "`file` for the run of the suite, cell by cell: the JSON of podknock run")
	set.DurationVar(&flags.settleTimeout, "settle-timeout", runner.DefaultSettleTimeout, "how long a step may take to become what it expects")
	set.DurationVar(&flags.canary, "canary-timeout", verify.DefaultCanaryTimeout, "how long the first policies may take to be enforced before they count as not enforced")
	set.DurationVar(&flags.startTimeout, "start-timeout", runner.DefaultStartTimeout, "how long probe pods may take to start")
	set.DurationVar(&flags.deadline, "deadline", 15*time.Minute, "how long the whole verification may take")
	set.StringVar(&flags.channel, "channel", string(cluster.PortForward), "how agents are reached: port-forward or exec")
	set.BoolVar(&flags.keep, "keep", false, "leave everything in the cluster until it expires")
	command.RunE = func(command *cobra.Command, _ []string) error { return flags.run(command) }
	return command
}

func (f *verifyFlags) run(command *cobra.Command) error {
	options, plan, err := f.plan()
	if err != nil {
		return err
	}
	clusterOptions := cluster.Options{
		Run: options.Runner.Run, Token: cluster.NewToken(), Owner: ownerName(localUser(), f.connection.configuredUser()), Process: cluster.ThisProcess(),
		Expires: time.Now().Add(f.deadline + expiryMargin), Tenant: options.Runner.Tenant, Reserve: f.reserve, Kept: f.keep,
		Channel: cluster.Channel(f.channel),
	}
	if err := f.pods.apply(&clusterOptions); err != nil {
		return err
	}
	options.Runner.Expires = clusterOptions.Expires
	before, err := f.before()
	if err != nil {
		return err
	}
	if err := f.outputs.open(); err != nil {
		return err
	}
	var suite *runner.Report
	var suiteErr error
	options.Suite = func(run *runner.Report) { suite = run }
	if f.suiteFile != "" {
		file, err := os.Create(f.suiteFile)
		if err != nil {
			return fmt.Errorf("--suite-file: %w", err)
		}
		defer file.Close()
		options.Suite = func(run *runner.Report) { suite, suiteErr = run, report.JSON(file, run) }
	}
	ctx, cancel := bounded(command.Context(), f.deadline, "the verification")
	defer cancel()

	progress := report.NewProgress(command.ErrOrStderr(), len(plan.Scenarios), os.Getenv)
	options.Runner.Progress = progress.Event
	result, turn := f.carryOut(ctx, plan, options, clusterOptions)
	defer turn.end()
	progress.Close()
	if before != nil {
		comparison := verify.Compare(before, result)
		result.Comparison = &comparison
	}
	err = f.conclude(ctx, command, history.NewVerification(f.series.series, result, suite), result, turn)
	if suiteErr != nil {
		return failure{verify.ExitCannotTell, fmt.Errorf("--suite-file: %w", suiteErr)}
	}
	return err
}

// plan plans the suite.
func (f *verifyFlags) plan() (verify.Options, *runner.Plan, error) {
	options := verify.Options{
		Peers: f.peers, CanaryTimeout: f.canary,
		Runner: runner.Options{
			Run: runner.NewRunID(), Version: clientVersion(), SettleTimeout: f.settleTimeout, StartTimeout: f.startTimeout,
			Tenant: f.connection.tenant(), Keep: f.keep, External: map[string]bool{},
		},
	}
	if err := f.check(); err != nil {
		return options, nil, err
	}
	if len(f.reserve) > 0 {
		// The stages before the suite still have the first one when the suite begins.
		options.Namespace, options.Runner.Reserve = f.reserve[0], f.reserve[1:]
	}
	loader, err := f.scenarios.loader()
	if err != nil {
		return options, nil, err
	}
	for name := range loader.External {
		options.Runner.External[name] = true
	}
	families, err := f.scenarios.families()
	if err != nil {
		return options, nil, err
	}
	if len(families) > 0 {
		options.Runner.Family = scenarios.Family(families[0])
	}
	found, err := loader.Find(verify.SuiteName)
	if err != nil {
		return options, nil, err
	}
	if found, err = f.restrict(&options, found); err != nil {
		return options, nil, err
	}
	plan, err := runner.NewPlan(found, options.Runner)
	return options, plan, err
}

// restrict keeps the scenarios of the axes that are asked for.
func (f *verifyFlags) restrict(options *verify.Options, found []*scenarios.Scenario) ([]*scenarios.Scenario, error) {
	if len(f.axes) == 0 {
		return found, nil
	}
	for _, name := range f.axes {
		options.Axes = append(options.Axes, scenarios.AxisName(name))
	}
	names, err := verify.ScenariosOf(options.Axes)
	if err != nil {
		return nil, fmt.Errorf("--axis: %w", err)
	}
	return slices.DeleteFunc(found, func(s *scenarios.Scenario) bool { return !slices.Contains(names, s.Metadata.Name) }), nil
}

// before reads the verification to compare with, before the run, so that a mistake shows at once. It is nil if there is none.
func (f *verifyFlags) before() (*verify.Report, error) {
	if f.compare == "" {
		return nil, nil
	}
	data, err := os.ReadFile(f.compare)
	if err != nil {
		return nil, fmt.Errorf("--compare: %w", err)
	}
	before, err := verify.ReadReport(data)
	if err != nil {
		return nil, fmt.Errorf("--compare %q: %w", f.compare, err)
	}
	return before, nil
}

// check reports values of flags that cannot be meant.
func (f *verifyFlags) check() error {
	if err := f.series.check(); err != nil {
		return err
	}
	switch {
	case len(f.reserve) > 0 && f.connection.tenant() != "":
		return errReserveAndNamespace
	case len(f.reserve) == 1:
		return fmt.Errorf("--reserve %s: name at least two namespaces: one for the first stages and others for the suite", f.reserve[0])
	case f.peers < 1:
		return fmt.Errorf("--peers %d: each node needs at least 1 other", f.peers)
	case f.settleTimeout <= 0 || f.startTimeout <= 0 || f.canary <= 0 || f.deadline <= 0:
		return errors.New("--settle-timeout, --canary-timeout, --start-timeout and --deadline: write durations above 0, such as 800ms or 5m")
	case f.channel != string(cluster.PortForward) && f.channel != string(cluster.Exec):
		return fmt.Errorf("--channel %q: write %s or %s", f.channel, cluster.PortForward, cluster.Exec)
	}
	return nil
}

// carryOut connects and verifies. That there is no cluster is the report's error, so that every output says it. The turn in the series is the
// caller's to end.
func (f *verifyFlags) carryOut(
	ctx context.Context, plan *runner.Plan, options verify.Options, clusterOptions cluster.Options,
) (*verify.Report, *seriesTurn) {
	turn := f.series.without()
	failed := func(err error) (*verify.Report, *seriesTurn) {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return verify.NewFailure(options, err), turn
	}
	config, err := f.connection.config()
	if err != nil {
		return failed(err)
	}
	clusterOptions.Context, clusterOptions.Owner = f.connection.context(), f.connection.owner(ctx, config)
	ctx, turn, err = f.series.begin(ctx, config, options.Runner.Run)
	if err != nil {
		return failed(err)
	}
	connected, err := cluster.Open(ctx, config, clusterOptions)
	if apierrors.IsForbidden(err) {
		if missing, asked := cluster.MissingRights(ctx, config, clusterOptions); asked == nil && len(missing) > 0 {
			return verify.NewWithoutRights(options, missing), turn
		}
	}
	if err != nil {
		return failed(err)
	}
	defer connected.Close()
	options.Runner.Notes = removeExpired(ctx, connected)
	return verify.Run(ctx, connected, plan, options), turn
}

// conclude writes the report, keeps the record of the series, and returns what it means to a script.
func (f *verifyFlags) conclude(ctx context.Context, command *cobra.Command, record *history.Record, result *verify.Report, turn *seriesTurn) error {
	err := f.outputs.writeWith(command.OutOrStdout(), func(out io.Writer, format report.Format, options report.Options) error {
		return report.WriteVerification(out, format, result, options)
	})
	if err != nil {
		return failure{verify.ExitCannotTell, err}
	}
	if code := turn.conclude(ctx, record, command.ErrOrStderr()); code != exitOK {
		return failure{code: code}
	}
	return nil
}
