package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/report"
)

// labRuns are reports of runs in the lab, as `podknock run --output-file` wrote them there. A lab called demo and one called flat, which
// enforces nothing (make lab-up LAB=flat ENGINE=none NODES=1), made them:
//
//	passed        podknock run deny-all-ingress debug-peer-label egress-external-api --ip-family IPv4
//	failed        podknock run shop.yaml --ip-family IPv4 --settle-timeout 10s
//	not-enforced  podknock run deny-all-ingress --ip-family IPv4 --settle-timeout 10s
var labRuns = []string{"passed", "failed", "not-enforced"}

// TestTheSamplesAreRunsInTheLab renders the reports again, byte for byte as README.md shows them. `-update` writes the texts.
func TestTheSamplesAreRunsInTheLab(t *testing.T) {
	for _, name := range labRuns {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			path := filepath.Join("testdata", "lab", name)
			content, err := os.ReadFile(path + ".json")
			g.Expect(err).NotTo(HaveOccurred())
			decoder := json.NewDecoder(bytes.NewReader(content))
			decoder.DisallowUnknownFields()
			var run runner.Report
			g.Expect(decoder.Decode(&run)).To(Succeed())
			g.Expect(run.Cluster.Context).To(HavePrefix("podknock-"), "it was a lab")
			g.Expect(run.Cluster.Nodes).NotTo(BeEmpty())
			var text bytes.Buffer
			g.Expect(report.Write(&text, report.FormatText, &run, report.Options{})).To(Succeed())
			compareWithGolden(t, path+".txt", text.String())
		})
	}
}
