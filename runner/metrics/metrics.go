// Package metrics turns the record of a run into metrics for Prometheus: as OpenMetrics text for node_exporter's textfile collector, or
// pushed to a Pushgateway.
//
// All metrics are gauges of the last run of a series. Their labels are bounded: by what the library and the run's scenarios have, by the
// closed sets of marks and judgements, and by [MaxNodes] and [MaxScenarios]. No label holds the id of a run, of a pod or of a cell.
package metrics

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/push"
	"github.com/prometheus/common/expfmt"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/history"
)

// MaxNodes and MaxScenarios bound what has metrics of its own: what has most failures. The rest is summed up as "other".
const (
	MaxNodes     = 200
	MaxScenarios = 200
)

const other = "other"

// Job is the Pushgateway's job under which runs are pushed; the series is the grouping key "series".
const Job = "podknock"

// marks are all marks, so that a count that has become zero is told as zero.
var marks = []runner.Mark{runner.MarkPass, runner.MarkFail, runner.MarkInconclusive, runner.MarkError, runner.MarkUnjudged}

// gather makes the metrics of a run with constant labels.
func gather(record *history.Record, diff *history.Diff, constant prometheus.Labels) (prometheus.Gatherer, error) {
	g := &gatherer{registry: prometheus.NewRegistry(), constant: constant}
	g.run(record)
	g.scenarios(record)
	g.nodes(record.Nodes)
	g.axes(record.Axes)
	g.latency(record.Latency)
	g.regressions(diff)
	if g.err != nil {
		return nil, fmt.Errorf("make metrics of run %q: %w", record.Run, g.err)
	}
	return g.registry, nil
}

// gatherer collects gauges, and the first error.
type gatherer struct {
	registry *prometheus.Registry
	constant prometheus.Labels
	err      error
}

// gauge registers a metric with variable labels.
func (g *gatherer) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "podknock", Name: name, Help: help, ConstLabels: g.constant}, labels)
	if err := g.registry.Register(gauge); err != nil && g.err == nil {
		g.err = err
	}
	return gauge
}

func (g *gatherer) set(name, help string, value float64) {
	g.gauge(name, help).WithLabelValues().Set(value)
}

func (g *gatherer) run(record *history.Record) {
	g.set("run_timestamp_seconds", "When the last run began, in seconds since 1970 UTC.", float64(record.Start.UnixMilli())/1000)
	g.set("run_duration_seconds", "How long the last run took, with its clean-up.", record.Elapsed.Seconds())
	g.set("run_exit_code", "The exit code of the last run: 0 as expected, 1 mismatch, 3 inconclusive, 4 left something behind.", float64(record.ExitCode))
	g.set("run_api_requests", "The calls of the Kubernetes API that the last run made.", float64(record.Requests))
	g.set("run_leftovers", "The objects that the last run could not remove.", float64(record.Leftovers))
	g.set("run_skipped_scenarios", "The scenarios that the last run did not run.", float64(len(record.Skipped)))
	cells := g.gauge("cells", "The cells of the last run by their mark.", "mark")
	setCounts(cells, record.Counts)
}

func setCounts(gauge *prometheus.GaugeVec, counts runner.Counts, labels ...string) {
	values := map[runner.Mark]int{
		runner.MarkPass: counts.Pass, runner.MarkFail: counts.Fail, runner.MarkInconclusive: counts.Inconclusive,
		runner.MarkError: counts.Error, runner.MarkUnjudged: counts.Unjudged,
	}
	for _, mark := range marks {
		gauge.WithLabelValues(append(slices.Clone(labels), string(mark))...).Set(float64(values[mark]))
	}
}

func (g *gatherer) scenarios(record *history.Record) {
	cells := g.gauge("scenario_cells", "The cells of a scenario by their mark.", "scenario", "mark")
	failed := g.gauge("scenario_error", "1 if the scenario could not go on to its end.", "scenario")
	sorted := slices.Clone(record.Scenarios)
	slices.SortStableFunc(sorted, func(a, b history.Scenario) int { return mostFailures(a.Counts, b.Counts) })
	var others runner.Counts
	ended := false
	for i, scenario := range sorted {
		if i < MaxScenarios {
			setCounts(cells, scenario.Counts, scenario.Name)
			failed.WithLabelValues(scenario.Name).Set(truth(scenario.Error != ""))
			continue
		}
		others, ended = others.Sum(scenario.Counts), ended || scenario.Error != ""
	}
	if len(sorted) > MaxScenarios {
		setCounts(cells, others, other)
		failed.WithLabelValues(other).Set(truth(ended))
	}
}

// mostFailures orders what has most failures first.
func mostFailures(a, b runner.Counts) int { return b.Fail + b.Error - a.Fail - a.Error }

func truth(value bool) float64 {
	if value {
		return 1
	}
	return 0
}

