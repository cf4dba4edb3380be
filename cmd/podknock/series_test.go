package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
	clienttesting "k8s.io/client-go/testing"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/cluster/series"
	"github.com/podknock/podknock/runner/history"
)

// keptObjects are the objects of an API server by their paths.
type keptObjects struct {
	mu     sync.Mutex
	byPath map[string]map[string]any
}

// serveObjects is an API server that keeps what it is given, and refuses the resources that are named.
func serveObjects(t *testing.T, refused ...string) (address string, objects *keptObjects) {
	t.Helper()
	objects = &keptObjects{byPath: map[string]map[string]any{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, resource := range refused {
			if resource != "" && strings.Contains(r.URL.Path, "/"+resource) {
				w.WriteHeader(http.StatusForbidden)
				return
			}
		}
		objects.serve(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, objects
}

func (o *keptObjects) serve(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	var answer any
	switch r.Method {
	case http.MethodPost, http.MethodPut:
		object, err := readObject(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		name := r.URL.Path
		if metadata, ok := object["metadata"].(map[string]any); ok && r.Method == http.MethodPost {
			name = path.Join(name, metadata["name"].(string))
		}
		o.byPath[name], answer = object, object
	default:
		if object, ok := o.byPath[r.URL.Path]; ok {
			answer = object
			break
		}
		items := []any{}
		for name, object := range o.byPath {
			if path.Dir(name) == r.URL.Path {
				items = append(items, object)
			}
		}
		if len(items) == 0 && !strings.HasSuffix(r.URL.Path, "s") {
			http.NotFound(w, r)
			return
		}
		answer = map[string]any{"items": items}
	}
	_ = json.NewEncoder(w).Encode(answer) // to a client that may have gone
}

// readObject reads an object in whichever form the client sends it.
func readObject(body io.Reader) (map[string]any, error) {
	sent, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	object, kind, err := scheme.Codecs.UniversalDeserializer().Decode(sent, nil, nil)
	if err != nil {
		return nil, err
	}
	object.GetObjectKind().SetGroupVersionKind(*kind)
	return runtime.DefaultUnstructuredConverter.ToUnstructured(object)
}

// of are the objects of a resource.
func (o *keptObjects) of(resource string) (found []map[string]any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, object := range o.byPath {
		if path.Base(path.Dir(name)) == resource {
			found = append(found, object)
		}
	}
	return found
}

func TestANightThatFailsBeforeItsRunLeavesATrace(t *testing.T) {
	for _, row := range []struct {
		name    string
		line    []string
		refused string
		want    string
		records int
	}{
		{"policies that nobody may read", []string{"run", "--from-policies"}, "networkpolicies", "--from-policies: ", 1},
		{"policies that are not there", []string{"run", "--from-policies=shop"}, "", "--from-policies: no NetworkPolicy is in namespace shop", 1},
		{"a lease that a run cannot have", []string{"run", "default-deny"}, "leases", `hold lease \"podknock-nightly\"`, 0},
		{"a lease that a verification cannot have", []string{"verify"}, "leases", `hold lease \"podknock-nightly\"`, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			server, objects := serveObjects(t, row.refused)
			file := filepath.Join(t.TempDir(), "night.prom")
			code, _, says := podknock(t, append(row.line, "--server", server, "--series", "nightly", "--metrics-file", file)...)
			g.Expect(code).To(Equal(runner.ExitInconclusive))
			lines := strings.Split(strings.TrimSpace(says), "\n")
			g.Expect(lines[len(lines)-1]).To(And(HavePrefix(`{"series":"nightly","run":"r`), ContainSubstring(`"exitCode":3`), ContainSubstring(row.want)))
			text, err := os.ReadFile(file)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(text)).To(ContainSubstring(`podknock_run_exit_code{series="nightly"} 3.0`))
			g.Expect(objects.of("configmaps")).To(HaveLen(row.records))
			events := objects.of("events")
			g.Expect(events).To(HaveLen(row.records))
			for _, event := range events {
				g.Expect(event["message"]).To(HavePrefix("--from-policies: "))
			}
		})
	}
}

func TestAMistakeIsNoNight(t *testing.T) {
	for _, row := range []struct {
		name string
		line []string
		code int
	}{
		{"a flag that cannot be meant", []string{"run", "--from-policies", "--parallel", "0"}, exitUsage},
		{"a scenario that is not there", []string{"run", "no-such-scenario"}, exitUsage},
		{"policies that cannot be read for a dry run", []string{"run", "--from-policies", "--dry-run"}, runner.ExitInconclusive},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			server, objects := serveObjects(t)
			code, _, says := podknock(t, append(row.line, "--server", server, "--series", "nightly")...)
			g.Expect(code).To(Equal(row.code))
			g.Expect(says).NotTo(ContainSubstring(`"exitCode"`))
			g.Expect(objects.of("configmaps")).To(BeEmpty())
		})
	}
}

