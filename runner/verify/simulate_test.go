package verify

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// simulation is a run of the suite on engines that exist in thought only.
type simulation struct {
	evidence Evidence
	search   *search
}

// simulated is a run in which everything is as it should be, on two nodes with both families.
func simulated(t *testing.T) *simulation {
	t.Helper()
	g := NewWithT(t)
	loaded, err := scenarios.Loader{}.Find(SuiteName)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(loaded).NotTo(BeEmpty())
	run := &runner.Report{Kind: runner.ReportKind}
	var expansions []*scenarios.Expansion
	for _, scenario := range loaded {
		expansion, err := scenarios.Expand(scenario, scenarios.ExpandOptions{Families: []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}})
		g.Expect(err).NotTo(HaveOccurred())
		expansions = append(expansions, expansion)
		run.Scenarios = append(run.Scenarios, simulatedScenario(expansion))
	}
	s := &simulation{evidence: Evidence{Run: run, Expansions: expansions}}
	s.search = newSearch(newStories(s.evidence))
	s.search.prepare()
	return s
}

func simulatedScenario(expansion *scenarios.Expansion) runner.ScenarioResult {
	scenario := expansion.Scenario
	result := runner.ScenarioResult{Name: scenario.Metadata.Name, Suite: SuiteName, Mark: runner.MarkPass}
	nodes := simulatedNodes(scenario)
	for _, pod := range scenario.Pods {
		result.Pods = append(result.Pods, runner.PodResult{Name: pod.Name, Node: nodes[pod.Name]})
	}
	for i := range expansion.Steps {
		step := runner.StepResult{Name: expansion.Steps[i].Name}
		for _, cell := range expansion.Steps[i].Cells {
			step.Cells = append(step.Cells, simulatedCell(fmt.Sprintf("%s/%d/", scenario.Metadata.Name, i+1), cell))
		}
		result.Steps = append(result.Steps, step)
	}
	return result
}

func simulatedCell(prefix string, cell scenarios.Cell) runner.Cell {
	endpoint := func(e scenarios.Endpoint) runner.Endpoint {
		return runner.Endpoint{Kind: string(e.Kind), Name: e.Name, Node: e.Node, Text: e.String()}
	}
	result := runner.Cell{
		ID: prefix + lineOf(cell), From: endpoint(cell.From), To: endpoint(cell.To), Port: cell.Port, Protocol: string(cell.Protocol),
		Family: string(cell.Family), Expected: string(cell.Expected), Mark: runner.MarkPass, Observed: probe.Outcome(cell.Expected),
	}
	switch cell.Expected {
	case scenarios.Any:
		result.Mark, result.Observed = runner.MarkUnjudged, probe.Connected
	case scenarios.Blocked:
		result.Observed = probe.Timeout
	}
	return result
}

// simulatedNodes spreads pods over two nodes as the scenario wants it.
func simulatedNodes(scenario *scenarios.Scenario) map[string]string {
	nodes := map[string]string{}
	other := map[string]string{"node-1": "node-2", "node-2": "node-1"}
	for i, pod := range scenario.Pods {
		node := fmt.Sprintf("node-%d", i%2+1)
		for _, placed := range scenario.Pods[:i] {
			switch same, apart := scenario.SharedNode(pod.Name, placed.Name); {
			case same:
				node = nodes[placed.Name]
			case apart:
				node = other[nodes[placed.Name]]
			}
		}
		nodes[pod.Name] = node
	}
	return nodes
}

// suffer makes the run one of an engine that decides as predicted.
func (s *simulation) suffer(predicted prediction) (failing int) {
	for i, k := range s.search.knocks {
		if k.wanted == unclear {
			continue
		}
		found := k.effect(predicted[i], s.search.right[i])
		k.failed, k.proven, k.seen = false, true, k.wanted
		k.result.Mark = runner.MarkPass
		switch {
		case found == unclear:
			k.proven = false
			k.result.Mark = runner.MarkInconclusive
		case found != k.wanted:
			k.failed, k.proven, k.seen = true, false, found
			k.result.Mark = runner.MarkFail
			k.result.Observed = map[effect]probe.Outcome{passes: probe.Connected, stopped: probe.Timeout, nameless: probe.DNSFailure}[found]
			failing++
		}
	}
	return failing
}
