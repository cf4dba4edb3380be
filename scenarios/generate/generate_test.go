package generate_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/scenarios"
	"github.com/podknock/podknock/scenarios/generate"
	"github.com/podknock/podknock/scenarios/policy/policytest"
)

// expand loads a generated scenario strictly and writes it out.
func expand(t *testing.T, made generate.Scenario) *scenarios.Expansion {
	t.Helper()
	scenario, err := scenarios.Loader{}.Parse(made.Name+".yaml", made.YAML)
	NewWithT(t).Expect(err).NotTo(HaveOccurred(), "%s", made.YAML)
	NewWithT(t).Expect(scenario.Metadata.Name).To(Equal(made.Name))
	expansion, err := scenarios.Expand(scenario, scenarios.ExpandOptions{Families: []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}})
	NewWithT(t).Expect(err).NotTo(HaveOccurred(), "%s", made.YAML)
	return expansion
}

// random is a valid policy.
func random(seed uint64) *networkingv1.NetworkPolicy {
	r := rand.New(rand.NewPCG(seed, 7))
	object := policytest.Policy(r, fmt.Sprintf("policy-%d", seed), "ns-0", "ns-1")
	return &object
}

// TestStatedExpectationsAreThoseOfTheEvaluator makes scenarios of random policies: they load strictly, each cell is stated or kept as the policies
// have it, and each that should be blocked has a control.
func TestStatedExpectationsAreThoseOfTheEvaluator(t *testing.T) {
	for seed := range uint64(cases(t)) {
		object := random(seed)
		result, err := generate.From(object, generate.Options{})
		NewWithT(t).Expect(err).NotTo(HaveOccurred(), "seed %d", seed)
		if seed < 5 {
			NewWithT(t).Expect(generate.From(object, generate.Options{})).To(Equal(result), "seed %d", seed)
		}
		for _, made := range result.Scenarios {
			expansion := expand(t, made)
			for i := range expansion.Steps {
				evaluator, err := expansion.Steps[i].Evaluator()
				NewWithT(t).Expect(err).NotTo(HaveOccurred())
				for _, cell := range expansion.Steps[i].Cells {
					computed, err := evaluator.Expected(cell)
					NewWithT(t).Expect(err).NotTo(HaveOccurred())
					if computed != cell.Expected {
						t.Fatalf("seed %d, %s, %s: %s is stated, %s computed\n%s", seed, expansion.Steps[i].Name, cell, cell.Expected, computed, made.YAML)
					}
					if cell.Expected.NeedsControl() && cell.Control == nil {
						t.Fatalf("seed %d: %s has no control\n%s", seed, cell, made.YAML)
					}
				}
			}
		}
	}
}

func cases(t *testing.T) int {
	t.Helper()
	if testing.Short() {
		return 10
	}
	return 30
}

func field(direction string, i int) string { return fmt.Sprintf("spec.%s[%d]", direction, i) }

// selecting reports whether a peer is one that scenarios make pods of.
func selecting(peer networkingv1.NetworkPolicyPeer) bool { return peer.IPBlock == nil }

// narrow reports whether ports leave something out that a scenario knocks on.
func narrow(ports []networkingv1.NetworkPolicyPort) bool {
	return len(ports) > 0 && !slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool { return p.Port == nil })
}
