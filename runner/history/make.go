package history

import (
	"cmp"
	"slices"

	"github.com/podknock/podknock/runner"
)

// New makes the record of a run from its report.
func New(series string, report *runner.Report) *Record {
	record := &Record{
		APIVersion: APIVersion, Kind: Kind, Series: series, Run: report.Run, Version: report.Version, Start: report.Start,
		Elapsed: report.Elapsed, Server: report.Cluster.Version, ExitCode: report.ExitCode(), Error: report.Error, Counts: report.Counts,
		Latency: newLatency(report.Latency), Requests: report.Requests, Leftovers: len(report.CleanUp.Leftovers), Scenarios: []Scenario{},
	}
	nodes := map[string]*runner.Counts{}
	for i := range report.Scenarios {
		record.add(&report.Scenarios[i], nodes)
	}
	for _, skipped := range report.Skipped {
		record.Skipped = append(record.Skipped, qualified(skipped.Suite, skipped.Name))
	}
	for name, counts := range nodes {
		record.Nodes = append(record.Nodes, Node{Name: name, Counts: *counts})
	}
	slices.SortFunc(record.Nodes, func(a, b Node) int { return cmp.Compare(a.Name, b.Name) })
	slices.Sort(record.Passed)
	slices.Sort(record.Unjudged)
	return record
}

// add takes a scenario and counts its cells for the nodes of their ends.
func (r *Record) add(scenario *runner.ScenarioResult, nodes map[string]*runner.Counts) {
	r.Scenarios = append(r.Scenarios, Scenario{
		Name: qualified(scenario.Suite, scenario.Name), Mark: scenario.Mark, Error: scenario.Error, Counts: scenario.Counts,
		Elapsed: scenario.Elapsed, Latency: newLatency(scenario.Latency),
	})
	places := map[string]string{}
	for _, pod := range scenario.Pods {
		places[pod.Name] = pod.Node
	}
	for i := range scenario.Steps {
		for j := range scenario.Steps[i].Cells {
			cell := &scenario.Steps[i].Cells[j]
			from, to := places[cell.From.Name], places[cell.To.Name]
			r.addCell(cell, from, to)
			count(nodes, from, cell.Mark)
			if to != from {
				count(nodes, to, cell.Mark)
			}
		}
	}
}

func (r *Record) addCell(cell *runner.Cell, from, to string) {
	switch cell.Mark {
	case runner.MarkPass:
		r.Passed = append(r.Passed, cell.ID)
	case runner.MarkUnjudged:
		r.Unjudged = append(r.Unjudged, cell.ID)
	default:
		why := cell.Why
		if why == "" {
			why = cell.Error
		}
		r.Others = append(r.Others, Cell{
			ID: cell.ID, Mark: cell.Mark, Expected: cell.Expected, Observed: string(cell.Observed), Why: why,
			FromNode: from, ToNode: to, Repeat: cell.Repeat, Evidence: cell,
		})
	}
}

func count(nodes map[string]*runner.Counts, node string, mark runner.Mark) {
	if node == "" {
		return
	}
	if nodes[node] == nil {
		nodes[node] = &runner.Counts{}
	}
	nodes[node].Add(mark)
}

func newLatency(l runner.Latency) Latency {
	return Latency{Allow: newFigures(l.Allow), Deny: newFigures(l.Deny)}
}

func newFigures(f runner.LatencyFigures) Figures {
	return Figures{Samples: f.Samples, P50: f.P50, P95: f.P95, Max: f.Max}
}

func qualified(suite, name string) string {
	if suite == "" {
		return name
	}
	return suite + "/" + name
}
