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

	"github.com/podknock/podknock/runner"
)

var _ = Describe("podknock run finds what is wrong", Serial, func() {
	BeforeEach(func(ctx SpecContext) { leavesNothing(ctx, restConfig) }, NodeTimeout(time.Minute))

	DescribeTable("exactly the cells that a mistake in a policy makes wrong, with what the policies say and how to repeat them",
		func(ctx SpecContext, policy string, wrong ...string) {
			file := filepath.Join(GinkgoT().TempDir(), "shop.yaml")
			Expect(os.WriteFile(file, []byte(fmt.Sprintf(shopScenario, policy)), 0o644)).To(Succeed())
			code, report := start(ctx, kubeconfig, file, "--settle-timeout", "8s").wait()
			Expect(report.Scenarios).To(HaveLen(1))
			var found []string
			for _, step := range report.Scenarios[0].Steps {
				for _, cell := range step.Cells {
					if cell.Mark == runner.MarkPass {
						continue
					}
					found = append(found, fmt.Sprintf("%s: %s -> %s:%d %s", cell.Mark, cell.From.Text, cell.To.Text, cell.Port, cell.Observed))
					Expect(cell.Verdict).NotTo(BeNil())
					Expect(cell.Repeat).To(ContainSubstring("--only"))
				}
			}
			// One cell for each family that the pods have.
			slices.Sort(found)
			Expect(slices.Compact(found)).To(HaveExactElements(wrong))
			Expect(code == runner.ExitAsExpected).To(Equal(len(wrong) == 0))
		},
		Entry("none without a mistake",
			`{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}`,
			SpecTimeout(tooLong)),
		Entry("a typo in the peer's label",
			`{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: wbe}}}], ports: [{port: 5432}]}]}`,
			"fail: web -> db:5432 timeout", SpecTimeout(tooLong)),
		Entry("a typo in the policy's own selector",
			`{podSelector: {matchLabels: {app: bd}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}`,
			"fail: stranger -> db:5432 connected", SpecTimeout(tooLong)),
		Entry("the wrong port",
			`{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5433}]}]}`,
			"fail: web -> db:5432 timeout", SpecTimeout(tooLong)),
		Entry("a direction missing from policyTypes",
			`{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress], ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}`,
			"fail: stranger -> db:5432 connected", SpecTimeout(tooLong)),
	)

	It("no block at all on a cluster that enforces nothing, and nothing else wrong with it", Label("lab", "full"), func(ctx SpecContext) {
		const open = "open"
		lab(ctx, open, "up", "--engine", "none")
		DeferCleanup(func(ctx SpecContext) { lab(ctx, open, "down") }, NodeTimeout(time.Minute))
		lab(ctx, open, "load", abs(*archiveFlag))
		code, report := start(ctx, filepath.Join("/run/podknock", open, "kubeconfig"), append([]string{"guides", "--settle-timeout", "6s"}, externals...)...).wait()
		Expect(code).To(Equal(runner.ExitMismatch))
		Expect(report.Scenarios).To(HaveLen(23))
		for _, scenario := range report.Scenarios {
			Expect(scenario.Error).To(BeEmpty(), scenario.Name)
			Expect(scenario.Mark).To(Equal(runner.MarkFail), scenario.Name)
			for _, step := range scenario.Steps {
				for _, cell := range step.Cells {
					switch cell.Expected {
					case "blocked", "dns-failure":
						Expect(cell.Mark).To(Equal(runner.MarkFail), cell.ID)
					default:
						Expect(cell.Mark).To(Equal(runner.MarkPass), cell.ID)
					}
				}
			}
		}
	}, SpecTimeout(8*time.Minute))

	It("nothing on a cluster with IPv4 alone", Label("lab", "full"), func(ctx SpecContext) {
		const four = "four"
		lab(ctx, four, "up", "--ip-family", "ipv4")
		DeferCleanup(func(ctx SpecContext) { lab(ctx, four, "down") }, NodeTimeout(time.Minute))
		lab(ctx, four, "load", abs(*archiveFlag))
		code, report := start(ctx, filepath.Join("/run/podknock", four, "kubeconfig"), append([]string{"guides"}, externals...)...).wait()
		Expect(code).To(BeZero())
		Expect(report.Scenarios).To(HaveLen(23))
	}, SpecTimeout(8*time.Minute))
})

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
