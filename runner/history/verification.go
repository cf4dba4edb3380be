package history

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/verify"
)

// NewVerification makes the record of a verification and of the run of its suite, nil if that was not run. Its cells are those of the suite and the
// knocks of the path stage.
func NewVerification(series string, report *verify.Report, suite *runner.Report) *Record {
	if suite == nil {
		suite = &runner.Report{}
	}
	record := New(series, suite)
	record.Run, record.Version, record.Start, record.Elapsed = report.Run, report.Version, report.Start, report.Elapsed
	record.Server, record.ExitCode, record.Error = report.Cluster.Version, report.ExitCode(), report.Error
	record.Counts, record.Requests, record.Leftovers = report.Counts, report.Requests, len(report.CleanUp.Leftovers)
	record.Answer, record.AnswerText = string(report.Headline.Conclusion), report.Headline.Text
	for i := range report.Axes {
		record.Axes = append(record.Axes, newAxis(&report.Axes[i], report.Headline.Text))
	}
	if record.ExitCode != verify.ExitEnforced {
		record.Headline = accusing(record.Axes, report.Headline.Text)
	}
	for i := range report.Path.Pairs {
		record.addPath(&report.Path.Pairs[i])
	}
	slices.Sort(record.Passed)
	record.addCanary(&report.Canary)
	return record
}

// newAxis is what is kept of an axis. The accused one has the answer for its reason, unless it has one of its own.
func newAxis(axis *verify.AxisResult, answer string) Axis {
	kept := Axis{Name: string(axis.Axis), Judgement: string(axis.Judgement), Why: axis.Why, Accused: axis.Headline}
	switch {
	case kept.Why != "":
	case axis.Headline:
		kept.Why = answer
	case axis.Follows != "":
		kept.Why = "it follows from " + axis.Follows
	}
	return kept
}

// accusing puts the names of the accused axes before the answer.
func accusing(axes []Axis, answer string) string {
	var accused []string
	for _, axis := range axes {
		if axis.Accused {
			accused = append(accused, fmt.Sprintf("axis %s is %s", axis.Name, axis.Judgement))
		}
	}
	if len(accused) == 0 {
		return answer
	}
	return strings.Join(accused, ", ") + ": " + answer
}

// addPath adds a knock of the path stage as a cell.
func (r *Record) addPath(pair *verify.PathPair) {
	to := cmp.Or(pair.To, "any")
	id := fmt.Sprintf("paths/%s->%s/%s/%s", pair.From, to, pair.Way, pair.Protocol)
	if pair.Family != "" {
		id += "/" + pair.Family
	}
	if pair.Size > 0 {
		id += fmt.Sprintf("/%d bytes", pair.Size)
	}
	switch pair.Status {
	case verify.StatusPass, verify.StatusWarn:
		r.Passed = append(r.Passed, id)
		return
	}
	mark := runner.MarkFail
	if pair.Status == verify.StatusUnknown {
		mark = runner.MarkError
	}
	r.Others = append(r.Others, Cell{
		ID: id, Mark: mark, Expected: "connected", Observed: string(pair.Observed), Why: pair.Why, FromNode: pair.From, ToNode: pair.To,
	})
}

// addCanary keeps what the canary has found on each node.
func (r *Record) addCanary(canary *verify.Canary) {
	for _, group := range []struct {
		nodes   []string
		enforce Enforcement
	}{{canary.Enforcing, EnforcesAll}, {canary.Mixed, EnforcesPart}, {canary.Open, EnforcesNothing}} {
		for _, name := range group.nodes {
			at := slices.IndexFunc(r.Nodes, func(n Node) bool { return n.Name == name })
			if at < 0 {
				at = len(r.Nodes)
				r.Nodes = append(r.Nodes, Node{Name: name})
			}
			r.Nodes[at].Enforces = group.enforce
		}
	}
	slices.SortFunc(r.Nodes, func(a, b Node) int { return cmp.Compare(a.Name, b.Name) })
}
