package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
	"github.com/podknock/podknock/scenarios/policy"
)

// fact is what is known about a cell under one heading. Lines are clean.
type fact struct {
	label string
	lines []string
}

// cellName is a cell in one line: "web -> mysql:3306/TCP (IPv4)".
func cellName(c *runner.Cell) string {
	separator := ":"
	if c.Port == 0 {
		separator = "/"
	}
	return clean(fmt.Sprintf("%s -> %s%s%s (%s)", c.From.Text, c.To.Text, separator, portText(c.Port, c.Protocol), c.Family))
}

// difference says what was expected and what was seen instead, or that nothing was.
func difference(c *runner.Cell) string {
	text := fmt.Sprintf("expected %s, observed %s", c.Expected, observed(c))
	if c.Mark == runner.MarkInconclusive {
		text += ", which proves nothing"
	}
	return clean(text + enforcement(c))
}

// enforcement says that the wire contradicts the policies, where it does. An expectation that they contradict as well is no fault of the engine.
func enforcement(c *runner.Cell) string {
	if c.Mark != runner.MarkFail || c.Verdict == nil || !agrees(scenarios.Expected(c.Expected), c.Verdict.Verdict) {
		return ""
	}
	switch c.Verdict.Verdict {
	case policy.Deny:
		if arrived(c) {
			return ": the policy is not enforced"
		}
	case policy.Allow:
		if c.Observed == probe.Timeout || c.Observed == probe.Rejected {
			return ": something denies what the policies allow"
		}
	}
	return ""
}

// arrived reports whether the outcome shows that the packet came to the pod.
func arrived(c *runner.Cell) bool {
	switch c.Observed {
	case probe.Connected, probe.Stalled, probe.Reset, probe.Closed:
		return true
	case probe.Refused:
		return c.Result != nil && c.Result.Origin == probe.OriginPod
	}
	return false
}

// observed is the outcome with what it is told apart by, or "nothing".
func observed(c *runner.Cell) string {
	if c.Observed == "" {
		return "nothing"
	}
	text := string(c.Observed)
	if c.Result == nil || c.Result.Outcome != c.Observed {
		return text
	}
	switch where, origin := c.Result.Where, c.Result.Origin; {
	case where == probe.WhereForward:
		text += " (on the way there)"
	case where == probe.WhereReturn:
		text += " (on the way back)"
	case where == probe.WhereDestination:
		text += " (at the destination)"
	case origin == probe.OriginPod || origin == probe.OriginNetwork:
		text += fmt.Sprintf(" (by the %s)", origin)
	case origin == probe.OriginSource:
		text += " (on the side that knocked)"
	}
	return text
}

// facts are all that a person needs to know of a cell that did not pass, in the order of reading.
func facts(s *runner.ScenarioResult, c *runner.Cell) []fact {
	var all []fact
	add := func(label string, lines ...string) {
		if len(lines) > 0 {
			all = append(all, fact{label, lines})
		}
	}
	add("error", nonEmptyLines(c.Error)...)
	if !saidElsewhere(c) {
		add("why", nonEmptyLines(c.Why)...)
	}
	// Where nothing was asked, there is nothing to hold against policies.
	if c.Result != nil {
		add("expected", because(c))
		add("wire", wire(s, c)...)
		if c.Flapping || len(c.Changes) > 0 {
			add("history", course(c))
		}
		if c.Control != nil && !c.Control.Proven && !strings.Contains(c.Why, c.Control.Cell) {
			add("control", control(c.Control))
		}
		if c.Verdict != nil {
			add("policies", policies(c.Verdict)...)
			add("near miss", nearMisses(c)...)
		}
	}
	if c.Repeat != "" {
		add("repeat", clean(c.Repeat))
	}
	return all
}

// saidElsewhere reports whether the reason for the mark is only what other facts say already.
func saidElsewhere(c *runner.Cell) bool {
	return c.Why == c.Error || c.Mark == runner.MarkFail && c.Result != nil && strings.Contains(c.Why, c.Result.Reason)
}

