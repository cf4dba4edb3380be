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

	It("exactly the cells that a mistake in a policy makes wrong, with what the policies say and how to repeat them", func(ctx SpecContext) {
		files := GinkgoT().TempDir()
		for name, m := range mistakes {
			Expect(os.WriteFile(filepath.Join(files, name+".yaml"), []byte(fmt.Sprintf(shopScenario, name, m.policy)), 0o644)).To(Succeed())
		}
		code, report := start(ctx, kubeconfig, files, "--settle-timeout", "8s").wait()
		Expect(code).To(Equal(runner.ExitMismatch))
		Expect(report.Scenarios).To(HaveLen(len(mistakes)))
		for _, scenario := range report.Scenarios {
			By(scenario.Name)
			var found []string
			for _, step := range scenario.Steps {
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
			Expect(slices.Compact(found)).To(HaveExactElements(mistakes[scenario.Name].wrong))
			Expect(scenario.Mark == runner.MarkPass).To(Equal(len(found) == 0))
		}
	}, SpecTimeout(tooLong))

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

// mistakes are specs of policies that are meant to let web, and nobody else, reach db, and the cells that become wrong.
var mistakes = map[string]struct {
	policy string
	wrong  []string
}{
	"none": {
		`{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}`, nil,
	},
	"typo-in-the-peer": {
		`{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: wbe}}}], ports: [{port: 5432}]}]}`,
		[]string{"fail: web -> db:5432 timeout"},
	},
	"typo-in-the-own-selector": {
		`{podSelector: {matchLabels: {app: bd}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}`,
		[]string{"fail: stranger -> db:5432 connected"},
	},
	"wrong-port": {
		`{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5433}]}]}`,
		[]string{"fail: web -> db:5432 timeout"},
	},
	"missing-direction": {
		`{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress], ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}`,
		[]string{"fail: stranger -> db:5432 connected"},
	},
}

// shopScenario expects web, and nobody else, to reach db. Its name and policy are those of the mistake.
const shopScenario = `apiVersion: podknock.dev/v1alpha1
kind: Scenario
metadata: {name: %s}
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
