package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/report"
	"github.com/podknock/podknock/scenarios/policy"
	"github.com/podknock/podknock/scenarios/policy/inventory"
	"github.com/podknock/podknock/scenarios/policy/matrix"
	"github.com/podknock/podknock/scenarios/policy/subject"
)

// outputMarkdown is for pull requests.
const outputMarkdown = "markdown"

// maxExplained is how many connections are explained; more are a table alone.
const maxExplained = 20

// evalFlags are the flags of `podknock eval`.
type evalFlags struct {
	objects  *objectFlags
	format   *outputFlag
	from, to []string
	expect   string
	family   string
}

func newEvalCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "eval [-f FILE|DIR|- ...] [--from REF] [--to REF[:PORT[/PROTOCOL]]]",
		Short: "Say what the policies mean, without knocking",
		Long: "Say which connections the NetworkPolicies admit, of files or of a cluster, and why: a table of who reaches what, or with --from and\n" +
			"--to the deciding policy and rule of both ends, the rules that came near, and the smallest change. Nothing is deployed: this is what\n" +
			"the policies say, and not what the wire does.\n\n" +
			"REF is NAMESPACE/POD, NAMESPACE/deploy/NAME (or sts, ds, job, ...), NAMESPACE/LABEL=VALUE, svc/NAMESPACE/NAME, node/NAME, an IP address\n" +
			"or a CIDR. A workload in a file stands for its pods.\n\n" +
			"The exit code is 0, or 1 if --expect is not met, 2 if a file or an argument is wrong, 3 if the cluster could not be asked.",
		Example: "  podknock eval -f manifests/\n  podknock eval -f manifests/ --from shop/deploy/web --to shop/sts/db:5432 --expect connected\n" +
			"  podknock eval -n shop --from 0.0.0.0/0 --to svc/shop/web:80\n  podknock eval -A -o markdown",
		Args: cobra.NoArgs,
	}
	flags := &evalFlags{objects: addObjectFlags(command), format: addOutputFlag(command, outputText, outputJSON, outputMarkdown)}
	command.Flags().StringArrayVar(&flags.from, "from", nil, "who knocks; may be repeated. Without it, every pod")
	command.Flags().StringArrayVar(&flags.to, "to", nil, "what is knocked on; may be repeated. Without it, every declared port of every pod")
	command.Flags().StringVar(&flags.expect, "expect", "", "what the policies should say of every connection asked about: connected or blocked")
	command.Flags().StringVar(&flags.family, "ip-family", "", "IP family of the connections, IPv4 or IPv6; without it, one that both ends have")
	command.RunE = func(command *cobra.Command, _ []string) error { return flags.eval(command) }
	return command
}

func (f *evalFlags) eval(command *cobra.Command) error {
	options, err := f.options()
	if err != nil {
		return err
	}
	objects, problems, err := f.objects.read(command.Context(), command.InOrStdin())
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return fmt.Errorf("the policies can't be judged as long as objects are unreadable:\n%w", problems)
	}
	table, err := matrix.New(objects, options)
	if err != nil {
		return err
	}
	result, err := f.judge(table, objects)
	if err != nil {
		return err
	}
	if err := f.write(command, &result); err != nil {
		return err
	}
	if result.Met != nil && !*result.Met {
		return failure{code: runner.ExitMismatch}
	}
	return nil
}

// options reads what is asked about.
func (f *evalFlags) options() (matrix.Options, error) {
	namespace, err := f.objects.namespace()
	if err != nil {
		return matrix.Options{}, err
	}
	options := matrix.Options{Namespace: namespace}
	named := subject.Options{Namespace: namespace}
	for _, text := range f.from {
		reference, err := subject.Parse(text, named)
		if err != nil {
			return options, fmt.Errorf("--from: %w", err)
		}
		options.From = append(options.From, reference)
	}
	for _, text := range f.to {
		target, err := subject.ParseTarget(text, named)
		if err != nil {
			return options, fmt.Errorf("--to: %w", err)
		}
		options.To = append(options.To, target)
	}
	switch strings.ToLower(f.family) {
	case "":
	case "ipv4":
		options.Family = corev1.IPv4Protocol
	case "ipv6":
		options.Family = corev1.IPv6Protocol
	default:
		return options, fmt.Errorf("--ip-family %q: write IPv4 or IPv6", f.family)
	}
	switch {
	case f.expect != "" && f.expect != expectConnected && f.expect != expectBlocked:
		return options, fmt.Errorf("--expect %q: write connected or blocked", f.expect)
	case f.expect != "" && (len(f.from) == 0 || len(f.to) == 0):
		return options, errors.New("--expect needs --from and --to: what should be connected or blocked?")
	}
	return options, nil
}

