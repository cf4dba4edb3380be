package defects

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
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
}

// Bench is where mutants are tried.
type Bench struct {
	// Lab and Podknock are programs, Name is that of a lab that is up, with the agent's image loaded.
	Lab, Podknock, Name string
	// Arguments are added to those of podknock verify.
	Arguments []string
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

// Try puts a mutant into the lab and verifies it. The error says that this could not be done; the verifier's own verdict is in the result.
func (b *Bench) Try(ctx context.Context, mutant Mutant) (Result, error) {
	if err := b.Set(ctx, "mutant:"+mutant.Name); err != nil {
		return Result{}, err
	}
	report, err := b.Verify(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("engine %s: %w", mutant.Name, err)
	}
	return Result{Mutant: mutant, Report: report, Elapsed: report.Elapsed, Wrong: wrong(mutant, report)}, nil
}

// Verify runs podknock verify on the lab.
func (b *Bench) Verify(ctx context.Context) (*verify.Report, error) {
	arguments := slices.Concat([]string{"verify", "--kubeconfig", "/run/podknock/" + b.Name + "/kubeconfig", "-o", "json"}, World, b.Arguments)
	out, err := exec.CommandContext(ctx, b.Podknock, arguments...).Output()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || len(out) == 0) {
		return nil, fmt.Errorf("verify: %w", explained(err))
	}
	report, err := verify.ReadReport(out)
	if err != nil {
		return nil, fmt.Errorf("read the verification: %w", err)
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

// aliases are the verifier's names of mutants' defects, where they are not the same.
var aliases = map[string]string{
	"one-node-open": "enforces-nothing", "ten-seconds-late": "policies-late",
}

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
	case len(report.Headline.Explanations) != 1:
		return "more is accused than the defect"
	}
	return ""
}
