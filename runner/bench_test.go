package runner

import (
	"fmt"
	"strings"
	"testing"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

// manyPods is a scenario of 30 pods with four ports each, one of which is closed by a policy: a matrix of 3,480 cells.
func manyPods(b *testing.B) *scenarios.Scenario {
	b.Helper()
	var text strings.Builder
	text.WriteString("apiVersion: podknock.dev/v1alpha1\nkind: Scenario\nmetadata: {name: many}\nabout: Many pods.\npods:\n")
	for i := range 30 {
		fmt.Fprintf(&text, "  p%d: {ports: [80/TCP, 81/TCP, 80/UDP, 81/UDP]}\n", i)
	}
	text.WriteString(`steps:
  - name: port 80 alone
    apply:
      - metadata: {name: some}
        spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: 80}, {port: 80, protocol: UDP}]}]}
    expect: policies
`)
	scenario, err := scenarios.Loader{}.Parse("bench.yaml", []byte(text.String()))
	if err != nil {
		b.Fatal(err)
	}
	return scenario
}

func BenchmarkPlan30Pods(b *testing.B) {
	scenario := manyPods(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewPlan([]*scenarios.Scenario{scenario}, Options{Run: "run1"}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJudge30Pods(b *testing.B) {
	expansion, err := scenarios.Expand(manyPods(b), scenarios.ExpandOptions{Families: scenarios.Families()[:1]})
	if err != nil {
		b.Fatal(err)
	}
	findings := make([][]finding, len(expansion.Steps))
	cells := 0
	for i := range expansion.Steps {
		cells += len(expansion.Steps[i].Cells)
		for _, cell := range expansion.Steps[i].Cells {
			found := finding{answer: answer{asked: true, result: probe.Result{Reading: probe.Reading{Outcome: probe.Connected}}}}
			if cell.Expected == scenarios.Blocked {
				found.result.Reading = probe.Reading{Outcome: probe.Timeout, Where: probe.WhereForward, ErrorProbability: 1e-8}
			}
			findings[i] = append(findings[i], found)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		steps := judgeSteps(expansion, findings, "podknock run bench.yaml")
		if last := steps[len(steps)-1]; last.Counts.Fail+last.Counts.Error > 0 {
			b.Fatalf("%+v", last.Counts)
		}
	}
	b.ReportMetric(float64(cells), "cells")
}
