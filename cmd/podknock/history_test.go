package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/cluster/series"
	"github.com/podknock/podknock/runner/history"
)

// keptNight is a record of the series nightly.
func keptNight(day int, change func(*history.Record)) *history.Record {
	record := &history.Record{
		APIVersion: history.APIVersion, Kind: history.Kind, Series: "nightly", Run: "rnight" + string(rune('0'+day)),
		Start: time.Date(2026, 3, day, 2, 17, 0, 0, time.UTC), Elapsed: 42 * time.Second, Counts: runner.Counts{Pass: 2},
		Scenarios: []history.Scenario{{Name: "conformance/udp", Mark: runner.MarkPass}},
		Axes:      []history.Axis{{Name: "udp", Judgement: "enforced"}}, Passed: []string{"udp/1/a->b", "udp/2/a->b"},
	}
	if change != nil {
		change(record)
	}
	return record
}

// brokenNight is the one in which UDP is let through.
func brokenNight(day int) *history.Record {
	return keptNight(day, func(r *history.Record) {
		r.ExitCode, r.Counts, r.Passed = runner.ExitMismatch, runner.Counts{Pass: 1, Fail: 1}, r.Passed[:1]
		r.Headline = "axis udp is not enforced: the engine ignores UDP."
		r.Axes = []history.Axis{{Name: "udp", Judgement: "not enforced", Why: "the engine ignores UDP.", Accused: true}}
		r.Others = []history.Cell{{ID: "udp/2/a->b", Mark: runner.MarkFail, Expected: "blocked", Observed: "connected", Why: "it arrived"}}
	})
}

// serveRecords is the address of an API server that has these records and nothing else.
func serveRecords(t *testing.T, records ...*history.Record) string {
	t.Helper()
	g := NewWithT(t)
	client := fake.NewClientset()
	for _, record := range records {
		g.Expect((&series.Store{Client: client, Namespace: resultsNamespace, Series: record.Series}).Put(t.Context(), record)).To(Succeed())
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		namespace, ok := strings.CutPrefix(r.URL.Path, "/api/v1/namespaces/")
		namespace, configMaps := strings.CutSuffix(namespace, "/configmaps")
		if !ok || !configMaps || r.Method != http.MethodGet {
			http.NotFound(w, r)
			return
		}
		list, err := client.CoreV1().ConfigMaps(namespace).List(r.Context(), metav1.ListOptions{LabelSelector: r.URL.Query().Get("labelSelector")})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		list.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMapList"}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(list) // to a client that may have gone
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestHistoryFindsNoRun(t *testing.T) {
	server := serveRecords(t, keptNight(1, nil), keptNight(2, nil), keptNight(3, func(r *history.Record) { r.Series, r.Run = "hourly", "rhour1" }))
	for _, row := range []struct {
		name string
		line []string
		code int
		want string
	}{
		{"that has no such id", []string{"show", "rother"}, exitUsage, `run "rother" was not kept in namespace "podknock": see ` + "`podknock history`"},
		{"by a beginning that several ids have", []string{"show", "rnight"}, exitUsage, `run "rnight": 2 kept runs begin so: write the id whole`},
		{"in a namespace without records", []string{"show", "-n", "elsewhere"}, exitUsage, `show the newest run: none was kept in namespace "elsewhere"`},
		{"to compare one with", []string{"diff", "rnight1"}, exitUsage, `diff "rnight1": name two runs`},
		{"to compare the only one of a series with", []string{"diff", "--series", "hourly"}, exitUsage, `namespace "podknock" has not two of one series`},
		{"where no cluster answers", []string{"--server", "http://127.0.0.1:1"}, runner.ExitInconclusive, "127.0.0.1:1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			code, out, err := podknock(t, append([]string{"history", "--server", server}, row.line...)...)
			g.Expect(err).To(ContainSubstring(row.want))
			g.Expect(code).To(Equal(row.code))
			g.Expect(out).To(BeEmpty())
		})
	}
}

func TestHistory(t *testing.T) {
	server := serveRecords(t, keptNight(1, nil), brokenNight(2), keptNight(3, func(r *history.Record) { r.Series, r.Run = "hourly", "rhour1" }))
	for _, row := range []struct {
		name string
		line []string
		code int
		want []string
		not  string
	}{
		{"lists the runs of all series, the newest first", nil, exitOK,
			[]string{"hourly   rhour1", "nightly  rnight2", "mismatch", "axis udp is not enforced", "nightly  rnight1"}, ""},
		{"lists the runs of one series", []string{"--series", "hourly"}, exitOK, []string{"rhour1"}, "rnight"},
		{"lists runs for programs", []string{"-o", "json"}, exitOK, []string{`"run": "rnight2"`, `"result": "mismatch"`}, ""},
		{"has no run elsewhere", []string{"-n", "elsewhere"}, exitOK, []string{"no run was kept"}, ""},
		{"shows the newest run", []string{"show"}, exitOK, []string{"run rhour1 of series hourly, 2026-03-03T02:17:00Z, took 42.0 s"}, ""},
		{"shows a run by the beginning of its id, with what is not as expected", []string{"show", "rnight2"}, exitOK,
			[]string{"axis udp: not enforced: the engine ignores UDP.", "fail udp/2/a->b", "it arrived"}, "udp/1/a->b"},
		{"says what is worse, and that is the exit code", []string{"diff", "--series", "nightly"}, runner.ExitMismatch,
			[]string{"run rnight2", "against run rnight1", "worse (2)", "axis udp was enforced and is not enforced now: the engine ignores UDP.", "cell udp/2/a->b was pass and is fail now"}, "better"},
		{"says what is better, and that is no failure", []string{"diff", "rnight2", "rnight1"}, exitOK, []string{"better (2)"}, "worse"},
		{"compares for programs", []string{"diff", "rnight1", "rnight2", "-o", "json"}, runner.ExitMismatch, []string{`"kind": "axis"`, `"subject": "udp"`}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			code, out, err := podknock(t, append([]string{"history", "--server", server}, row.line...)...)
			g.Expect(err).To(BeEmpty())
			g.Expect(code).To(Equal(row.code))
			for _, want := range row.want {
				g.Expect(out).To(ContainSubstring(want))
			}
			if row.not != "" {
				g.Expect(out).NotTo(ContainSubstring(row.not))
			}
		})
	}
}

