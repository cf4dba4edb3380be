package alerts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"go.yaml.in/yaml/v4"
)

const (
	rulesFile = "podknock.rules.yaml"
	testFile  = "podknock.test.yaml"
	// nightFile is what podknock writes, a golden file of its own tests.
	nightFile = "../testdata/night.prom"
)

// suite is a file for `promtool test rules`, as far as this one uses the format.
type suite struct {
	RuleFiles          []string       `yaml:"rule_files"`
	EvaluationInterval model.Duration `yaml:"evaluation_interval"`
	Tests              []ruleTest
}

type ruleTest struct {
	Name        string
	Interval    model.Duration
	InputSeries []struct{ Series, Values string } `yaml:"input_series"`
	AlertTests  []alertTest                       `yaml:"alert_rule_test"`
}

type alertTest struct {
	At     model.Duration `yaml:"eval_time"`
	Name   string         `yaml:"alertname"`
	Alerts []firing       `yaml:"exp_alerts"`
}

// firing is an alert that fires, without its name.
type firing struct {
	Labels      map[string]string `yaml:"exp_labels"`
	Annotations map[string]string `yaml:"exp_annotations"`
}

func readSuite(t *testing.T) suite {
	t.Helper()
	text, err := os.ReadFile(testFile)
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var s suite
	if err := decoder.Decode(&s); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.RuleFiles, []string{rulesFile}) || len(s.Tests) == 0 {
		t.Fatalf("%s tests %v, not %s", testFile, s.RuleFiles, rulesFile)
	}
	return s
}

func TestAlerts(t *testing.T) {
	s := readSuite(t)
	fired := map[string]bool{}
	for _, test := range s.Tests {
		t.Run(test.Name, func(t *testing.T) { test.run(t, time.Duration(s.EvaluationInterval), fired) })
	}
	for name := range rulesByName(t) {
		if !fired[name] {
			t.Errorf("no test has %s fire", name)
		}
	}
}

// run evaluates the rules at every interval and compares what fires at the times that are asked for.
func (r *ruleTest) run(t *testing.T, every time.Duration, fired map[string]bool) {
	input := fmt.Sprintf("load %s\n", r.Interval)
	for _, series := range r.InputSeries {
		input += fmt.Sprintf("  %s %s\n", series.Series, series.Values)
	}
	loader, err := promqltest.NewLazyLoader(input, promqltest.LazyLoaderOpts{EnableAtModifier: true, EnableNegativeOffset: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := loader.Close(); err != nil {
			t.Error(err)
		}
	}()
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc: rules.EngineQueryFunc(loader.QueryEngine(), loader.Storage()), Appendable: loader.Storage(), Queryable: loader.Storage(),
		Context: t.Context(), NotifyFunc: func(context.Context, string, ...*rules.Alert) {}, Logger: slog.New(slog.DiscardHandler),
		ExternalURL: &url.URL{}, Parser: parser.NewParser(parser.Options{}),
	})
	groups, errs := manager.LoadGroups(every, labels.EmptyLabels(), "", nil, false, rulesFile)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	last := time.Duration(0)
	for _, test := range r.AlertTests {
		last = max(last, time.Duration(test.At))
	}
	for at := time.Duration(0); at <= last; at += every {
		now := time.Unix(0, 0).UTC().Add(at)
		loader.WithSamplesTill(now, func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		})
		firing := map[string][]string{}
		for _, group := range groups {
			group.Eval(t.Context(), now)
			for _, rule := range group.AlertingRules() {
				for _, alert := range rule.ActiveAlerts() {
					if alert.State == rules.StateFiring {
						firing[rule.Name()] = append(firing[rule.Name()], spell(alert.Labels.Map(), alert.Annotations.Map()))
					}
				}
			}
		}
		for _, test := range r.AlertTests {
			if time.Duration(test.At) == at {
				test.compare(t, firing[test.Name], fired)
			}
		}
	}
}

func (a *alertTest) compare(t *testing.T, got []string, fired map[string]bool) {
	t.Helper()
	var want []string
	for _, alert := range a.Alerts {
		want = append(want, spell(alert.Labels, alert.Annotations))
		fired[a.Name] = true
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s after %s:\n got %s\nwant %s", a.Name, a.At, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// spell writes an alert in one way.
func spell(labels, annotations map[string]string) string {
	labels = maps.Clone(labels)
	delete(labels, model.AlertNameLabel)
	return fmt.Sprintf("%v %v", labels, annotations)
}

// rulesByName are the expressions of the rules.
func rulesByName(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			found[rule.Alert] = rule.Expr
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s has no rule", rulesFile)
	}
	return found
}

// An alert on a metric that podknock does not write would never fire, and nobody would notice.
func TestPodknockWritesWhatTheRulesRead(t *testing.T) {
	night, err := os.ReadFile(nightFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, expr := range rulesByName(t) {
		metrics := regexp.MustCompile(`podknock_\w+`).FindAllString(expr, -1)
		if len(metrics) == 0 {
			t.Errorf("%s reads no metric of podknock", name)
		}
		for _, metric := range metrics {
			if !bytes.Contains(night, []byte("\n"+metric+"{")) {
				t.Errorf("%s reads %s, which podknock does not write", name, metric)
			}
		}
	}
}
