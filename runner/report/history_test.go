package report

import (
	"bytes"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/history"
)

func TestKeptRuns(t *testing.T) {
	g := NewWithT(t)
	var text bytes.Buffer
	g.Expect(KeptRuns(&text, nil)).To(Succeed())
	g.Expect(text.String()).To(Equal("no run was kept\n"))

	text.Reset()
	start := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	g.Expect(KeptRuns(&text, []KeptRun{
		{Series: "nightly", Run: "rb", Start: start.Add(24 * time.Hour), Result: "mismatch", Headline: "cell x was pass and is fail now\x1b[2J"},
		{Series: "nightly", Run: "ra", Start: start, Result: "as expected"},
	})).To(Succeed())
	g.Expect(text.String()).To(Equal(`SERIES   RUN  START                 RESULT       HEADLINE
nightly  rb   2026-03-02T02:00:00Z  mismatch     cell x was pass and is fail now\x1b[2J
nightly  ra   2026-03-01T02:00:00Z  as expected  -
`))
}

func TestRecord(t *testing.T) {
	g := NewWithT(t)
	var text bytes.Buffer
	g.Expect(Record(&text, &history.Record{
		Series: "nightly", Run: "rb", Start: time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC), Elapsed: 42 * time.Second, Server: "v1.36.3",
		Headline: "cell x was pass and is fail now", Counts: runner.Counts{Pass: 3, Fail: 1},
		Latency:   history.Latency{Deny: history.Figures{Samples: 2, P50: 50 * time.Millisecond, P95: 90 * time.Millisecond, Max: 90 * time.Millisecond}},
		Scenarios: []history.Scenario{{Name: "guides/late", Error: "deploy: exceeded quota"}},
		Others:    []history.Cell{{ID: "x", Mark: runner.MarkFail, Why: "expected blocked, but the packet arrived", Repeat: "podknock run x"}},
		Shortened: "the evidence of all cells",
	})).To(Succeed())
	g.Expect(text.String()).To(Equal(`run rb of series nightly, 2026-03-01T02:00:00Z, took 42.0 s, Kubernetes v1.36.3
cell x was pass and is fail now
4 cells: 1 fail, 3 pass
enforcement latency: deny p50 50 ms, p95 90 ms, max 90 ms (2 samples)
scenario guides/late could not go on: deploy: exceeded quota

fail x
  why     expected blocked, but the packet arrived
  repeat  podknock run x

left out, for the record to fit: the evidence of all cells
`))
}

func TestDiff(t *testing.T) {
	g := NewWithT(t)
	day := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	diff := &history.Diff{Old: "ra", OldStart: day, New: "rb", NewStart: day.Add(24 * time.Hour)}
	var text bytes.Buffer
	g.Expect(Diff(&text, diff)).To(Succeed())
	g.Expect(text.String()).To(HaveSuffix("\nnothing differs\n"))

	diff.Regressions = []history.Change{{Kind: history.ChangeCell, Subject: "x", Was: "pass", Is: "fail", Why: "the packet arrived"}}
	diff.Other = []history.Change{{Kind: history.ChangeNode, Subject: "node3", Is: "tested"}}
	text.Reset()
	g.Expect(Diff(&text, diff)).To(Succeed())
	g.Expect(text.String()).To(Equal(`run rb (2026-03-02T02:00:00Z) against run ra (2026-03-01T02:00:00Z)

worse (1)
  cell x was pass and is fail now: the packet arrived

different (1)
  node node3 was absent and is tested now
`))
}
