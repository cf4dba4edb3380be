package defects

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/podknock/podknock/runner/verify"
)

// Mutant is an engine of the lab with one defect, as `lab engine list -o json` has it.
type Mutant struct {
	Name   string `json:"name"`
	Family string `json:"family"`
	Defect string `json:"defect"`
	// Seen is where the defect was met in a real engine, as owner/repo#number.
	Seen string `json:"seen"`
}

// Bench is where mutants are tried.
type Bench struct {
	// Lab and Podknock are programs, Name is that of a lab that is up, with the agent's image loaded.
	Lab, Podknock, Name string
	// Arguments are added to those of podknock verify.
	Arguments []string
	// Quick restricts verifications of mutants to the axis that the defect breaks.
	Quick bool
	// Keep is the folder for the verifications, each as a file, beside the run of its suite. What is there is not verified again. Empty: nothing is
	// kept.
	Keep string
}

// RightEngine is the engine without defect.
const RightEngine = "kube-network-policies"

// World are the arguments that name the lab's hosts outside the cluster.
var World = []string{
	"--external", "inside=192.0.2.10", "--external", "inside=2001:db8:1::10", "--external", "excluded=192.0.2.11",
	"--external", "excluded=2001:db8:1::11", "--external", "outside=203.0.113.10", "--external", "outside=2001:db8:2::10",
}

// Result is what the verifier said of an engine.
type Result struct {
	Mutant Mutant
	Report *verify.Report
	// Elapsed is the time to catch the defect: that of the whole verification.
	Elapsed time.Duration
	// Wrong says why the verdict is not the right one. Empty if it is.
	Wrong string
}

// Mutants lists the lab's.
func (b *Bench) Mutants(ctx context.Context) ([]Mutant, error) {
	out, err := exec.CommandContext(ctx, b.Lab, "engine", "list", "-o", "json").Output()
	if err != nil {
		return nil, fmt.Errorf("list the lab's engines: %w", explained(err))
	}
	var mutants []Mutant
	if err := json.Unmarshal(out, &mutants); err != nil {
		return nil, fmt.Errorf("list the lab's engines: %w", err)
	}
	return mutants, nil
}

// Set replaces the lab's engine.
func (b *Bench) Set(ctx context.Context, engine string) error {
	if _, err := exec.CommandContext(ctx, b.Lab, "engine", "set", engine, "--name", b.Name).Output(); err != nil {
		return fmt.Errorf("set engine %s: %w", engine, explained(err))
	}
	return nil
}

// Try puts a mutant into the lab and verifies it, unless that was done before and kept. The error says that this could not be done; the
// verifier's own verdict is in the result.
func (b *Bench) Try(ctx context.Context, mutant Mutant) (Result, error) {
	report, err := b.kept(mutant.Name)
	if err == nil && report == nil {
		if err = b.Set(ctx, "mutant:"+mutant.Name); err == nil {
			report, err = b.verify(ctx, mutant.Name, b.restriction(mutant)...)
		}
	}
	if err != nil {
		return Result{}, fmt.Errorf("engine %s: %w", mutant.Name, err)
	}
	return Result{Mutant: mutant, Report: report, Elapsed: report.Elapsed, Wrong: wrong(mutant, report)}, nil
}

// Kept tells whether a mutant was verified before, and whether the verdict was the right one.
func (b *Bench) Kept(mutant Mutant) (there, right bool, err error) {
	report, err := b.kept(mutant.Name)
	return report != nil, report != nil && wrong(mutant, report) == "", err
}

// Forget removes what was kept of a mutant.
func (b *Bench) Forget(mutant Mutant) error { return os.Remove(b.file(mutant.Name)) }

// TryRight verifies the engine without defect for the time of a number, unless that was done before and kept. The lab has to have that engine.
func (b *Bench) TryRight(ctx context.Context, number int) (*verify.Report, error) {
	name := fmt.Sprintf("%s-%02d", RightEngine, number)
	if report, err := b.kept(name); report != nil || err != nil {
		return report, err
	}
	return b.verify(ctx, name)
}

func (b *Bench) file(name string) string { return filepath.Join(b.Keep, name+".json") }

// kept reads a verification that was made before, nil if there is none.
func (b *Bench) kept(name string) (*verify.Report, error) {
	if b.Keep == "" {
		return nil, nil
	}
	data, err := os.ReadFile(b.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	report, err := verify.ReadReport(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.file(name), err)
	}
	return report, nil
}

