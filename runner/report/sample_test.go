package report

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// start is when the samples began.
var start = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

// newReport is a run without scenarios.
func newReport() *runner.Report {
	return &runner.Report{
		APIVersion: runner.ReportAPIVersion, Kind: runner.ReportKind, Run: "k7f3q", Version: "v0.1.0", Start: start,
		Elapsed: 8300 * time.Millisecond, Scenarios: []runner.ScenarioResult{}, Requests: 131,
		Cluster: runner.ClusterFacts{
			Context: "lab", Version: "v1.36.3", Families: []string{"IPv4"},
			Nodes: []runner.Node{{Name: "node-1", Kubelet: "v1.36.3"}, {Name: "node-2", Kubelet: "v1.36.3"}},
		},
		CleanUp: runner.CleanUp{Elapsed: 400 * time.Millisecond},
	}
}

// add adds the results of a scenario to a report.
func add(r *runner.Report, s runner.ScenarioResult) {
	r.Scenarios = append(r.Scenarios, s)
	r.Counts = r.Counts.Sum(s.Counts)
	r.Elapsed = max(r.Elapsed, s.Elapsed+5200*time.Millisecond)
}

// answer is what a cell found instead of what it should have.
type answer struct {
	mark    runner.Mark
	outcome probe.Outcome
	// reading is set where the outcome is read in another way than usual.
	reading *probe.Reading
	why     string
	// failed is set where nothing was found.
	failed string
}

// play makes the results of a scenario in which every knock finds what it should, but for the ones in wrong, which are named by step and cell:
// "2 web -> db:5432/TCP (IPv4)".
func play(t *testing.T, scenario *scenarios.Scenario, families []corev1.IPFamily, wrong map[string]answer) runner.ScenarioResult {
	t.Helper()
	g := NewWithT(t)
	expansion, err := scenarios.Expand(scenario, scenarios.ExpandOptions{Families: families})
	g.Expect(err).NotTo(HaveOccurred())
	result := runner.ScenarioResult{
		Name: scenario.Metadata.Name, About: scenario.About, Mark: runner.MarkPass, Start: start.Add(time.Second),
		Elapsed: 3100 * time.Millisecond,
	}
	for i, pod := range scenario.Pods {
		result.Pods = append(result.Pods, runner.PodResult{
			Name: pod.Name, Namespace: "pk-k7f3q-" + pod.Namespace, Pod: pod.Name, Node: fmt.Sprintf("node-%d", i%2+1),
			Addresses: []string{podAddress(scenario, pod.Name, corev1.IPv4Protocol).String()},
		})
	}
	if suite, builtIn := strings.CutPrefix(path.Dir(scenario.File()), "library/"); builtIn {
		result.Suite = suite
	}
	used := 0
	for i := range expansion.Steps {
		expanded := &expansion.Steps[i]
		step := runner.StepResult{
			Name: expanded.Name, Added: expanded.Step < 0, Mark: runner.MarkPass, Start: start.Add(time.Duration(i+1) * time.Second),
			Elapsed: 1500 * time.Millisecond, Requests: 1,
			Settled: runner.Settled{How: runner.SettledAsExpected, Rounds: 3, Waited: 240 * time.Millisecond, Attempts: 12},
		}
		for _, cell := range expanded.Cells {
			name := fmt.Sprintf("%d %s", i+1, cell)
			_, isWrong := wrong[name]
			if isWrong {
				used++
				result.Elapsed = 33*time.Second + 400*time.Millisecond
				step.Settled = runner.Settled{How: runner.SettledAtBound, Rounds: 74, Waited: 30 * time.Second, Attempts: 296}
			}
			found := seen(scenario, cell, i, wrong[name])
			if isWrong {
				evaluator, err := expanded.Evaluator()
				g.Expect(err).NotTo(HaveOccurred())
				explanation, err := evaluator.Explain(cell)
				g.Expect(err).NotTo(HaveOccurred())
				found.Verdict = &explanation
				found.Repeat = fmt.Sprintf("podknock run %s --only %d/%s/%s:%d/%s/%s",
					scenarioName(result.Suite, result.Name, ""), i+1, cell.From, cell.To, cell.Port, cell.Protocol, cell.Family)
			}
			step.Cells = append(step.Cells, found)
			judge(&step.Counts, &step.Mark, found.Mark)
		}
		result.Counts = result.Counts.Sum(step.Counts)
		judge(&runner.Counts{}, &result.Mark, step.Mark)
		result.Steps = append(result.Steps, step)
	}
	g.Expect(used).To(Equal(len(wrong)), "each wrong answer is one of a cell")
	return result
}

