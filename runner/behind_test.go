package runner

import (
	"testing"

	. "github.com/onsi/gomega"
)

// serviceScenario has a Service with a single pod behind it.
const serviceScenario = `
apiVersion: podknock.dev/v1alpha1
kind: Scenario
metadata: {name: services}
about: Services and their pods.
namespaces: {app: {}}
pods:
  client: {namespace: app}
  alone: {namespace: app, labels: {app: alone}, ports: [80]}
services:
  alone-service: {namespace: app, selector: {app: alone}, ports: [80]}
steps:
  - name: no policy
    expect:
      - {from: client, to: "alone-service:80", outcome: connected}
`

func TestAServiceWhosePodsDidNotStartIsAnError(t *testing.T) {
	g := NewWithT(t)
	cluster := newFakeCluster()
	cluster.cannotStart = map[string]string{"alone": "exceeded quota"}
	report := runOn(t, t.Context(), cluster, fastOptions(), serviceScenario)
	g.Expect(report.Counts.Fail).To(BeZero())
	found := marks(report.Scenarios[0].Steps[len(report.Scenarios[0].Steps)-1])
	g.Expect(found).To(HaveKeyWithValue("client->alone-service:80", MarkError))
	for _, cell := range report.Scenarios[0].Steps[0].Cells {
		if cell.To.Name == "alone-service" {
			g.Expect(cell.Error).To(And(HavePrefix(`nothing is behind the Service "alone-service": pod "alone" did not start: `), HaveSuffix("exceeded quota")))
		}
	}
}
