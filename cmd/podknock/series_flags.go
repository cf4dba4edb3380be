package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/cluster/series"
	"github.com/podknock/podknock/runner/history"
	"github.com/podknock/podknock/runner/metrics"
)

// seriesFlags make a run one of a series: it keeps a record, compares it with the one before, and tells of what is worse.
type seriesFlags struct {
	series, records   string
	keep              int
	push, metricsFile string
}

// defaultKeep is how many records of a series are kept.
const defaultKeep = 30

func addSeriesFlags(command *cobra.Command) *seriesFlags {
	flags := &seriesFlags{}
	set := command.Flags()
	set.StringVar(&flags.series, "series", "", "keep a record of this run in the cluster and compare it with the last one of the series of this name")
	set.StringVar(&flags.records, "records", resultsNamespace, "namespace for the records of --series")
	set.IntVar(&flags.keep, "keep-records", defaultKeep, "how many records of the series to keep")
	set.StringVar(&flags.push, "push", "", "address of a Prometheus Pushgateway for the metrics of the run, http://HOST:PORT")
	set.StringVar(&flags.metricsFile, "metrics-file", "", "file for the metrics of the run, NAME.prom, for node_exporter's textfile collector")
	return flags
}

func (f *seriesFlags) check() error {
	if f.series == "" && (f.push != "" || f.metricsFile != "") {
		return errors.New("--push and --metrics-file: name the series of runs with --series too, which is a label of the metrics")
	}
	if f.series != "" {
		if err := series.ValidateSeries(f.series); err != nil {
			return fmt.Errorf("--series: %w", err)
		}
	}
	if f.keep < 1 {
		return fmt.Errorf("--keep-records %d: keep at least 1", f.keep)
	}
	return nil
}

// seriesTurn is the turn of one run in its series. That of a run without a series is nil.
type seriesTurn struct {
	*seriesFlags
	// client is nil for a run that did not get its turn: it keeps no record, and tells of its failure where it needs no cluster.
	client  kubernetes.Interface
	release func()
}

// without is the turn of a run that did not get one.
func (f *seriesFlags) without() *seriesTurn {
	if f.series == "" {
		return nil
	}
	return &seriesTurn{seriesFlags: f, release: func() {}}
}

// begin waits for the turn of a run and keeps other runs of the series away until its end. The context ends with the turn.
func (f *seriesFlags) begin(ctx context.Context, config *rest.Config, run string) (context.Context, *seriesTurn, error) {
	if f.series == "" {
		return ctx, nil, nil
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return ctx, f.without(), fmt.Errorf("connect to the cluster: %w", err)
	}
	holder := run
	if host, err := os.Hostname(); err == nil {
		holder += " on " + host
	}
	held, release, err := series.Hold(ctx, series.LeaseOptions{Client: client, Namespace: f.records, Series: f.series, Holder: holder})
	if err != nil {
		return ctx, f.without(), err
	}
	return held, &seriesTurn{seriesFlags: f, client: client, release: release}, nil
}

// end lets the next run of the series begin.
func (t *seriesTurn) end() {
	if t != nil {
		t.release()
	}
}

// keepTimeout bounds the keeping of a record, which has to work although the run itself has ended, by a signal perhaps. Metrics have as much
// again, since they need no API server.
const keepTimeout = time.Minute

// conclude keeps the record of a run and tells what is worse than in the run before. It returns the exit code: that of the run, or 1 if that
// was 0 and something is worse, or 3 if the record could not be kept. What it cannot do, it says.
func (t *seriesTurn) conclude(ctx context.Context, record *history.Record, says io.Writer) int {
	if t == nil {
		return record.ExitCode
	}
	ctx = context.WithoutCancel(ctx)
	code := record.ExitCode
	failed := func(errs []error) {
		for _, err := range errs {
			fmt.Fprintf(says, "podknock: %v\n", err)
		}
		if len(errs) > 0 && code == exitOK {
			code = runner.ExitInconclusive
		}
	}
	var diff *history.Diff
	if t.client != nil {
		var errs []error
		diff, errs = t.remember(ctx, record)
		if code == exitOK && record.Regressions > 0 {
			code = runner.ExitMismatch
		}
		failed(errs)
	}
	told := code
	failed(t.measure(ctx, record, diff, code))
	if code != told {
		// One of the two did not work, which the other has to say.
		t.measure(ctx, record, diff, code)
	}
	t.lastLine(says, record, diff, code)
	return code
}

