package policytest

import (
	"fmt"
	"math/rand/v2"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// New returns the generator of a seed.
func New(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// pick chooses one of the options.
func pick[T any](r *rand.Rand, options ...T) T { return options[r.IntN(len(options))] }

// chance is true in one of n cases.
func chance(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }

// list makes between low and high items.
func list[T any](r *rand.Rand, low, high int, item func() T) []T {
	var items []T
	for range low + r.IntN(high-low+1) {
		items = append(items, item())
	}
	return items
}

var (
	keys   = []string{"app", "tier", "example.com/role"}
	values = []string{"a", "b", ""}
)

func randomLabels(r *rand.Rand) map[string]string {
	set := map[string]string{}
	for _, key := range keys {
		if !chance(r, 3) {
			set[key] = pick(r, values...)
		}
	}
	if len(set) == 0 && chance(r, 2) {
		return nil
	}
	return set
}

func randomSelector(r *rand.Rand) metav1.LabelSelector {
	var selector metav1.LabelSelector
	if chance(r, 5) {
		return selector
	}
	if chance(r, 2) {
		selector.MatchLabels = map[string]string{}
		for range 1 + r.IntN(2) {
			selector.MatchLabels[pick(r, keys...)] = pick(r, values...)
		}
	}
	if chance(r, 2) {
		selector.MatchExpressions = list(r, 1, 2, func() metav1.LabelSelectorRequirement { return randomRequirement(r) })
	}
	return selector
}

func randomRequirement(r *rand.Rand) metav1.LabelSelectorRequirement {
	requirement := metav1.LabelSelectorRequirement{
		Key: pick(r, keys...),
		Operator: pick(r, metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn,
			metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist),
	}
	if requirement.Operator == metav1.LabelSelectorOpIn || requirement.Operator == metav1.LabelSelectorOpNotIn {
		requirement.Values = slices.Compact(list(r, 1, 3, func() string { return pick(r, values...) }))
	}
	return requirement
}

func nodeName(i int) string { return fmt.Sprintf("node-%d", i) }
