package history

import (
	"strings"
	"testing"
	"time"

	"github.com/podknock/podknock/runner"
)

// aRecord is a run in which everything is as expected.
func aRecord(change func(*Record)) *Record {
	record := &Record{
		APIVersion: APIVersion, Kind: Kind, Series: "nightly", Run: "rbefore", Start: time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC),
		Counts:    runner.Counts{Pass: 3},
		Latency:   Latency{Deny: Figures{Samples: 4, P50: 50 * time.Millisecond, P95: 90 * time.Millisecond, Max: 100 * time.Millisecond}},
		Scenarios: []Scenario{{Name: "conformance/udp", Mark: runner.MarkPass, Counts: runner.Counts{Pass: 3}}},
		Nodes:     []Node{{Name: "node1", Counts: runner.Counts{Pass: 3}}, {Name: "node2", Counts: runner.Counts{Pass: 2}}},
		Axes:      []Axis{{Name: "udp", Judgement: "enforced"}, {Name: "sctp", Judgement: "not tested"}},
		Passed:    []string{"udp/1/a->b:80/TCP/IPv4", "udp/2/a->b:80/TCP/IPv4", "udp/2/a->b:81/UDP/IPv4"},
	}
	if change != nil {
		change(record)
	}
	return record
}

func TestCompare(t *testing.T) {
	fails := func(id string, mark runner.Mark) func(*Record) {
		return func(r *Record) {
			r.Passed = r.Passed[:2]
			r.Others = []Cell{{ID: id, Mark: mark, Expected: "blocked", Observed: "connected", Why: "the packet arrived"}}
		}
	}
	without := func(mark runner.Mark) func(*Record) {
		return func(r *Record) {
			r.Passed, r.Shortened, r.Scenarios[0].Mark = nil, "the list of cells that are as expected, and most of the others", mark
		}
	}
	for _, test := range []struct {
		name          string
		before, after *Record
		regressions   []string
		improvements  []string
		other         []string
	}{
		{
			name:   "a cell that passed and fails now is a regression with its reason",
			before: aRecord(nil), after: aRecord(fails("udp/2/a->b:81/UDP/IPv4", runner.MarkFail)),
			regressions: []string{"cell udp/2/a->b:81/UDP/IPv4 was pass and is fail now: the packet arrived"},
		},
		{
			name:   "a cell that passed and could not be asked now is a regression",
			before: aRecord(nil), after: aRecord(fails("udp/2/a->b:81/UDP/IPv4", runner.MarkError)),
			regressions: []string{"cell udp/2/a->b:81/UDP/IPv4 was pass and is error now: the packet arrived"},
		},
		{
			name:   "a cell that already failed the night before is none",
			before: aRecord(fails("udp/2/a->b:81/UDP/IPv4", runner.MarkFail)), after: aRecord(fails("udp/2/a->b:81/UDP/IPv4", runner.MarkFail)),
		},
		{
			name:   "a cell that nobody asked before is none",
			before: aRecord(func(r *Record) { r.Passed = r.Passed[:2] }), after: aRecord(fails("udp/2/a->b:81/UDP/IPv4", runner.MarkFail)),
		},
		{
			name:   "an axis that is no longer enforced comes before its cells",
			before: aRecord(nil),
			after: aRecord(func(r *Record) {
				fails("udp/2/a->b:81/UDP/IPv4", runner.MarkFail)(r)
				r.Axes[0] = Axis{Name: "udp", Judgement: "not enforced", Why: "all 4 cells"}
			}),
			regressions: []string{
				"axis udp was enforced and is not enforced now: all 4 cells",
				"cell udp/2/a->b:81/UDP/IPv4 was pass and is fail now: the packet arrived",
			},
		},
		{
			name:   "an axis that is enforced on some pairs only is worse than one that is enforced",
			before: aRecord(nil), after: aRecord(func(r *Record) { r.Axes[0].Judgement = "partly" }),
			regressions: []string{"axis udp was enforced and is partly now"},
		},
		{
			name:   "an axis that could not be tested this time is only different",
			before: aRecord(nil), after: aRecord(func(r *Record) { r.Axes[0].Judgement = "not tested" }),
			other: []string{"axis udp was enforced and is not tested now"},
		},
		{
			name:   "a run that ended early is a regression",
			before: aRecord(nil), after: aRecord(func(r *Record) { r.Error = "the run took longer than its deadline of 30m0s" }),
			regressions: []string{"the run ended early: the run took longer than its deadline of 30m0s"},
		},
		{
			name:   "a run that left something behind is a regression",
			before: aRecord(nil), after: aRecord(func(r *Record) { r.Leftovers = 2 }),
			regressions: []string{"the run left 2 objects behind"},
		},
		{
			name:   "a node whose cells mostly fail is a regression",
			before: aRecord(nil), after: aRecord(func(r *Record) { r.Nodes[1].Counts = runner.Counts{Fail: 2, Pass: 1} }),
			regressions: []string{"node node2 was 2 of 2 cells as expected and is 1 of 3 cells as expected now"},
		},
		{
			name:   "a node that was replaced is only different",
			before: aRecord(nil), after: aRecord(func(r *Record) { r.Nodes[1].Name = "node3" }),
			other: []string{"node node2 was tested and is absent now", "node node3 was absent and is tested now"},
		},
		{
			name:   "a scenario that could not go on is a regression",
			before: aRecord(nil), after: aRecord(func(r *Record) { r.Scenarios[0].Error, r.Scenarios[0].Mark = "deploy: quota", runner.MarkError }),
			regressions: []string{"scenario conformance/udp was pass and is error now: deploy: quota"},
		},
		{
			name:   "a scenario that passed and is skipped now is a regression",
			before: aRecord(nil), after: aRecord(func(r *Record) { r.Scenarios, r.Skipped = nil, []string{"conformance/udp"} }),
			regressions: []string{"scenario conformance/udp was pass and is skipped now"},
		},
		{
			name:   "a scenario that passed, in a record without room for its cells, and fails now is a regression",
			before: aRecord(without(runner.MarkPass)), after: aRecord(func(r *Record) {
				fails("udp/2/a->b:81/UDP/IPv4", runner.MarkFail)(r)
				r.Scenarios[0].Mark = runner.MarkFail
			}),
			regressions: []string{"scenario conformance/udp was pass and is fail now"},
		},
		{
			name:   "a scenario that passed and fails in a record without room for its cells is a regression",
			before: aRecord(nil), after: aRecord(without(runner.MarkFail)),
			regressions: []string{"scenario conformance/udp was pass and is fail now"},
		},
		{
			name:   "a scenario that failed, in a record without room for its cells, and passes now is better",
			before: aRecord(without(runner.MarkFail)), after: aRecord(nil),
			improvements: []string{"scenario conformance/udp was fail and is pass now"},
		},
		{
			name:   "a scenario that failed already in a record without room for its cells is no regression",
			before: aRecord(without(runner.MarkInconclusive)), after: aRecord(without(runner.MarkFail)),
		},
		{
			name:   "a scenario that fails is told by its cells where they are known",
			before: aRecord(nil), after: aRecord(func(r *Record) {
				fails("udp/2/a->b:81/UDP/IPv4", runner.MarkFail)(r)
				r.Scenarios[0].Mark = runner.MarkFail
			}),
			regressions: []string{"cell udp/2/a->b:81/UDP/IPv4 was pass and is fail now: the packet arrived"},
		},
		{
			name:   "a scenario that is no longer asked for is only different",
			before: aRecord(nil), after: aRecord(func(r *Record) { r.Scenarios = nil }),
			other: []string{"scenario conformance/udp was pass and is absent now"},
		},
		{
			name:   "enforcement that takes three times as long and above a second is a regression",
			before: aRecord(nil), after: aRecord(func(r *Record) { r.Latency.Deny.P95 = 2 * time.Second }),
			regressions: []string{"latency deny was 90ms (p95) and is 2s (p95) now"},
		},
		{
			name:   "three times a small latency is no regression",
			before: aRecord(nil), after: aRecord(func(r *Record) { r.Latency.Deny.P95 = 400 * time.Millisecond }),
		},
		{
			name: "what is better is no regression",
			before: aRecord(func(r *Record) {
				fails("udp/2/a->b:81/UDP/IPv4", runner.MarkFail)(r)
				r.Axes[0].Judgement, r.Latency.Deny.P95 = "not enforced", 9*time.Second
			}), after: aRecord(nil),
			improvements: []string{
				"axis udp was not enforced and is enforced now", "cell udp/2/a->b:81/UDP/IPv4 was fail and is pass now",
				"latency deny was 9s (p95) and is 90ms (p95) now",
			},
		},
		{name: "equal runs differ in nothing", before: aRecord(nil), after: aRecord(nil)},
	} {
		t.Run(test.name, func(t *testing.T) {
			diff := Compare(test.before, test.after, Options{})
			same(t, "regressions", diff.Regressions, test.regressions)
			same(t, "improvements", diff.Improvements, test.improvements)
			same(t, "other changes", diff.Other, test.other)
			if headline := diff.Headline(); (headline == "") != (len(test.regressions) == 0) {
				t.Errorf("headline %q for %d regressions", headline, len(test.regressions))
			}
		})
	}
}

func same(t *testing.T, what string, got []Change, want []string) {
	t.Helper()
	var texts []string
	for i := range got {
		texts = append(texts, got[i].String())
	}
	if strings.Join(texts, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s:\n%s\nwant:\n%s", what, strings.Join(texts, "\n"), strings.Join(want, "\n"))
	}
}
