//go:build e2e

package e2e

import (
	"context"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/e2e/defects"
	"github.com/podknock/podknock/runner/verify"
)

// defectsLab is the lab whose engine is replaced again and again.
const defectsLab = "defects"

// longVerification is beyond what a verification of one engine takes that waits for what a faulty engine never does.
const longVerification = 10 * time.Minute

// expectCaught verifies a mutant and expects that its defect is named, and nothing else.
func expectCaught(ctx context.Context, bench *defects.Bench, mutant defects.Mutant) {
	GinkgoHelper()
	result, err := bench.Try(ctx, mutant)
	Expect(err).NotTo(HaveOccurred())
	Expect(result.Wrong).To(BeEmpty(), "%s: %s", mutant.Name, result.Report.Headline.Text)
}

// One engine of each family is verified in its axis alone, on the lab that all specs share: that takes a fraction of the time.
var _ = Describe("verify of an axis, of engines that are wrong on purpose", Label("lab"), Ordered, Serial, func() {
	var bench *defects.Bench
	var mutants []defects.Mutant

	BeforeAll(func(ctx SpecContext) {
		bench = &defects.Bench{Lab: abs(*labFlag), Podknock: abs(*podknockFlag), Name: suiteLab, Quick: true, Arguments: []string{"--image", *imageFlag, "--settle-timeout", "10s"}}
		var err error
		mutants, err = bench.Mutants(ctx)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func(ctx SpecContext) { Expect(bench.Set(ctx, defects.RightEngine)).To(Succeed()) }, NodeTimeout(time.Minute))
	}, NodeTimeout(time.Minute))

	DescribeTable("names the defect and accuses nothing else",
		func(ctx SpecContext, name string) {
			i := slices.IndexFunc(mutants, func(m defects.Mutant) bool { return m.Name == name })
			Expect(i).To(BeNumerically(">=", 0), "the lab has no engine %s", name)
			expectCaught(ctx, bench, mutants[i])
			expectNothingLeft(ctx)
		},
		Entry("a rule", "first-rule-only", SpecTimeout(longVerification)),
		Entry("a selector", "notin-needs-key", SpecTimeout(longVerification)),
		Entry("a port", "endport-off-by-one", SpecTimeout(longVerification)),
		Entry("a path", "one-node-open", SpecTimeout(longVerification)),
		Entry("a change", "policy-updates-ignored", SpecTimeout(longVerification)),
	)
})

var _ = Describe("verify, of engines that are wrong on purpose", Label("lab", "full"), Ordered, Serial, func() {
	var bench *defects.Bench

	BeforeAll(func(ctx SpecContext) {
		bench = &defects.Bench{Lab: abs(*labFlag), Podknock: abs(*podknockFlag), Name: defectsLab, Arguments: []string{"--image", *imageFlag}}
		lab(ctx, defectsLab, "up")
		DeferCleanup(func(ctx SpecContext) { lab(ctx, defectsLab, "down") }, NodeTimeout(time.Minute))
		lab(ctx, defectsLab, "load", abs(*archiveFlag))
	}, NodeTimeout(3*time.Minute))

	It("names every defect there is", func(ctx SpecContext) {
		mutants, err := bench.Mutants(ctx)
		Expect(err).NotTo(HaveOccurred())
		for _, mutant := range mutants {
			expectCaught(ctx, bench, mutant)
		}
	}, SpecTimeout(3*time.Hour))

	It("accuses the engine without defect in none of twenty runs", func(ctx SpecContext) {
		Expect(bench.Set(ctx, defects.RightEngine)).To(Succeed())
		for i := range 20 {
			report, err := bench.TryRight(ctx, i+1)
			Expect(err).NotTo(HaveOccurred())
			Expect(report.Headline.Conclusion).To(Equal(verify.ConcludedEnforced), report.Headline.Text)
		}
	}, SpecTimeout(time.Hour))
})