// remember compares a run with the one before, keeps its record and creates the Event.
func (t *seriesTurn) remember(ctx context.Context, record *history.Record) (diff *history.Diff, errs []error) {
	ctx, cancel := context.WithTimeoutCause(ctx, keepTimeout, fmt.Errorf("it took longer than %s", keepTimeout))
	defer cancel()
	store := &series.Store{Client: t.client, Namespace: t.records, Series: t.series, Insist: true}
	diff, err := t.compare(ctx, store, record)
	if err != nil {
		errs = append(errs, err)
	}
	record.Headline = cmp.Or(record.Headline, record.Error)
	if diff != nil && len(diff.Regressions) > 0 {
		record.Headline, record.Regressions = diff.Headline(), len(diff.Regressions)
	}
	if err := store.Put(ctx, record); err != nil {
		errs = append(errs, err)
	} else if _, err := store.Prune(ctx, t.keep); err != nil {
		errs = append(errs, err)
	}
	reason, message := series.ReasonNotAsExpected, cmp.Or(record.Headline, series.Result(record))
	switch {
	case record.Regressions > 0:
		reason = series.ReasonRegression
	case record.ExitCode == exitOK && len(errs) == 0:
		return diff, nil
	}
	if err := series.Tell(ctx, t.client, t.records, record, reason, message); err != nil {
		errs = append(errs, err)
	}
	return diff, errs
}

// compare is what differs from the newest record that can be read; nil if there is none. A run that tested something is compared with the newest
// that did too: one that failed before it began would hide what is worse than in the nights before it.
func (f *seriesFlags) compare(ctx context.Context, store *series.Store, record *history.Record) (*history.Diff, error) {
	kept, err := store.List(ctx)
	if err != nil {
		return nil, err
	}
	var newest *history.Record
	for i := range kept {
		before, err := kept[i].Record()
		if err != nil {
			return nil, err
		}
		if newest == nil {
			newest = before
		}
		if before.Tested() || !record.Tested() {
			newest = before
			break
		}
	}
	if newest == nil {
		return nil, nil
	}
	return history.Compare(newest, record, history.Options{}), nil
}

// measure hands the metrics out, with the exit code that the job ends with.
func (f *seriesFlags) measure(ctx context.Context, record *history.Record, diff *history.Diff, code int) (errs []error) {
	ctx, cancel := context.WithTimeoutCause(ctx, keepTimeout, fmt.Errorf("it took longer than %s", keepTimeout))
	defer cancel()
	ended := *record
	ended.ExitCode = code
	if f.metricsFile != "" {
		if err := metrics.WriteFile(f.metricsFile, &ended, diff); err != nil {
			errs = append(errs, err)
		}
	}
	if f.push != "" {
		if err := metrics.Push(ctx, f.push, &ended, diff); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// lastLine is the gist of a run for whoever reads logs by machine.
type lastLine struct {
	Series      string        `json:"series"`
	Run         string        `json:"run"`
	Start       time.Time     `json:"start"`
	Elapsed     time.Duration `json:"elapsedNs"`
	ExitCode    int           `json:"exitCode"`
	Headline    string        `json:"headline,omitempty"`
	Error       string        `json:"error,omitempty"`
	Counts      runner.Counts `json:"counts"`
	Regressions int           `json:"regressions"`
}

// lastLine writes the gist as one line of JSON, the last of the log.
func (f *seriesFlags) lastLine(says io.Writer, record *history.Record, diff *history.Diff, code int) {
	line := lastLine{
		Series: record.Series, Run: record.Run, Start: record.Start, Elapsed: record.Elapsed, ExitCode: code, Headline: record.Headline,
		Error: record.Error, Counts: record.Counts,
	}
	if diff != nil {
		line.Regressions = len(diff.Regressions)
	}
	// These types always marshal, and who reads the log has gone if it cannot be written.
	_ = json.NewEncoder(says).Encode(line)
}
