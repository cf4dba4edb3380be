//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/runner"
)

var _ = Describe("podknock run", func() {
	AfterEach(func(ctx SpecContext) {
		Expect(leftovers(ctx)).To(BeEmpty(), "a run leaves nothing behind")
	}, NodeTimeout(tooLong))

	It("passes the suite guides on the lab's engine", Label("lab"), func(ctx SpecContext) {
		report, code := run(ctx, kubeconfig, append([]string{"guides"}, worldFlags...)...)
		Expect(code).To(Equal(runner.ExitAsExpected))
		Expect(report.Skipped).To(BeEmpty())
		Expect(report.Scenarios).To(HaveLen(23))
		Expect(marks(report)).To(HaveEach(runner.MarkPass))
		Expect(report.Counts.Pass).To(Equal(report.Counts.Total()))
		Expect(report.Latency.Deny.Samples).To(BeNumerically(">", 0))
	}, SpecTimeout(5*time.Minute))

	It("finds no block on a cluster that enforces nothing", Label("lab", "full"), func(ctx SpecContext) {
		const open = "open"
		lab(ctx, open, "up", "--engine", "none")
		DeferCleanup(func(ctx SpecContext) { lab(ctx, open, "down") }, NodeTimeout(time.Minute))
		lab(ctx, open, "load", abs(*archiveFlag))
		report, code := run(ctx, filepath.Join("/run/podknock", open, "kubeconfig"), append([]string{"guides"}, worldFlags...)...)
		Expect(code).To(Equal(runner.ExitMismatch))
		for _, scenario := range report.Scenarios {
			Expect(scenario.Error).To(BeEmpty(), scenario.Name)
			Expect(scenario.Mark).To(BeElementOf(runner.MarkFail, runner.MarkInconclusive), scenario.Name)
			for _, step := range scenario.Steps {
				for _, cell := range step.Cells {
					if cell.Expected == "blocked" {
						Expect(cell.Mark).NotTo(Equal(runner.MarkPass), cell.ID)
					} else {
						Expect(cell.Mark).To(Equal(runner.MarkPass), cell.ID)
					}
				}
			}
		}
	}, SpecTimeout(8*time.Minute))

	DescribeTable("finds exactly the cells that a mistake makes wrong",
		func(ctx SpecContext, policy string, wrong ...string) {
			file := filepath.Join(GinkgoT().TempDir(), "shop.yaml")
			Expect(os.WriteFile(file, []byte(fmt.Sprintf(shopScenario, policy)), 0o644)).To(Succeed())
			report, code := run(ctx, kubeconfig, file, "--settle-timeout", "8s")
			var found []string
			for _, step := range report.Scenarios[0].Steps {
				for _, cell := range step.Cells {
					if cell.Mark == runner.MarkFail {
						found = append(found, fmt.Sprintf("%s -> %s:%d %s", cell.From.Text, cell.To.Text, cell.Port, cell.Observed))
						Expect(cell.Verdict).NotTo(BeNil(), "what the policies say")
						Expect(cell.Repeat).To(ContainSubstring("--only"))
					} else {
						Expect(cell.Mark).To(Equal(runner.MarkPass), cell.ID)
					}
				}
			}
			Expect(unique(found)).To(ConsistOf(wrong))
			Expect(code == runner.ExitAsExpected).To(Equal(len(wrong) == 0))
		},
		Entry("none without a mistake", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}`,
			SpecTimeout(tooLong)),
		Entry("a typo in the peer's label", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: wbe}}}], ports: [{port: 5432}]}]}`,
			"web -> db:5432 timeout", SpecTimeout(tooLong)),
		Entry("a typo in the policy's own selector", `{podSelector: {matchLabels: {app: bd}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}`,
			"stranger -> db:5432 connected", SpecTimeout(tooLong)),
		Entry("the wrong port", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5433}]}]}`,
			"web -> db:5432 timeout", SpecTimeout(tooLong)),
		Entry("a direction missing from policyTypes", `{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress], ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}`,
			"stranger -> db:5432 connected", SpecTimeout(tooLong)),
	)

	It("cleans up when it is interrupted", func(ctx SpecContext) {
		cmd := podknock(ctx, kubeconfig, "run", "deny-backend", "--image", *imageFlag)
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		Expect(cmd.Start()).To(Succeed())
		Eventually(ctx, func() []string { return leftovers(ctx) }).ShouldNot(BeEmpty())
		Expect(cmd.Process.Signal(os.Interrupt)).To(Succeed())
		_ = cmd.Wait()
		Expect(cmd.ProcessState.ExitCode()).To(Equal(runner.ExitInconclusive), out.String())
		Expect(out.String()).To(ContainSubstring("interrupted"))
	}, SpecTimeout(2*time.Minute))

	It("leaves what `podknock cleanup` removes when it is killed", func(ctx SpecContext) {
		cmd := podknock(ctx, kubeconfig, "run", "deny-backend", "--image", *imageFlag)
		Expect(cmd.Start()).To(Succeed())
		var left []string
		Eventually(ctx, func() []string { left = leftovers(ctx); return left }).ShouldNot(BeEmpty())
		Expect(cmd.Process.Kill()).To(Succeed())
		_ = cmd.Wait()
		namespace, err := clientset.CoreV1().Namespaces().Get(ctx, left[0], metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		out, err := podknock(ctx, kubeconfig, "cleanup", "--run", namespace.Labels["podknock.dev/run"]).CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(out))
	}, SpecTimeout(2*time.Minute))
})

func unique(items []string) []string {
	seen := map[string]bool{}
	var kept []string
	for _, item := range items {
		if !seen[item] {
			seen[item] = true
			kept = append(kept, item)
		}
	}
	return kept
}

// shopScenario expects web, and nobody else, to reach db. Its policy is the
// row's.
const shopScenario = `apiVersion: podknock.dev/v1alpha1
kind: Scenario
metadata: {name: shop}
about: The shop's front reaches its database, and nobody else does.
namespaces:
  shop: {}
pods:
  web: {namespace: shop, labels: {app: web}, why: the one that may}
  db: {namespace: shop, labels: {app: db}, ports: [5432/TCP]}
  stranger: {namespace: shop, why: nobody may}
steps:
  - name: db-policy applied
    apply:
      - apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: db-policy, namespace: shop}
        spec: %s
    expect:
      - {from: web, to: "db:5432", outcome: connected}
      - {from: stranger, to: "db:5432", outcome: blocked}
`
