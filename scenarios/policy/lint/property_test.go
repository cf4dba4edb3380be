package lint_test

import (
	"math/rand/v2"
	"testing"

	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/scenarios/policy/inventory"
	"github.com/podknock/podknock/scenarios/policy/lint"
	"github.com/podknock/podknock/scenarios/policy/policytest"
)

// TestTheOrderOfObjectsMeansNothing looks at random clusters, with broken policies too, and at the same ones shuffled.
func TestTheOrderOfObjectsMeansNothing(t *testing.T) {
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 1))
		cluster := policytest.Cluster(r, policytest.Options{})
		if seed%3 == 0 {
			for i := range cluster.Policies {
				policytest.Break(r, &cluster.Policies[i])
			}
		}
		knowledge := inventory.Knowledge{Pods: r.IntN(2) == 0, Namespaces: r.IntN(2) == 0}
		first, err := lint.Run(inventory.New(cluster, knowledge), nil, lint.Options{})
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		shuffled := cluster
		shuffled.Policies = append([]networkingv1.NetworkPolicy(nil), cluster.Policies...)
		r.Shuffle(len(shuffled.Policies), func(i, j int) {
			shuffled.Policies[i], shuffled.Policies[j] = shuffled.Policies[j], shuffled.Policies[i]
		})
		r.Shuffle(len(shuffled.Pods), func(i, j int) { shuffled.Pods[i], shuffled.Pods[j] = shuffled.Pods[j], shuffled.Pods[i] })
		r.Shuffle(len(shuffled.Services), func(i, j int) {
			shuffled.Services[i], shuffled.Services[j] = shuffled.Services[j], shuffled.Services[i]
		})
		second, err := lint.Run(inventory.New(shuffled, knowledge), nil, lint.Options{})
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		NewWithT(t).Expect(told(second, lint.Note)).To(Equal(told(first, lint.Note)), "seed %d", seed)
	}
}