// because says where the expectation comes from.
func because(c *runner.Cell) string {
	origin, place := scenarios.Origin(c.Because.Origin), c.Because.File
	if c.Because.Line > 0 {
		place += fmt.Sprintf(":%d", c.Because.Line)
	}
	switch origin {
	case scenarios.Stated:
		return clean(fmt.Sprintf("%s, as %s states", c.Expected, place))
	case scenarios.Kept:
		return clean(fmt.Sprintf("%s, as %s stated for an earlier step", c.Expected, place))
	case scenarios.Computed:
		return clean(fmt.Sprintf("%s, computed from the policies in force", c.Expected))
	case scenarios.NoPolicy:
		return clean(fmt.Sprintf("%s, because no policy is in force", c.Expected))
	}
	return clean(c.Expected)
}

// wire is what the attempt saw, if the reason for the mark does not say it, and between which addresses and nodes.
func wire(s *runner.ScenarioResult, c *runner.Cell) []string {
	var lines []string
	if saidElsewhere(c) || !strings.Contains(c.Why, c.Result.Reason) {
		lines = nonEmptyLines(c.Result.Reason)
	}
	if local, remote := c.Result.Local, c.Result.Remote; local.IsValid() && remote.IsValid() {
		lines = append(lines, clean(fmt.Sprintf("from %s%s to %s%s", local.Addr(), onNode(s, c.From), remote, onNode(s, c.To))))
	}
	return lines
}

// onNode names the node of a pod.
func onNode(s *runner.ScenarioResult, e runner.Endpoint) string {
	if e.Kind != string(scenarios.EndpointPod) {
		return ""
	}
	for _, pod := range s.Pods {
		if pod.Name == e.Name && pod.Node != "" {
			return " (" + pod.Node + ")"
		}
	}
	return ""
}

// history tells how the outcome changed during the step.
func course(c *runner.Cell) string {
	parts := make([]string, len(c.Changes))
	for i, change := range c.Changes {
		parts[i] = fmt.Sprintf("%s after %s", change.Outcome, brief(change.After))
	}
	text := strings.Join(parts, ", ")
	if c.Flapping {
		text = strings.TrimSuffix("flapping, even after the step had settled: "+text, ": ")
	}
	return clean(text)
}

// control tells why the path is not proven.
func control(c *runner.Control) string {
	found := "was not asked"
	if c.Observed != "" {
		found = "found " + string(c.Observed)
	}
	return clean(fmt.Sprintf("%s should prove the path, and %s", c.Cell, found))
}

// policies says what the policies mean for a cell: the ends that decide, or both where all is open.
func policies(e *policy.Explanation) []string {
	if len(e.Paths) == 0 {
		return []string{clean(e.Sentence())}
	}
	var lines []string
	for _, path := range e.Paths {
		for _, end := range []policy.End{path.Egress, path.Ingress} {
			line := clean(fmt.Sprintf("%s: %s", end.Verdict, end.Sentence()))
			if end.Verdict == path.Verdict && !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// nearMisses are the rules that came closest to what was expected, each with the change that would do, and likely mistakes. There is none
// where the policies agree with the expectation: then it is not they who are to be changed.
func nearMisses(c *runner.Cell) []string {
	if agrees(scenarios.Expected(c.Expected), c.Verdict.Verdict) {
		return nil
	}
	var lines []string
	add := func(line string) {
		if line = clean(line); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	for _, path := range c.Verdict.Paths {
		for _, end := range []policy.End{path.Egress, path.Ingress} {
			if len(end.Misses) > 0 {
				add(end.Misses[0].Sentence())
				add("to admit it: " + end.Misses[0].Change.Sentence())
			}
			for _, hint := range end.Hints {
				add(hint.Sentence())
			}
		}
	}
	return lines
}

// agrees reports whether policies that say so would make the expected come true.
func agrees(expected scenarios.Expected, verdict policy.Verdict) bool {
	switch verdict {
	case policy.Deny:
		return expected.Admits(probe.Timeout) || expected.Admits(probe.Rejected) || expected == scenarios.Expected(probe.DNSFailure)
	case policy.Allow:
		return !expected.NeedsControl()
	}
	return true
}
