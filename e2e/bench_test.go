//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/podknock/podknock/runner"
)

// BenchmarkRun measures whole runs of the program on a cluster, the lab unless
// -kubeconfig names another. Nothing is asserted: a figure is one of a machine
// and of a moment.
//
//	s/run                the program from its start to its end
//	s/step               a step that changes policies, without the time until the change was in force
//	s/first-result       from the first probe pod's creation to the first answer
//	calls/step           requests to the API server in a step, at most
//	cells/step           what is asked in a step
//	MB                   the program's memory, at most (resident set)
//	cpu-s                the program's processor time
func BenchmarkRun(b *testing.B) {
	config := benchCluster(b)
	for _, row := range []struct {
		name      string
		arguments func(*testing.B) []string
	}{
		{"guides", func(*testing.B) []string { return append([]string{"guides"}, externals...) }},
		{"9pods-2ports-TCP-UDP", func(b *testing.B) []string {
			return []string{matrixScenario(b, 9), "--ip-family", "IPv4"}
		}},
		{"30pods-2ports-TCP-UDP", func(b *testing.B) []string {
			return []string{matrixScenario(b, 30), "--ip-family", "IPv4"}
		}},
	} {
		b.Run(row.name, func(b *testing.B) {
			arguments := row.arguments(b)
			var total figures
			for b.Loop() {
				total.add(measure(b, config, arguments))
			}
			total.report(b)
		})
	}
}

// benchCluster is the kubeconfig of the cluster to measure on.
func benchCluster(b *testing.B) string {
	b.Helper()
	RegisterTestingT(b)
	if *kubeconfigFlag != "" {
		return *kubeconfigFlag
	}
	lab(b.Context(), suiteLab, "up")
	b.Cleanup(func() { lab(context.WithoutCancel(b.Context()), suiteLab, "down") })
	lab(b.Context(), suiteLab, "load", abs(*archiveFlag))
	return filepath.Join("/run/podknock", suiteLab, "kubeconfig")
}

// figures are sums over runs.
type figures struct {
	runs, steps            int
	elapsed, steady, first time.Duration
	calls, cells, unpassed int
	memory                 int64 // bytes
	processor              time.Duration
}

func (f *figures) add(other figures) {
	f.runs += other.runs
	f.steps += other.steps
	f.elapsed += other.elapsed
	f.steady += other.steady
	f.first += other.first
	f.calls = max(f.calls, other.calls)
	f.cells = max(f.cells, other.cells)
	f.unpassed += other.unpassed
	f.memory = max(f.memory, other.memory)
	f.processor += other.processor
}

func (f *figures) report(b *testing.B) {
	runs := float64(f.runs)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(f.elapsed.Seconds()/runs, "s/run")
	b.ReportMetric(f.steady.Seconds()/float64(f.steps), "s/step")
	b.ReportMetric(f.first.Seconds()/runs, "s/first-result")
	b.ReportMetric(float64(f.calls), "calls/step")
	b.ReportMetric(float64(f.cells), "cells/step")
	b.ReportMetric(float64(f.memory)/1e6, "MB")
	b.ReportMetric(f.processor.Seconds()/runs, "cpu-s")
	if f.unpassed > 0 {
		b.Errorf("%d cells did not pass: these figures are of another thing", f.unpassed)
	}
}

// measure carries out one run.
func measure(b *testing.B, config string, arguments []string) figures {
	b.Helper()
	g := NewWithT(b)
	created := firstPod(b, config)
	file := filepath.Join(b.TempDir(), "report.json")
	command := exec.CommandContext(b.Context(), abs(*podknockFlag), append([]string{
		"run", "--kubeconfig", config, "--image", *imageFlag, "--output-file", file,
	}, arguments...)...)
	begin := time.Now()
	out, err := command.CombinedOutput()
	f := figures{runs: 1, elapsed: time.Since(begin)}
	g.Expect(command.ProcessState.ExitCode()).To(BeNumerically("<=", 1), "%v: %s", err, out)
	usage := command.ProcessState.SysUsage().(*syscall.Rusage)
	f.memory, f.processor = usage.Maxrss<<10, command.ProcessState.UserTime()+command.ProcessState.SystemTime()

	text, err := os.ReadFile(file)
	g.Expect(err).NotTo(HaveOccurred())
	var report runner.Report
	g.Expect(json.Unmarshal(text, &report)).To(Succeed())
	f.unpassed = report.Counts.Fail + report.Counts.Error + report.Counts.Inconclusive
	var first time.Time
	for _, scenario := range report.Scenarios {
		for i, step := range scenario.Steps {
			f.calls, f.cells = max(f.calls, step.Requests), max(f.cells, len(step.Cells))
			if i > 0 {
				f.steps++
				f.steady += step.Elapsed - step.Settled.Waited
			}
			for _, cell := range step.Cells {
				if cell.Result == nil {
					continue
				}
				if end := cell.Result.Start.Add(cell.Result.Elapsed); first.IsZero() || end.Before(first) {
					first = end
				}
			}
		}
	}
	f.first = first.Sub(<-created)
	return f
}

// firstPod watches for the next probe pod, and delivers when it saw it.
func firstPod(b *testing.B, config string) <-chan time.Time {
	b.Helper()
	g := NewWithT(b)
	rest, err := clientcmd.BuildConfigFromFlags("", config)
	g.Expect(err).NotTo(HaveOccurred())
	client, err := kubernetes.NewForConfig(rest)
	g.Expect(err).NotTo(HaveOccurred())
	options := metav1.ListOptions{LabelSelector: runner.LabelRun}
	pods, err := client.CoreV1().Pods("").List(b.Context(), options)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(pods.Items).To(BeEmpty(), "no other run goes on")
	options.ResourceVersion = pods.ResourceVersion
	watching, err := client.CoreV1().Pods("").Watch(b.Context(), options)
	g.Expect(err).NotTo(HaveOccurred())
	seen := make(chan time.Time, 1)
	go func() {
		defer watching.Stop()
		for event := range watching.ResultChan() {
			if _, isPod := event.Object.(*corev1.Pod); isPod && event.Type == watch.Added {
				seen <- time.Now()
				return
			}
		}
	}()
	return seen
}

// matrixScenario writes a scenario with so many pods that all knock on two
// ports of each other, over TCP and UDP. Its steps deny one half of that, then
// the other.
func matrixScenario(b *testing.B, pods int) string {
	b.Helper()
	var declared strings.Builder
	for i := range pods {
		fmt.Fprintf(&declared, "  p%d: {namespace: app, ports: [80/TCP, 80/UDP, 81/TCP, 81/UDP]}\n", i)
	}
	step := func(open, closed int) string {
		return fmt.Sprintf(`  - name: only port %d is open
    apply:
      - apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: half, namespace: app}
        spec: {podSelector: {}, ingress: [{ports: [{port: %d, protocol: TCP}, {port: %d, protocol: UDP}]}]}
    expect:
      - {from: "*", to: "*:%d", outcome: blocked}
      - {from: "*", to: "*:%d", outcome: connected}
`, open, open, open, closed, open)
	}
	file := filepath.Join(b.TempDir(), "matrix.yaml")
	text := fmt.Sprintf(`apiVersion: podknock.dev/v1alpha1
kind: Scenario
metadata: {name: matrix-%d}
about: Everybody knocks on everybody, and half of it is denied.
namespaces: {app: {}}
pods:
%ssteps:
%s%s`, pods, declared.String(), step(80, 81), step(81, 80))
	NewWithT(b).Expect(os.WriteFile(file, []byte(text), 0o644)).To(Succeed())
	return file
}
