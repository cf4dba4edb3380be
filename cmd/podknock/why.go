package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/cluster"
	"github.com/podknock/podknock/runner/diagnose"
	"github.com/podknock/podknock/runner/report"
	"github.com/podknock/podknock/runner/why"
	"github.com/podknock/podknock/scenarios/policy/subject"
)

// whyFlags are the flags of `podknock why`.
type whyFlags struct {
	connection *connectionFlags
	pods       *podFlags
	output     *outputFlag

	expect, http           string
	static, ephemeral, yes bool
	startTimeout           time.Duration
}

func newWhyCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "why SOURCE DESTINATION[:PORT[/PROTOCOL]]",
		Short: "Say why a connection is as it is: what the wire does, what the policies say, and the most likely cause",
		Long: "Say what happens when SOURCE connects to DESTINATION, what the policies say about it, whether the two agree, and the most likely cause,\n" +
			"with evidence and the change that mends it.\n\n" +
			"An end is NAMESPACE/POD, NAMESPACE/deploy/NAME, NAMESPACE/LABEL=VALUE, svc/NAMESPACE/NAME, a DNS name or an IP address. The source is a pod.\n\n" +
			"The wire is asked by probe pods that stand beside the real ones for a few seconds, with labels that the policies judge alike and that nothing\n" +
			"else matches, never Ready. What would be created is shown first. The real destination is met with a bare connect and gets no data.\n\n" +
			"The exit code is 0 if wire, policies and --expect agree, 1 if not, 2 for a mistake in the command line, 3 if something could not be asked,\n" +
			"and 4 if something was left behind in the cluster.",
		Example: "  podknock why shop/web shop/db:5432\n  podknock why shop/deploy/web svc/shop/db --expect connected --yes\n" +
			"  podknock why shop/app=web api.example.com:443 --static",
		Args: cobra.ExactArgs(2),
	}
	flags := &whyFlags{connection: addConnectionFlags(command, "namespace of ends that are named without one"), pods: addPodFlags(command), output: addOutputFlag(command, outputText, outputJSON)}
	set := command.Flags()
	set.StringVar(&flags.expect, "expect", "", "what should happen: connected or blocked")
	set.StringVar(&flags.http, "http", "", "also ask the real destination for this path over HTTP, which its application sees")
	set.BoolVar(&flags.static, "static", false, "ask the policies alone, and create nothing")
	set.BoolVar(&flags.ephemeral, "ephemeral", false, "ask from within the real source pod, by an ephemeral container, which can never be removed from it")
	set.DurationVar(&flags.startTimeout, "start-timeout", why.DefaultStartTimeout, "how long probe pods may take to start")
	set.BoolVarP(&flags.yes, "yes", "y", false, "create what is needed without asking")
	command.RunE = func(command *cobra.Command, arguments []string) error { return flags.run(command, arguments) }
	return command
}

// whyExpiry is how long what a question creates may live at most: the probe pods end by themselves then.
const whyExpiry = 5 * time.Minute

func (f *whyFlags) run(command *cobra.Command, arguments []string) error {
	options, err := f.options(arguments)
	if err != nil {
		return err
	}
	clusterOptions := cluster.Options{
		Run: options.Run, Token: cluster.NewToken(), Process: cluster.ThisProcess(), Expires: time.Now().Add(whyExpiry), Guest: true,
	}
	if err := f.pods.apply(&clusterOptions); err != nil {
		return err
	}
	in, errOut := command.InOrStdin(), command.ErrOrStderr()
	options.Progress = func(what string) { fmt.Fprintf(errOut, "%s\n", report.Clean(what)) }
	if !f.yes {
		options.Confirm = func(plan []string) error { return confirm(in, errOut, plan) }
	}
	ctx, cancel := interruptible(command.Context())
	defer cancel()
	answer, err := f.ask(ctx, options, clusterOptions)
	var usage why.UsageError
	var left why.LeftBehindError
	switch {
	case errors.As(err, &left):
		return failure{runner.ExitLeftovers, err}
	case errors.As(err, &usage), errors.Is(err, errNotConfirmed):
		return err
	case err != nil:
		return failure{runner.ExitInconclusive, err}
	}
	if err := f.write(command.OutOrStdout(), answer); err != nil {
		return failure{runner.ExitInconclusive, err}
	}
	if code := answer.ExitCode(); code != exitOK {
		return failure{code: code}
	}
	return nil
}

// options reads the words of the question.
func (f *whyFlags) options(arguments []string) (why.Options, error) {
	options := why.Options{
		Expect: diagnose.Expect(f.expect), Static: f.static, Ephemeral: f.ephemeral, HTTP: f.http, Run: runner.NewRunID(),
		Timeouts: why.Timeouts{Start: f.startTimeout},
	}
	switch options.Expect {
	case "", diagnose.ExpectConnected, diagnose.ExpectBlocked:
	default:
		return options, fmt.Errorf("--expect %q: write connected or blocked", f.expect)
	}
	switch {
	case f.startTimeout <= 0:
		return options, errors.New("--start-timeout: write a duration above 0, such as 20s")
	case f.static && f.ephemeral:
		return options, errors.New("--static asks the policies alone and --ephemeral the wire: leave one of them out")
	case f.http != "" && !strings.HasPrefix(f.http, "/"):
		return options, fmt.Errorf("--http %q: write a path that begins with /", f.http)
	}
	if upper := strings.ToUpper(arguments[1]); strings.HasSuffix(upper, "/ICMP") || strings.HasSuffix(upper, ":ICMP") || strings.HasSuffix(upper, "/PING") {
		return options, fmt.Errorf("%s: ping proves nothing about a policy, whose ports are of TCP, UDP and SCTP: name the port and protocol of the application", arguments[1])
	}
	named := subject.Options{Namespace: f.connection.tenant()}
	var err error
	if options.From, err = subject.Parse(arguments[0], named); err != nil {
		return options, err
	}
	options.To, err = subject.ParseTarget(arguments[1], named)
	return options, err
}

func (f *whyFlags) ask(ctx context.Context, options why.Options, clusterOptions cluster.Options) (*diagnose.Report, error) {
	config, err := f.connection.config()
	if err != nil {
		return nil, err
	}
	clusterOptions.Context, clusterOptions.Owner = f.connection.context(), f.connection.owner(ctx, config)
	connected, err := cluster.Open(ctx, config, clusterOptions)
	if err != nil {
		return nil, err
	}
	defer connected.Close()
	answer, err := why.Ask(ctx, connected, options)
	return answer, explainSilence(config, err)
}

func (f *whyFlags) write(out io.Writer, answer *diagnose.Report) error {
	if f.output.chosen == outputJSON {
		text, err := answer.JSON()
		if err != nil {
			return err
		}
		_, err = out.Write(text)
		return err
	}
	return writeText(out, diagnose.Text(answer))
}

var errNotConfirmed = errors.New("nothing was created")

// confirm shows what would be created and asks. Where nobody can answer, the answer is no.
func confirm(in io.Reader, out io.Writer, plan []string) error {
	fmt.Fprintf(out, "This would be created, and removed again:\n")
	for _, line := range plan {
		fmt.Fprintf(out, "  %s\n", report.Clean(line))
	}
	file, isFile := in.(*os.File)
	if !isFile || !report.IsTerminal(file) {
		return fmt.Errorf("%w: standard input is no terminal, so nobody can be asked: add --yes to create it, or --static to ask the policies alone", errNotConfirmed)
	}
	fmt.Fprint(out, "Go ahead? [y/N] ")
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	return errNotConfirmed
}