// verify runs podknock verify on the lab. A verification that was interrupted is an error, and is not kept.
func (b *Bench) verify(ctx context.Context, name string, more ...string) (*verify.Report, error) {
	arguments := slices.Concat([]string{"verify", "--kubeconfig", "/run/podknock/" + b.Name + "/kubeconfig", "-o", "json"}, World, b.Arguments, more)
	if b.Keep != "" {
		if err := os.MkdirAll(b.Keep, 0o755); err != nil {
			return nil, err
		}
		arguments = append(arguments, "--suite-file", filepath.Join(b.Keep, name+".suite.json"))
	}
	command := exec.CommandContext(ctx, b.Podknock, arguments...)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) } // so that it cleans up
	out, err := command.Output()
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || len(out) == 0) {
		return nil, fmt.Errorf("verify: %w", explained(err))
	}
	report, err := verify.ReadReport(out)
	if err != nil {
		return nil, fmt.Errorf("read the verification: %w", err)
	}
	if b.Keep != "" {
		if err := os.WriteFile(b.file(name), out, 0o644); err != nil {
			return nil, err
		}
	}
	return report, nil
}

// explained adds what a program wrote to its standard error.
func explained(err error) error {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	return err
}

// axes are those that a defect shows in, where that is more, or something else, than the axis that the verifier has for it.
var axes = map[string]string{
	"one-node-open": "same-node,other-node", "first-namespace-only": "policy-selector,several-peers,match-in", "denies-with-rst": "deny-all",
	"denies-with-icmp": "deny-all", "new-pods-open": "pod-born-later", "ten-seconds-late": "policy-update,deny-all",
}

// Axes are what a mutant shows its defect in.
func Axes(mutant Mutant) string {
	if known := axes[mutant.Name]; known != "" {
		return known
	}
	hypotheses := verify.Hypotheses()
	i := slices.IndexFunc(hypotheses, func(d verify.Defect) bool { return d.Name == mutant.Name })
	if i < 0 {
		return ""
	}
	return string(hypotheses[i].Axis)
}

// restriction are the arguments for a quick verification.
func (b *Bench) restriction(mutant Mutant) []string {
	if found := Axes(mutant); b.Quick && found != "" {
		return []string{"--axis", found}
	}
	return nil
}

// aliases are the verifier's names of mutants' defects, where they are not the same. A Service's address is translated on the client's node, and only
// there the lab's engine sees it.
var aliases = map[string]string{
	"one-node-open": "enforces-nothing", "ten-seconds-late": "policies-late", "first-namespace-only": "some-namespaces-only",
	"services-unfiltered": "services-unfiltered-where-translated",
}

// nodes are those of the lab's two nodes that a defect is restricted to.
var nodes = map[string][]string{"one-node-open": {"node2"}}

// shown are defects that break no promise of the API: they are reported among what the API leaves to the plugin.
var shown = map[string]string{"denies-with-rst": "RST", "denies-with-icmp": "ICMP"}

// Names are the defects that a headline names.
func Names(h *verify.Headline) []string {
	var names []string
	for i := range h.Explanations {
		for _, d := range h.Explanations[i].Defects {
			names = append(names, d.Name)
		}
	}
	return names
}

// wrong says what is not right about the verdict on a mutant. Empty if it is right.
func wrong(mutant Mutant, report *verify.Report) string {
	names := Names(&report.Headline)
	if word := shown[mutant.Name]; word != "" {
		switch {
		case report.Headline.Conclusion != verify.ConcludedEnforced:
			return "accused of what the API allows"
		case !slices.ContainsFunc(report.Traits, func(t verify.Trait) bool { return strings.Contains(t.Found, word) }):
			return "not reported"
		}
		return ""
	}
	wanted := mutant.Name
	if alias := aliases[wanted]; alias != "" {
		wanted = alias
	}
	switch {
	case report.Headline.Conclusion == verify.ConcludedEnforced:
		return "not caught"
	case !slices.Contains(names, wanted):
		return "caught, but not named"
	case !slices.Equal(report.Headline.Nodes, nodes[mutant.Name]):
		return "named, but not where it is"
	case len(report.Headline.Explanations) != 1:
		return "more is accused than the defect"
	}
	return ""
}
