//go:build e2e

package e2e

import (
	. "github.com/onsi/ginkgo/v2"
)

var _ = Describe("podknock why", Serial, func() {
	DescribeTable("accuses nothing where nothing is wrong", func(ctx SpecContext, c whyCase) { c.play(ctx) },
		Entry("no policy at all", whyCase{manifests: whyPair, from: "NS/web", to: "NS/db:5432", args: wish("connected")}, SpecTimeout(whyTimeout)),
		Entry("no policy, by Service", Label("full"), whyCase{manifests: whyPair, from: "NS/web", to: "svc/NS/db", args: wish("connected")}, SpecTimeout(whyTimeout)),
		Entry("no policy, by name", Label("full"), whyCase{manifests: whyPair, from: "NS/web", to: "db.NS:80", args: wish("connected")}, SpecTimeout(whyTimeout)),
		Entry("no policy, over UDP", Label("full"), whyCase{manifests: whyPair, from: "NS/web", to: "NS/db:5432/UDP", args: wish("connected")}, SpecTimeout(whyTimeout)),
		Entry("a deny that is meant", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "deny", denyIngress), from: "NS/web", to: "NS/db:5432", args: wish("blocked"),
		}, SpecTimeout(whyTimeout)),
		Entry("a rule that admits what is meant", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "deny", denyIngress) + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}`),
			from:      "NS/web", to: "NS/db:5432", args: wish("connected"),
		}, SpecTimeout(whyTimeout)),
		Entry("both directions locked, with DNS", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "deny", denyBoth) + whyPolicy("NS", "dns", dnsOnly) +
				whyPolicy("NS", "web", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: pg}]}]}`) +
				whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: pg}]}]}`),
			from: "NS/web", to: "db.NS:80", args: wish("connected"),
		}, SpecTimeout(whyTimeout)),
		Entry("across namespaces, as meant", Label("full"), whyCase{
			manifests: whyPair + otherClient + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: OTHER}}, podSelector: {matchLabels: {app: client}}}]}]}`),
			from:      "OTHER/client", to: "svc/NS/db", args: wish("connected"),
		}, SpecTimeout(whyTimeout)),
		Entry("outside the cluster, as meant", Label("full"), whyCase{
			manifests: whyPair + whyPolicy("NS", "web", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}`),
			from:      "NS/web", to: "192.0.2.10:80", args: wish("connected"),
		}, SpecTimeout(whyTimeout)),
		Entry("a Deployment behind a Service, with a policy by its labels", Label("full"), whyCase{
			manifests: whyWeb + deployment + whyPolicy("NS", "api", `{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 8080}]}]}`),
			from:      "NS/web", to: "svc/NS/api", args: wish("connected"),
		}, SpecTimeout(whyTimeout)),
		Entry("blocked from a Deployment, as meant", Label("full"), whyCase{
			manifests: whyDB + deployment + whyPolicy("NS", "db", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}`),
			from:      "NS/deploy/api", to: "NS/db:5432", args: wish("blocked"),
		}, SpecTimeout(whyTimeout)),
	)
})
