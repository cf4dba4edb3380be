package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/podknock/podknock/runner/history"
)

// KeptRun is a line in a list of runs.
type KeptRun struct {
	Series   string    `json:"series"`
	Run      string    `json:"run"`
	Start    time.Time `json:"start"`
	Result   string    `json:"result"`
	Headline string    `json:"headline,omitempty"`
}

// KeptRuns renders a list of runs as a table.
func KeptRuns(w io.Writer, runs []KeptRun) error {
	if len(runs) == 0 {
		_, err := fmt.Fprintln(w, "no run was kept")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SERIES\tRUN\tSTART\tRESULT\tHEADLINE")
	for _, run := range runs {
		headline := clean(run.Headline)
		if headline == "" {
			headline = "-"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", clean(run.Series), clean(run.Run), run.Start.UTC().Format(time.RFC3339), clean(run.Result), headline)
	}
	return table.Flush()
}

// Record renders what was kept of a run.
func Record(w io.Writer, r *history.Record) error {
	var text strings.Builder
	fmt.Fprintf(&text, "run %s of series %s, %s, took %s", clean(r.Run), clean(r.Series), r.Start.UTC().Format(time.RFC3339), brief(r.Elapsed))
	if r.Server != "" {
		fmt.Fprintf(&text, ", Kubernetes %s", clean(r.Server))
	}
	fmt.Fprintf(&text, "\n")
	if r.Headline != "" {
		fmt.Fprintf(&text, "%s\n", clean(r.Headline))
	}
	if r.Error != "" {
		fmt.Fprintf(&text, "the run ended early: %s\n", strings.Join(cleanLines(r.Error), "; "))
	}
	fmt.Fprintf(&text, "%s: %s\n", count(r.Counts.Total(), "cell"), tally(r.Counts))
	for _, direction := range []struct {
		word    string
		figures history.Figures
	}{{"deny", r.Latency.Deny}, {"allow", r.Latency.Allow}} {
		if f := direction.figures; f.Samples > 0 {
			fmt.Fprintf(&text, "enforcement latency: %s p50 %s, p95 %s, max %s (%s)\n",
				direction.word, brief(f.P50), brief(f.P95), brief(f.Max), count(f.Samples, "sample"))
		}
	}
	for _, axis := range r.Axes {
		if axis.Why != "" {
			fmt.Fprintf(&text, "axis %s: %s: %s\n", clean(axis.Name), clean(axis.Judgement), clean(axis.Why))
		}
	}
	for _, scenario := range r.Scenarios {
		if scenario.Error != "" {
			fmt.Fprintf(&text, "scenario %s could not go on: %s\n", clean(scenario.Name), clean(scenario.Error))
		}
	}
	for _, cell := range r.Others {
		fmt.Fprintf(&text, "\n%s %s\n", cell.Mark, clean(cell.ID))
		for _, line := range []struct{ word, text string }{{"why", cell.Why}, {"repeat", cell.Repeat}} {
			if line.text != "" {
				fmt.Fprintf(&text, "  %-7s %s\n", line.word, clean(line.text))
			}
		}
	}
	if r.Shortened != "" {
		fmt.Fprintf(&text, "\nleft out, for the record to fit: %s\n", clean(r.Shortened))
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// Diff renders what differs between two runs, what is worse first.
func Diff(w io.Writer, d *history.Diff) error {
	var text strings.Builder
	fmt.Fprintf(&text, "run %s (%s) against run %s (%s)\n",
		clean(d.New), d.NewStart.UTC().Format(time.RFC3339), clean(d.Old), d.OldStart.UTC().Format(time.RFC3339))
	for _, part := range []struct {
		title   string
		changes []history.Change
	}{{"worse", d.Regressions}, {"better", d.Improvements}, {"different", d.Other}} {
		if len(part.changes) == 0 {
			continue
		}
		fmt.Fprintf(&text, "\n%s (%d)\n", part.title, len(part.changes))
		for i := range part.changes {
			fmt.Fprintf(&text, "  %s\n", clean(part.changes[i].String()))
		}
	}
	if len(d.Regressions)+len(d.Improvements)+len(d.Other) == 0 {
		text.WriteString("\nnothing differs\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}