// nodes tells of at most MaxNodes nodes, those with most failures first.
func (g *gatherer) nodes(nodes []history.Node) {
	cells := g.gauge("node_cells", "The cells with an end on a node by their mark.", "node", "mark")
	sorted := slices.Clone(nodes)
	slices.SortStableFunc(sorted, func(a, b history.Node) int { return mostFailures(a.Counts, b.Counts) })
	var others runner.Counts
	for i, node := range sorted {
		if i < MaxNodes {
			setCounts(cells, node.Counts, node.Name)
			continue
		}
		others = others.Sum(node.Counts)
	}
	if len(sorted) > MaxNodes {
		setCounts(cells, others, other)
	}
}

func (g *gatherer) axes(axes []history.Axis) {
	states := g.gauge("axis", "1 for the judgement of an axis: enforced, not enforced, partly, not supported, undefined by the API or not tested.",
		"axis", "judgement")
	accused := g.gauge("axis_accused", "1 for an axis that the last run accuses: it explains why others fail.", "axis")
	for _, axis := range axes {
		states.WithLabelValues(axis.Name, axis.Judgement).Set(1)
		accused.WithLabelValues(axis.Name).Set(truth(axis.Accused))
	}
}

func (g *gatherer) latency(latency history.Latency) {
	seconds := g.gauge("enforcement_latency_seconds", "The time from a change of policies to its first effect.", "verdict", "quantile")
	for verdict, figures := range map[string]history.Figures{"allow": latency.Allow, "deny": latency.Deny} {
		if figures.Samples == 0 {
			continue
		}
		seconds.WithLabelValues(verdict, "0.5").Set(figures.P50.Seconds())
		seconds.WithLabelValues(verdict, "0.95").Set(figures.P95.Seconds())
		seconds.WithLabelValues(verdict, "1").Set(figures.Max.Seconds())
	}
}

// regressions tells of every kind, so that one that is gone is told as zero.
func (g *gatherer) regressions(diff *history.Diff) {
	if diff == nil {
		return
	}
	gauge := g.gauge("regressions", "What is worse than in the run before, by kind.", "kind")
	for _, kind := range history.ChangeKinds() {
		gauge.WithLabelValues(string(kind)).Set(0)
	}
	for _, change := range diff.Regressions {
		gauge.WithLabelValues(string(change.Kind)).Inc()
	}
}

// Text renders the metrics of a run as OpenMetrics text 1.0. The diff is that against the run before; nil if there was none.
func Text(record *history.Record, diff *history.Diff) ([]byte, error) {
	gatherer, err := gather(record, diff, prometheus.Labels{"series": record.Series})
	if err != nil {
		return nil, err
	}
	families, err := gatherer.Gather()
	if err != nil {
		return nil, fmt.Errorf("gather metrics: %w", err)
	}
	var text bytes.Buffer
	encoder := expfmt.NewEncoder(&text, expfmt.NewFormat(expfmt.TypeOpenMetrics))
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return nil, fmt.Errorf("render metric %q: %w", family.GetName(), err)
		}
	}
	if closer, ok := encoder.(expfmt.Closer); ok {
		if err := closer.Close(); err != nil {
			return nil, fmt.Errorf("render metrics: %w", err)
		}
	}
	return text.Bytes(), nil
}

// WriteFile writes the metrics of a run, as [Text] renders them, for node_exporter's textfile collector, which reads files with the ending
// .prom. The file appears whole or not at all.
func WriteFile(path string, record *history.Record, diff *history.Diff) error {
	if filepath.Ext(path) != ".prom" {
		return fmt.Errorf("write metrics to %q: the textfile collector reads names that end in .prom only", path)
	}
	text, err := Text(record, diff)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".podknock-*")
	if err != nil {
		return fmt.Errorf("write metrics to %q: %w", path, err)
	}
	_, err = file.Write(text)
	for _, step := range []func() error{func() error { return file.Chmod(0o644) }, file.Close, func() error { return os.Rename(file.Name(), path) }} {
		if err == nil {
			err = step()
		}
	}
	if err != nil {
		file.Close()
		os.Remove(file.Name())
		return fmt.Errorf("write metrics to %q: %w", path, err)
	}
	return nil
}

// Push replaces what a Pushgateway has of the series with the metrics of a run.
func Push(ctx context.Context, url string, record *history.Record, diff *history.Diff) error {
	if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		return fmt.Errorf("push metrics to %q: write the address as http://HOST:PORT or https://HOST:PORT", url)
	}
	// The series is the grouping key, which the gateway adds as a label by itself.
	gatherer, err := gather(record, diff, nil)
	if err != nil {
		return err
	}
	if err := push.New(url, Job).Grouping("series", record.Series).Gatherer(gatherer).PushContext(ctx); err != nil {
		return fmt.Errorf("push metrics to %q: %w", url, err)
	}
	return nil
}
