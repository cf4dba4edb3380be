//go:build e2e

package e2e

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// slowAnswer is five times what the slowest of these answers took on two busy processors. What is promised is 15 s on a quiet machine.
const slowAnswer = 25 * time.Second

var _ = Describe("podknock why", Serial, Label("full"), func() {
	DescribeTable("answers soon", func(ctx SpecContext, c whyCase) {
		w := newWorld(ctx)
		w.apply(ctx, &c)
		w.onNodes(ctx, &c)
		answer := askWhy(ctx, kubeconfig, append([]string{w.words(c.from), w.words(c.to), "--yes"}, c.args...)...)
		AddReportEntry("time", answer.elapsed.Round(time.Millisecond), ReportEntryVisibilityAlways)
		Expect(answer.code).To(Equal(c.code))
		if c.cause != "" {
			Expect(answer.causes()).NotTo(BeEmpty())
			Expect(answer.causes()[0]).To(Equal(c.cause))
		}
		Expect(answer.elapsed).To(BeNumerically("<", slowAnswer))
		expectNothingLeft(ctx)
	},
		Entry("connected", whyCase{manifests: whyPair, from: "NS/web", to: "NS/db:5432", args: wish("connected")}, SpecTimeout(whyTimeout)),
		Entry("connected by a name", whyCase{manifests: whyPair, from: "NS/web", to: "db.NS:80", args: wish("connected")}, SpecTimeout(whyTimeout)),
		Entry("blocked by a policy", whyCase{
			manifests: whyPair + whyPolicy("NS", "deny", denyIngress), from: "NS/web", to: "NS/db:5432", args: wish("connected"), cause: "no-rule", code: 1,
		}, SpecTimeout(whyTimeout)),
		Entry("refused", whyCase{manifests: whyPair, from: "NS/web", to: "NS/db:5433", args: wish("connected"), cause: "not-listening", code: 1}, SpecTimeout(whyTimeout)),
		Entry("not enforced", whyCase{
			manifests: whyPair + whyPolicy("NS", "deny", denyIngress), from: "NS/web", to: "NS/db:5432", args: wish("blocked"), cause: "not-enforced", code: 1,
			node: []string{"-I FORWARD -j ACCEPT"},
		}, SpecTimeout(whyTimeout)),
		Entry("a name that does not resolve, for egress is locked", whyCase{
			manifests: whyPair + whyPolicy("NS", "web", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]}`),
			from:      "NS/web", to: "db.NS:80", args: wish("connected"), cause: "dns-forgotten", code: 1,
		}, SpecTimeout(whyTimeout)),
	)
})
