package metrics

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/history"
)

var update = flag.Bool("update", false, "write the golden files")

// aNight is a run with one of everything.
func aNight() *history.Record {
	return &history.Record{
		Series: "nightly", Run: "rsecret123", Start: time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC), Elapsed: 42 * time.Second, ExitCode: 1,
		Counts: runner.Counts{Pass: 10, Fail: 2, Unjudged: 1}, Requests: 530, Skipped: []string{"guides/egress-external-api"},
		Latency:   history.Latency{Deny: history.Figures{Samples: 3, P50: 50 * time.Millisecond, P95: 90 * time.Millisecond, Max: 120 * time.Millisecond}},
		Scenarios: []history.Scenario{{Name: "conformance/udp", Mark: runner.MarkFail, Counts: runner.Counts{Pass: 10, Fail: 2}}},
		Nodes:     []history.Node{{Name: "node1", Counts: runner.Counts{Pass: 10, Fail: 2}}},
		Axes:      []history.Axis{{Name: "udp", Judgement: "not enforced", Accused: true}, {Name: "ingress", Judgement: "enforced"}},
	}
}

func TestText(t *testing.T) {
	diff := &history.Diff{Regressions: []history.Change{{Kind: history.ChangeAxis}, {Kind: history.ChangeCell}, {Kind: history.ChangeCell}}}
	text, err := Text(aNight(), diff)
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "night.prom")
	if *update {
		if err := os.WriteFile(golden, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, want) {
		t.Errorf("got:\n%s\nwant:\n%s", text, want)
	}
	if bytes.Contains(text, []byte("rsecret123")) {
		t.Error("the id of the run is in the metrics: every run would add time series")
	}
	if !bytes.HasSuffix(text, []byte("# EOF\n")) {
		t.Error("OpenMetrics text has to end in # EOF")
	}
}

func TestTheReadmeNamesEveryMetricAndNoOther(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "night.prom"))
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	written := regexp.MustCompile(`(?m)^# HELP (\w+)`).FindAllSubmatch(text, -1)
	named := regexp.MustCompile("(?m)^\\| `(podknock_\\w+)` ").FindAllSubmatch(readme, -1)
	names := func(found [][][]byte) []string {
		var all []string
		for _, one := range found {
			all = append(all, string(one[1]))
		}
		slices.Sort(all)
		return all
	}
	if got, want := names(named), names(written); !slices.Equal(got, want) {
		t.Errorf("README.md names %v, and podknock writes %v", got, want)
	}
}

// The collector of node_exporter reads the older text format.
func TestTheTextfileCollectorCanReadTheText(t *testing.T) {
	text, err := Text(aNight(), nil)
	if err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := families["podknock_run_exit_code"].GetMetric()[0].GetGauge().GetValue(); got != 1 {
		t.Errorf("the exit code reads %v, want 1", got)
	}
}

func TestScenariosAreBounded(t *testing.T) {
	record := aNight()
	for i := range 5000 {
		record.Scenarios = append(record.Scenarios, history.Scenario{Name: fmt.Sprintf("shop-policy%d", i), Counts: runner.Counts{Pass: 1}})
	}
	record.Scenarios = append(record.Scenarios, history.Scenario{Name: "broken", Error: "no stream", Counts: runner.Counts{Error: 9}})
	record.Scenarios[4000].Error = "no node"
	text, err := Text(record, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := bytes.Count(text, []byte("podknock_scenario_cells{")); got != (MaxScenarios+1)*len(marks) {
		t.Errorf("%d time series of scenarios, want %d", got, (MaxScenarios+1)*len(marks))
	}
	for _, want := range []string{
		`podknock_scenario_cells{mark="error",scenario="broken",series="nightly"} 9.0`, `podknock_scenario_cells{mark="pass",scenario="other",series="nightly"} 4802.0`,
		`podknock_scenario_error{scenario="other",series="nightly"} 1.0`,
	} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestNodesAreBounded(t *testing.T) {
	record := aNight()
	for i := range 5000 {
		record.Nodes = append(record.Nodes, history.Node{Name: fmt.Sprintf("many%d", i), Counts: runner.Counts{Pass: 1}})
	}
	record.Nodes = append(record.Nodes, history.Node{Name: "broken", Counts: runner.Counts{Fail: 9}})
	text, err := Text(record, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := bytes.Count(text, []byte("podknock_node_cells{")); got != (MaxNodes+1)*len(marks) {
		t.Errorf("%d time series of nodes, want %d", got, (MaxNodes+1)*len(marks))
	}
	for _, want := range []string{`podknock_node_cells{mark="fail",node="broken",series="nightly"} 9.0`, `node="other"`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestWriteFileRefuses(t *testing.T) {
	for _, test := range []struct{ name, path, want string }{
		{"a name that the collector would not read", filepath.Join(t.TempDir(), "podknock.txt"), "names that end in .prom only"},
		{"a directory that is not there", filepath.Join(t.TempDir(), "nowhere", "podknock.prom"), "no such file or directory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := WriteFile(test.path, aNight(), nil); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestWriteFileLeavesNothingButTheFile(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "podknock.prom")
	for range 2 {
		if err := WriteFile(path, aNight(), nil); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != "podknock.prom" {
		t.Errorf("the directory holds %v", entries)
	}
}

func TestPush(t *testing.T) {
	var path, method string
	var body []byte
	status := http.StatusOK
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, method = r.URL.Path, r.Method
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(status)
	}))
	defer gateway.Close()

	if err := Push(context.Background(), "gateway:9091", aNight(), nil); err == nil || !strings.Contains(err.Error(), "write the address as http://") {
		t.Errorf("an address without a scheme: %v", err)
	}
	status = http.StatusBadRequest
	if err := Push(context.Background(), gateway.URL, aNight(), nil); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("a gateway that refuses: %v", err)
	}
	status = http.StatusOK
	if err := Push(context.Background(), gateway.URL, aNight(), nil); err != nil {
		t.Fatal(err)
	}
	if method != http.MethodPut || path != "/metrics/job/podknock/series/nightly" {
		t.Errorf("%s %s, want PUT /metrics/job/podknock/series/nightly", method, path)
	}
	if len(body) == 0 {
		t.Error("nothing was pushed")
	}
}