// The words of --expect.
const (
	expectConnected = "connected"
	expectBlocked   = "blocked"
)

// evaluation is what eval prints as JSON.
type evaluation struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	*matrix.Matrix
	// Explanations are given if both ends were named and the table is small, by row and column.
	Explanations []explained `json:"explanations,omitempty"`
	// Expect is what was expected of every connection, and Met says whether the policies say so.
	Expect string `json:"expect,omitempty"`
	Met    *bool  `json:"met,omitempty"`
	// Looked says in words what was read.
	Looked string `json:"looked"`
}

// explained is the reason of one cell.
type explained struct {
	policy.Explanation
	Sentences []string `json:"sentences"`
	// Commands make the smallest change of the nearest policy at each end that denies.
	Commands []string `json:"commands,omitempty"`
}

// judge explains the table and holds it against the expectation.
func (f *evalFlags) judge(table *matrix.Matrix, objects *inventory.Inventory) (evaluation, error) {
	result := evaluation{
		APIVersion: "podknock.dev/v1alpha1", Kind: "Evaluation", Matrix: table, Expect: f.expect, Looked: objects.Summary(),
	}
	if len(f.from) > 0 && len(f.to) > 0 && len(table.Rows)*len(table.Columns) <= maxExplained {
		for i := range table.Rows {
			for j := range table.Columns {
				if table.Cells[i][j].Error != "" {
					continue
				}
				explanation, err := table.Explain(i, j)
				if err != nil {
					return result, err
				}
				result.Explanations = append(result.Explanations, explained{explanation, explanation.Sentences(), commands(&explanation)})
			}
		}
	}
	if f.expect != "" {
		wanted := policy.Allow
		if f.expect == expectBlocked {
			wanted = policy.Deny
		}
		met := table.Met(wanted)
		result.Met = &met
	}
	return result, nil
}

// commands are what applies the smallest change at each end that denies. A policy can't be moved to another namespace in place.
func commands(explanation *policy.Explanation) []string {
	var lines []string
	for _, path := range explanation.Paths {
		for _, end := range []policy.End{path.Egress, path.Ingress} {
			if end.Verdict != policy.Deny || len(end.Misses) == 0 {
				continue
			}
			change := end.Misses[0].Change
			patch, err := change.Patch()
			if err != nil || strings.HasPrefix(change.Operations[0].Path, "/metadata/") {
				continue
			}
			line := fmt.Sprintf("kubectl patch networkpolicy -n %s %s --type=json -p '%s'", change.Policy.Namespace, change.Policy.Name,
				strings.ReplaceAll(string(patch), "'", `'\''`))
			if !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

func (f *evalFlags) write(command *cobra.Command, result *evaluation) error {
	out := command.OutOrStdout()
	var text strings.Builder
	switch f.format.chosen {
	case outputJSON:
		return report.EncodeJSON(out, result)
	case outputMarkdown:
		text.WriteString(result.Markdown())
		for _, one := range result.Explanations {
			fmt.Fprintf(&text, "\n```\n%s\n```\n", strings.Join(append(one.Sentences, one.Commands...), "\n"))
		}
		text.WriteString("\n" + result.verdict() + "\n")
	default:
		text.WriteString(result.Text())
		for _, one := range result.Explanations {
			fmt.Fprintf(&text, "\n%s\n", strings.Join(one.Sentences, "\n"))
			for _, line := range one.Commands {
				fmt.Fprintf(&text, "  %s\n", line)
			}
		}
		text.WriteString("\n" + result.verdict() + "\n")
	}
	return writeText(out, text.String())
}

// verdict is the last line.
func (e *evaluation) verdict() string {
	said := "What the policies say, of " + e.Looked + "."
	switch {
	case e.Met == nil:
		return said
	case *e.Met:
		return "As expected: " + e.Expect + ". " + said
	}
	return "Not as expected: " + e.Expect + ". " + said
}
