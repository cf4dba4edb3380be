package main

import (
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

// seriesTurn is the turn of one run in its series. That of a run without a series, or of one that did not get its turn, is nil.
type seriesTurn struct {
	*seriesFlags
	client  kubernetes.Interface
	release func()
}

// begin waits for the turn of a run and keeps other runs of the series away until its end. The context ends with the turn.
func (f *seriesFlags) begin(ctx context.Context, config *rest.Config, run string) (context.Context, *seriesTurn, error) {
	if f.series == "" {
		return ctx, nil, nil
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return ctx, nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	holder := run
	if host, err := os.Hostname(); err == nil {
		holder += " on " + host
	}
	held, release, err := series.Hold(ctx, series.LeaseOptions{Client: client, Namespace: f.records, Series: f.series, Holder: holder})
	if err != nil {
		return ctx, nil, err
	}
	return held, &seriesTurn{seriesFlags: f, client: client, release: release}, nil
}

// end lets the next run of the series begin.
func (t *seriesTurn) end() {
	if t != nil {
		t.release()
	}
}

// keepTimeout bounds the keeping of a record, which has to work although the run itself has ended, by a signal perhaps.
const keepTimeout = time.Minute

// conclude keeps the record of a run and tells what is worse than in the run before. It returns the exit code: that of the run, or 1 if that
// was 0 and something is worse, or 3 if the record could not be kept. What it cannot do, it says.
func (t *seriesTurn) conclude(ctx context.Context, record *history.Record, says io.Writer) int {
	if t == nil {
		return record.ExitCode
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), keepTimeout, fmt.Errorf("it took longer than %s", keepTimeout))
	defer cancel()
	code := record.ExitCode
	failed := func(err error) {
		fmt.Fprintf(says, "podknock: %v\n", err)
		if code == exitOK {
			code = runner.ExitInconclusive
		}
	}
	store := &series.Store{Client: t.client, Namespace: t.records, Series: t.series, Insist: true}
	diff, err := t.compare(ctx, store, record)
	if err != nil {
		failed(err)
	}
	worse := diff != nil && len(diff.Regressions) > 0
	if worse {
		record.Headline = diff.Headline()
		if code == exitOK {
			code = runner.ExitMismatch
		}
	}
	if err := store.Put(ctx, record); err != nil {
		failed(err)
	} else if _, err := store.Prune(ctx, t.keep); err != nil {
		failed(err)
	}
	if worse {
		if err := series.Tell(ctx, t.client, t.records, record, series.ReasonRegression, record.Headline); err != nil {
			failed(err)
		}
	} else if code != exitOK {
		message := record.Headline
		if message == "" {
			message = series.Result(record)
		}
		if err := series.Tell(ctx, t.client, t.records, record, series.ReasonNotAsExpected, message); err != nil {
			failed(err)
		}
	}
	for _, err := range t.measure(ctx, record, diff) {
		failed(err)
	}
	t.lastLine(says, record, diff, code)
	return code
}

// compare is what differs from the newest record that can be read; nil if there is none.
func (f *seriesFlags) compare(ctx context.Context, store *series.Store, record *history.Record) (*history.Diff, error) {
	kept, err := store.List(ctx)
	if err != nil {
		return nil, err
	}
	if len(kept) == 0 {
		return nil, nil
	}
	before, err := kept[0].Record()
	if err != nil {
		return nil, err
	}
	return history.Compare(before, record, history.Options{}), nil
}

// measure hands the metrics out.
func (f *seriesFlags) measure(ctx context.Context, record *history.Record, diff *history.Diff) (errs []error) {
	if f.metricsFile != "" {
		if err := metrics.WriteFile(f.metricsFile, record, diff); err != nil {
			errs = append(errs, err)
		}
	}
	if f.push != "" {
		if err := metrics.Push(ctx, f.push, record, diff); err != nil {
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
