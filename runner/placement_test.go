package runner

import (
	"context"
	"slices"
	"sync"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/scenarios"
)

// orderedCluster notes in which order pods are created.
type orderedCluster struct {
	*fakeCluster

	mu      sync.Mutex
	created []string
}

func (c *orderedCluster) CreatePod(ctx context.Context, order PodOrder) error {
	c.mu.Lock()
	c.created = append(c.created, order.Logical)
	c.mu.Unlock()
	return c.fakeCluster.CreatePod(ctx, order)
}

const keepAway = `
apiVersion: podknock.dev/v1alpha1
kind: Scenario
metadata: {name: keep-away}
about: Pods that are placed by others.
pods:
  beside: {sameNodeAs: away}
  away: {otherNodeThan: server}
  server: {ports: [80/TCP]}
steps:
  - {name: before, expect: [{from: "*", to: "*", outcome: connected}]}
`

func TestPodsThatOthersArePlacedByComeFirst(t *testing.T) {
	g := NewWithT(t)
	cluster := &orderedCluster{fakeCluster: newFakeCluster()}
	options := fastOptions()
	report := Run(t.Context(), cluster, planFor(t, keepAway, options), options)
	g.Expect(report.Error).To(BeEmpty())
	created := slices.DeleteFunc(cluster.created, func(name string) bool { return !slices.Contains([]string{"beside", "away", "server"}, name) })
	g.Expect(created).To(Equal([]string{"server", "away", "beside"}))
}

func planFor(t *testing.T, text string, options Options) *Plan {
	t.Helper()
	plan, err := NewPlan([]*scenarios.Scenario{parseScenario(t, text)}, options)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return plan
}