// judge counts a mark, and keeps the worse of two.
func judge(counts *runner.Counts, worst *runner.Mark, mark runner.Mark) {
	switch mark {
	case runner.MarkPass:
		counts.Pass++
	case runner.MarkUnjudged:
		counts.Unjudged++
	case runner.MarkInconclusive:
		counts.Inconclusive++
	case runner.MarkError:
		counts.Error++
	case runner.MarkFail:
		counts.Fail++
	}
	order := []runner.Mark{runner.MarkUnjudged, runner.MarkPass, runner.MarkInconclusive, runner.MarkError, runner.MarkFail}
	if slices.Index(order, mark) > slices.Index(order, *worst) {
		*worst = mark
	}
}

// seen is a cell with what it found: what it should, or a different answer.
func seen(scenario *scenarios.Scenario, cell scenarios.Cell, step int, different answer) runner.Cell {
	name := func(e scenarios.Endpoint) runner.Endpoint {
		return runner.Endpoint{Kind: string(e.Kind), Name: e.Name, Node: e.Node, Text: e.String()}
	}
	found := runner.Cell{
		ID:   fmt.Sprintf("%s/%d/%s->%s:%d/%s/%s", scenario.Metadata.Name, step+1, cell.From, cell.To, cell.Port, cell.Protocol, cell.Family),
		From: name(cell.From), To: name(cell.To), Port: cell.Port, Protocol: string(cell.Protocol), Family: string(cell.Family),
		Expected: string(cell.Expected), Mark: runner.MarkPass,
		Because: runner.Because{Origin: string(cell.Reason.Origin), File: cell.Reason.File, Line: cell.Reason.Line},
	}
	if cell.Control != nil {
		found.Control = &runner.Control{Kind: string(cell.Control.Kind), Cell: "the same cell before", Proven: true, Observed: probe.Connected}
	}
	outcome := probe.Connected
	if cell.Expected == scenarios.Blocked {
		outcome = probe.Timeout
	}
	if different.mark != "" {
		found.Mark, found.Why, found.Error, outcome = different.mark, different.why, different.failed, different.outcome
	}
	if found.Error != "" {
		return found
	}
	found.Observed, found.Result = outcome, observe(scenario, cell, outcome)
	if different.reading != nil {
		found.Result.Reading = *different.reading
	}
	if found.Mark == runner.MarkFail {
		found.Why = fmt.Sprintf("expected %s, found %s: %s", cell.Expected, outcome, found.Result.Reason)
	}
	return found
}

// observe is the record of an attempt that connected or was dropped on its way, read as package probe reads it.
func observe(scenario *scenarios.Scenario, cell scenarios.Cell, outcome probe.Outcome) *probe.Result {
	o := probe.Observation{
		Start: start, Elapsed: 600 * time.Microsecond, Phase: probe.PhaseDone, Connect: 210 * time.Microsecond, Exchange: 190 * time.Microsecond,
		Local:    netip.AddrPortFrom(podAddress(scenario, cell.From.Name, cell.Family), 40123),
		Remote:   netip.AddrPortFrom(podAddress(scenario, cell.To.Name, cell.Family), uint16(cell.Port)),
		Identity: &probe.Identity{Pod: cell.To.Name, Namespace: scenario.Pods[0].Namespace, UID: "b1f7"},
	}
	var destination *probe.Destination
	if outcome == probe.Timeout {
		o.Elapsed, o.Phase, o.Identity, o.Connect, o.Exchange = 2*time.Second, probe.PhaseConnect, nil, 0, 0
		o.Tries, o.Rounds, o.Waited = 6, 2, 2*time.Second
		destination = &probe.Destination{Arrived: probe.No, SYNReceived: probe.No, Listening: probe.Yes}
	}
	attempt := probe.Attempt{Protocol: probe.TCP, Host: o.Remote.Addr().String(), Port: o.Remote.Port()}
	return &probe.Result{Reading: probe.Classify(attempt, o, destination), Observation: o}
}

// podAddress is that of a pod in the samples.
func podAddress(scenario *scenarios.Scenario, pod string, family corev1.IPFamily) netip.Addr {
	i := slices.IndexFunc(scenario.Pods, func(p scenarios.Pod) bool { return p.Name == pod })
	if family == corev1.IPv6Protocol {
		return netip.AddrFrom16([16]byte{0: 0xfd, 13: byte(i%2 + 1), 15: byte(i + 2)})
	}
	return netip.AddrFrom4([4]byte{10, 244, byte(i%2 + 1), byte(i + 2)})
}

// load loads a scenario of the library, or a file.
func load(t *testing.T, name string) *scenarios.Scenario {
	t.Helper()
	found, err := scenarios.Loader{}.Find(name)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return found[0]
}