func TestANightIsComparedWithTheLastThatTestedAnything(t *testing.T) {
	nothing := keptNight(2, func(r *history.Record) {
		*r = history.Record{APIVersion: r.APIVersion, Kind: r.Kind, Series: r.Series, Run: r.Run, Start: r.Start, ExitCode: runner.ExitInconclusive,
			Error: "--from-policies: no right"}
	})
	again := *nothing
	again.Run, again.Start = "rnight3", nothing.Start.Add(24*time.Hour)
	for _, row := range []struct {
		name  string
		night *history.Record
		want  string
	}{
		{"a broken one after one that could not begin", brokenNight(3),
			"axis udp was enforced and is not enforced now: the engine ignores UDP. (and 1 more)"},
		{"a second one that could not begin", &again, "--from-policies: no right"},
		{"a good one after one that could not begin", keptNight(3, nil), ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			client := fake.NewClientset()
			store := &series.Store{Client: client, Namespace: resultsNamespace, Series: "nightly"}
			g.Expect(store.Put(t.Context(), keptNight(1, nil))).To(Succeed())
			g.Expect(store.Put(t.Context(), nothing)).To(Succeed())
			turn := &seriesTurn{seriesFlags: &seriesFlags{series: "nightly", records: resultsNamespace, keep: 3}, client: client, release: func() {}}
			turn.conclude(t.Context(), row.night, &strings.Builder{})
			g.Expect(row.night.Headline).To(Equal(row.want))
		})
	}
}

// TestTheMetricsHaveTheExitCodeOfTheJob has jobs that end with another code than their runs.
func TestTheMetricsHaveTheExitCodeOfTheJob(t *testing.T) {
	slow := func(day int, p95 time.Duration) *history.Record {
		return keptNight(day, func(r *history.Record) { r.Latency.Deny = history.Figures{Samples: 9, P95: p95} })
	}
	for _, row := range []struct {
		name           string
		refuse, push   string
		p95            time.Duration
		code           int
		metric, result string
	}{
		{"a record that could not be kept", "configmaps", "", 4 * time.Second, runner.ExitInconclusive, `podknock_run_exit_code{series="nightly"} 3.0`, ""},
		{"a run that is only slower", "", "", 4 * time.Second, runner.ExitMismatch, `podknock_run_exit_code{series="nightly"} 1.0`, "worse than before"},
		{"a gateway that cannot be reached", "", "http://127.0.0.1:1", 100 * time.Millisecond, runner.ExitInconclusive,
			`podknock_run_exit_code{series="nightly"} 3.0`, "as expected"},
		{"nothing that is worse", "", "", 100 * time.Millisecond, exitOK, `podknock_run_exit_code{series="nightly"} 0.0`, "as expected"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			client := fake.NewClientset()
			store := &series.Store{Client: client, Namespace: resultsNamespace, Series: "nightly"}
			g.Expect(store.Put(t.Context(), slow(1, 100*time.Millisecond))).To(Succeed())
			if row.refuse != "" {
				client.PrependReactor("*", row.refuse, func(clienttesting.Action) (bool, runtime.Object, error) {
					return true, nil, apierrors.NewForbidden(corev1.Resource(row.refuse), "", nil)
				})
			}
			file := filepath.Join(t.TempDir(), "night.prom")
			turn := &seriesTurn{
				seriesFlags: &seriesFlags{series: "nightly", records: resultsNamespace, keep: 2, metricsFile: file, push: row.push}, client: client,
				release: func() {},
			}
			record := slow(2, row.p95)
			g.Expect(turn.conclude(t.Context(), record, &strings.Builder{})).To(Equal(row.code))
			text, err := os.ReadFile(file)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(text)).To(ContainSubstring(row.metric))
			g.Expect(record.ExitCode).To(Equal(exitOK), "what is kept is the code of the run itself")
			if row.result != "" {
				kept, err := store.List(t.Context())
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(kept[0].Result).To(Equal(row.result))
			}
		})
	}
}
