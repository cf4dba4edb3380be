//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/runner/cluster/series"
	"github.com/podknock/podknock/runner/history"
	"github.com/podknock/podknock/runner/verify"
	"github.com/podknock/podknock/scenarios"
)

var _ = Describe("the night after which an engine is broken", Label("lab", "full"), Serial, func() {
	It("names the broken axis in Event, metric, difference and exit code alike", func(ctx SpecContext) {
		n := installNightly(ctx, "--reserve", "12")
		metrics := filepath.Join(GinkgoT().TempDir(), "night.prom")
		report := filepath.Join(GinkgoT().TempDir(), "night.json")
		night := func() (int, *verify.Report) {
			GinkgoHelper()
			code, _ := tell(ctx, slices.Concat(n.arguments(ctx), []string{
				"--kubeconfig", kubeconfig, "--ip-family", "IPv4", "--axis", "end-port-edges,port-number,udp", "--settle-timeout", "5s", "--metrics-file", metrics, "--output-file", report,
			})...)
			text, err := os.ReadFile(report)
			Expect(err).NotTo(HaveOccurred())
			found, err := verify.ReadReport(text)
			Expect(err).NotTo(HaveOccurred())
			return code, found
		}
		code, _ := night()
		Expect(code).To(BeZero())
		Expect(n.events(ctx)).To(BeEmpty())

		lab(ctx, suiteLab, "engine", "set", "mutant:endport-off-by-one")
		DeferCleanup(func(ctx SpecContext) { lab(ctx, suiteLab, "engine", "set", "kube-network-policies") }, NodeTimeout(time.Minute))
		code, found := night()
		Expect(code).To(Equal(verify.ExitNotEnforced))
		axis := string(scenarios.AxisEndPortEdges)
		Expect(string(found.Headline.Axis)).To(Equal(axis), found.Headline.Text)

		records := n.records(ctx)
		Expect(records).To(HaveLen(2))
		diff := history.Compare(records[1], records[0], history.Options{})
		Expect(diff.Regressions[0]).To(And(HaveField("Kind", history.ChangeAxis), HaveField("Subject", axis)))
		Expect(records[0].Headline).To(ContainSubstring("axis " + axis + " was enforced"))
		code, out := n.history(ctx, "diff")
		Expect(code).To(Equal(verify.ExitNotEnforced))
		Expect(out).To(ContainSubstring("axis " + axis + " was enforced"))
		Expect(n.events(ctx)).To(ConsistOf(And(HaveField("Reason", series.ReasonRegression),
			HaveField("Message", ContainSubstring("axis "+axis+" was enforced")), HaveField("InvolvedObject.Kind", "CronJob"))))
		text, err := os.ReadFile(metrics)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(text)).To(ContainSubstring(fmt.Sprintf(`podknock_axis_accused{axis=%q,series="nightly"} 1.0`, axis)))
		Expect(string(text)).To(ContainSubstring(`podknock_run_exit_code{series="nightly"} 1.0`))
	}, SpecTimeout(15*time.Minute))
})