// TestANightIsComparedWithTheOneBefore looks at everything that tells of a night.
func TestANightIsComparedWithTheOneBefore(t *testing.T) {
	for _, row := range []struct {
		name          string
		before, after *history.Record
		code          int
		reason, event string
		metrics       string
		regressions   string
	}{
		{"a broken one after a good one names the axis everywhere", keptNight(1, nil), brokenNight(2), runner.ExitMismatch,
			series.ReasonRegression, "axis udp was enforced and is not enforced now: the engine ignores UDP. (and 1 more)",
			`podknock_axis_accused{axis="udp",series="nightly"} 1.0`, `"regressions":2`},
		{"a broken one after a broken one names it still", brokenNight(1), brokenNight(2), runner.ExitMismatch,
			series.ReasonNotAsExpected, "axis udp is not enforced: the engine ignores UDP.",
			`podknock_regressions{kind="axis",series="nightly"} 0.0`, `"regressions":0`},
		{"the first of all has nothing to be compared with", nil, brokenNight(2), runner.ExitMismatch,
			series.ReasonNotAsExpected, "axis udp is not enforced: the engine ignores UDP.",
			`podknock_run_exit_code{series="nightly"} 1.0`, `"regressions":0`},
		{"one that is slower is worse, though each cell is as expected",
			keptNight(1, func(r *history.Record) { r.Latency.Deny = history.Figures{Samples: 9, P95: 100 * time.Millisecond} }),
			keptNight(2, func(r *history.Record) { r.Latency.Deny = history.Figures{Samples: 9, P95: 4 * time.Second} }), runner.ExitMismatch,
			series.ReasonRegression, "latency deny was 100ms (p95) and is 4s (p95) now", `podknock_regressions{kind="latency",series="nightly"} 1.0`, `"regressions":1`},
		{"a good one after a good one has nothing to tell", keptNight(1, nil), keptNight(2, nil), exitOK,
			"", "", `podknock_axis_accused{axis="udp",series="nightly"} 0.0`, `"regressions":0`},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			client := fake.NewClientset()
			file := filepath.Join(t.TempDir(), "night.prom")
			turn := &seriesTurn{
				seriesFlags: &seriesFlags{series: "nightly", records: resultsNamespace, keep: 1, metricsFile: file}, client: client, release: func() {},
			}
			store := &series.Store{Client: client, Namespace: resultsNamespace, Series: "nightly"}
			if row.before != nil {
				g.Expect(store.Put(t.Context(), row.before)).To(Succeed())
			}
			var says strings.Builder
			g.Expect(turn.conclude(t.Context(), row.after, &says)).To(Equal(row.code))

			kept, err := store.List(t.Context())
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(kept).To(HaveLen(1), "the older ones are gone")
			g.Expect(kept[0].Run).To(Equal("rnight2"))
			events, err := client.CoreV1().Events(resultsNamespace).List(t.Context(), metav1.ListOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			if row.event == "" {
				g.Expect(events.Items).To(BeEmpty())
			} else {
				g.Expect(events.Items).To(ConsistOf(And(HaveField("Type", corev1.EventTypeWarning), HaveField("Reason", row.reason), HaveField("Message", row.event))))
				g.Expect(kept[0].Headline).To(Equal(row.event))
			}
			text, err := os.ReadFile(file)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(text)).To(ContainSubstring(row.metrics))
			lines := strings.Split(strings.TrimSpace(says.String()), "\n")
			g.Expect(lines[len(lines)-1]).To(And(HavePrefix(`{"series":"nightly","run":"rnight2"`), ContainSubstring(row.regressions)))
		})
	}
}
