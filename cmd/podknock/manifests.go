package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/podknock/podknock/runner/cluster/nightly"
	"github.com/podknock/podknock/runner/report"
)

// nightlyFlags are the flags of `podknock manifests nightly`.
type nightlyFlags struct {
	nightly.Options
	suite    string
	policies *fromPolicies
}

// verifySuite is the suite that `podknock verify` judges.
const verifySuite = "conformance"

func newManifestsCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "manifests",
		Short: "Print the objects of podknock inside a cluster, for kubectl apply",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return fmt.Errorf("manifests: name what is wanted: nightly") },
	}
	command.AddCommand(newNightlyCommand())
	return command
}

func newNightlyCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "nightly",
		Short: "Print a CronJob that tests the cluster every night, with the least rights that it needs",
		Long: "Print a CronJob that tests the cluster every night, and all that belongs to it: its namespace and account, its rights, a NetworkPolicy\n" +
			"for itself, and a reserve of namespaces that it tests in. It may change nothing else in the cluster. With --dynamic-namespaces it\n" +
			"may create and delete any namespace and any pod instead, and whoever may read its token then may do the same.\n\n" +
			"Each run is kept and compared with the one before: see `podknock history`. What comes after -- goes to `podknock run` or `podknock verify`\n" +
			"in the job as it is.",
		Example: "  podknock manifests nightly | kubectl apply -f -\n" +
			"  podknock manifests nightly --from-policies --name claims --schedule '17 4 * * *' | kubectl apply -f -\n" +
			"  podknock manifests nightly -- --external inside=192.0.2.10 --external outside=203.0.113.10 | kubectl apply -f -\n" +
			"  podknock manifests nightly --schedule '17 3 * * 1-5' --image registry.example.org/podknock:dev --agent-image registry.example.org/agent:dev\n" +
			"  kubectl -n podknock create job --from=cronjob/nightly now",
		Args: afterDashOnly,
	}
	flags := &nightlyFlags{}
	flags.policies = addFromPolicies(command, "prove every night what the policies claim that are live then, of these namespaces, of all without a value, instead of a suite")
	set := command.Flags()
	set.StringVar(&flags.Name, "name", "nightly", "name of the CronJob, its account and the series of its runs; jobs of different names get on with each other")
	set.StringVarP(&flags.Namespace, "namespace", "n", resultsNamespace, "namespace for the job and its records")
	set.StringVar(&flags.Schedule, "schedule", "17 2 * * *", "when, in the five fields of cron")
	set.StringVar(&flags.suite, "suite", verifySuite, "suite or scenario to run; "+verifySuite+" is run and judged by `podknock verify`")
	set.StringVar(&flags.Scenarios, "scenarios", "", "name of a ConfigMap in the namespace with scenario files to run instead of a suite")
	set.StringVar(&flags.Image, "image", defaultRunnerImage(), "image of podknock; nothing is published yet: build it with \"make image\"")
	set.StringVar(&flags.AgentImage, "agent-image", defaultImage(), "image of the agent")
	set.IntVar(&flags.Reserve, "reserve", 12, "how many namespaces to test in there are, called NAMESPACE-NAME-1 and so on")
	set.BoolVar(&flags.Dynamic, "dynamic-namespaces", false, "let the job create and delete namespaces: a right over the whole cluster")
	set.DurationVar(&flags.Deadline, "deadline", 30*time.Minute, "how long a run may take")
	set.IntVar(&flags.Keep, "keep-records", defaultKeep, "how many records to keep")
	set.StringVar(&flags.Push, "push", "", "address of a Prometheus Pushgateway, http://HOST:PORT")
	command.RunE = func(command *cobra.Command, arguments []string) error {
		return flags.print(command.OutOrStdout(), command.ErrOrStderr(), arguments)
	}
	return command
}

// afterDashOnly accepts arguments after -- alone.
func afterDashOnly(command *cobra.Command, arguments []string) error {
	if dash := command.ArgsLenAtDash(); len(arguments) > 0 && dash != 0 {
		return fmt.Errorf("nightly %q: name what to run with --suite, --scenarios or --from-policies; arguments of the job come after --", arguments[0])
	}
	return nil
}

// defaultRunnerImage is the image of podknock that belongs to this program.
func defaultRunnerImage() string {
	return strings.Replace(defaultImage(), agentImage, runnerImage, 1)
}

// runnerImage is the repository of podknock's own image.
const runnerImage = "podknock.dev/podknock"

// command is what the job runs, and what it needs to read for that.
func (f *nightlyFlags) command() ([]string, []rbacv1.PolicyRule) {
	switch {
	case f.policies.wanted():
		return []string{"run", "--from-policies=" + strings.Join(f.policies.namespaces, ",")}, nightly.PolicyRules()
	case f.Scenarios != "":
		return []string{"run", nightly.ScenariosPath}, nil
	case f.suite == verifySuite:
		return []string{"verify"}, nightly.PluginRules()
	}
	return []string{"run", f.suite}, nil
}

func (f *nightlyFlags) print(out, says io.Writer, arguments []string) error {
	f.Command, f.Reads = f.command()
	if !slices.Contains(f.policies.namespaces, everyNamespace) {
		f.ReadsIn = f.policies.namespaces
	}
	if f.Command[0] == "verify" && !f.Dynamic && f.Reserve == 1 {
		return errors.New("reserve of 1 namespace: podknock verify needs at least 2: one for the first stages and others for the suite")
	}
	f.Command = append(f.Command, arguments...)
	objects, err := nightly.Objects(f.Options)
	if err != nil {
		return err
	}
	var text strings.Builder
	for i, object := range objects {
		if i > 0 {
			text.WriteString("---\n")
		}
		document, err := yaml.Marshal(object)
		if err != nil {
			return fmt.Errorf("write %T as YAML: %w", object, err)
		}
		text.Write(withoutNoise(document))
	}
	if f.Dynamic {
		fmt.Fprintln(says, "podknock: with these objects, the account \""+f.Name+"\" may create and delete every namespace and every pod of the cluster, "+
			"change its NetworkPolicies and Services, and open streams to all its pods, and so may whoever can run pods in namespace \""+f.Namespace+"\"")
	}
	_, err = io.WriteString(out, report.Clean(text.String()))
	return err
}

// withoutNoise drops the fields that Kubernetes' types always marshal though nobody sets them.
func withoutNoise(document []byte) []byte {
	var kept []string
	for line := range strings.Lines(string(document)) {
		switch strings.TrimSpace(line) {
		case "creationTimestamp: null", "status: {}", "resources: {}":
			continue
		}
		kept = append(kept, line)
	}
	return []byte(strings.Join(kept, ""))
}
