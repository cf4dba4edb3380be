package identity_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/podknock/podknock/runner/diagnose/identity"
)

func demand(t *testing.T, kind identity.Kind, selector string) identity.Demand {
	t.Helper()
	parsed, err := labels.Parse(selector)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return identity.Demand{Kind: kind, Owner: "shop/" + selector, Selector: parsed}
}

func tolerable(d identity.Demand) identity.Demand {
	d.Tolerable = "because"
	return d
}

func TestIdentities(t *testing.T) {
	const policy, service, replicas = identity.KindPolicy, identity.KindService, identity.KindReplicaSet
	real := map[string]string{"app": "web", "tier": "front", "pod-template-hash": "abc"}
	for _, row := range []struct {
		name    string
		fixed   map[string]string
		demands []identity.Demand
		way     identity.Way
		labels  map[string]string
		objects []string
	}{
		{"a DaemonSet wants the very label that the policy wants", nil,
			[]identity.Demand{demand(t, policy, "app=web"), demand(t, identity.KindDaemonSet, "app=web")}, identity.WayRefused, nil, nil},
		{"a budget of all pods cannot be avoided", nil,
			[]identity.Demand{demand(t, identity.KindBudget, "")}, identity.WayRefused, nil, nil},
		{"a policy looks at the hash label, and so does the ReplicaSet", nil,
			[]identity.Demand{demand(t, policy, "pod-template-hash=abc"), demand(t, replicas, "pod-template-hash=abc")}, identity.WayRefused, nil, nil},
		{"a fixed label is matched by a Service", map[string]string{"podknock.dev/run": "r"},
			[]identity.Demand{demand(t, service, "podknock.dev/run")}, identity.WayRefused, nil, nil},
		{"nothing looks", nil, nil, identity.WaySynthesized, map[string]string{}, nil},
		{"a budget of all pods is tolerable", nil,
			[]identity.Demand{tolerable(demand(t, identity.KindBudget, ""))}, identity.WayTolerated, map[string]string{}, []string{"PodDisruptionBudget shop/"}},
		{"the Service looks at one more label than the policy", nil,
			[]identity.Demand{demand(t, policy, "app=web"), demand(t, service, "app=web,tier=front"), demand(t, replicas, "app=web,pod-template-hash=abc")},
			identity.WaySynthesized, map[string]string{"app": "web"}, nil},
		{"the policy wants that a label is there", nil,
			[]identity.Demand{demand(t, policy, "app"), demand(t, service, "app=web")}, identity.WaySynthesized, map[string]string{"app": "podknock"}, nil},
		{"the policy excludes a value that is not the pod's", nil,
			[]identity.Demand{demand(t, policy, "app notin (db)"), demand(t, service, "app=web")}, identity.WaySynthesized, map[string]string{}, nil},
		{"a policy does not select the pod, and must not select its double", nil,
			[]identity.Demand{demand(t, policy, "!app"), demand(t, service, "app=web")}, identity.WaySynthesized, map[string]string{"app": "podknock"}, nil},
		{"a Service looks at exactly what the policy looks at", nil,
			[]identity.Demand{demand(t, policy, "app=web"), tolerable(demand(t, service, "app=web")), demand(t, replicas, "app=web,pod-template-hash=abc")},
			identity.WayTolerated, map[string]string{"app": "web"}, []string{"Service shop/app=web"}},
		{"of two tolerable ones, one can be avoided", nil,
			[]identity.Demand{demand(t, policy, "app=web"), tolerable(demand(t, service, "app=web")), tolerable(demand(t, service, "app=web,tier=front"))},
			identity.WayTolerated, map[string]string{"app": "web"}, []string{"Service shop/app=web"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			got := identity.Judge(real, row.fixed, row.demands)
			g.Expect(got.Way).To(Equal(row.way), "%+v", got)
			g.Expect(got.Labels).To(Equal(row.labels))
			var objects []string
			for _, tolerated := range got.Tolerated {
				g.Expect(tolerated.Reason).To(Equal("because"))
				objects = append(objects, tolerated.Object)
			}
			g.Expect(objects).To(Equal(row.objects))
			if row.way == identity.WayRefused {
				g.Expect(got.Obstacles).NotTo(BeEmpty())
				return
			}
			whole := labels.Merge(got.Labels, row.fixed)
			g.Expect(identity.Check(real, whole, row.demands, got.Tolerated)).To(BeEmpty())
		})
	}
}

func TestCheckNamesWhatFails(t *testing.T) {
	g := NewWithT(t)
	demands := []identity.Demand{demand(t, identity.KindPolicy, "app=web"), demand(t, identity.KindService, "x")}
	g.Expect(identity.Check(map[string]string{"app": "web"}, map[string]string{"x": "1"}, demands, nil)).To(HaveExactElements(
		"NetworkPolicy shop/app=web judges it unlike the pod", "Service shop/x matches it"))
}

func TestSelectorsOfTheAPI(t *testing.T) {
	g := NewWithT(t)
	_, err := identity.New(identity.KindBudget, "shop/b", "spec.selector", &metav1.LabelSelector{
		MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}},
	})
	g.Expect(err).To(MatchError(ContainSubstring("PodDisruptionBudget shop/b")))
	none, err := identity.New(identity.KindBudget, "shop/b", "spec.selector", nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(none.Selector.Matches(labels.Set{"a": "b"})).To(BeFalse(), "a nil selector matches nothing")
	g.Expect(identity.FromMap(identity.KindService, "shop/s", "spec.selector", nil).Selector.Matches(labels.Set{})).To(BeFalse())
}

// universe are all label sets over three keys with the values of the random selectors and one more.
func universe() []labels.Set {
	values := []string{"", "x", "y", "other"}
	var sets []labels.Set
	for _, a := range values {
		for _, b := range values {
			for _, c := range values {
				set := labels.Set{}
				for key, text := range map[string]string{"a": a, "b": b, "c": c} {
					if text != "" {
						set[key] = text
					}
				}
				sets = append(sets, set)
			}
		}
	}
	return sets
}

func randomSelector(random *rand.Rand) string {
	selector := ""
	for range 1 + random.IntN(2) {
		key := string("abc"[random.IntN(3)])
		term := []string{key + "=x", key + "=y", key + "!=x", key, "!" + key, key + " in (x,y)", key + " notin (x,y)", key + "=x"}[random.IntN(8)]
		if selector != "" {
			selector += ","
		}
		selector += term
	}
	return selector
}

// TestRandomSelectors compares the search with trying every label set there is: what it finds meets every demand, and where it finds none
// there is none.
func TestRandomSelectors(t *testing.T) {
	sets := universe()
	kinds := []identity.Kind{identity.KindPolicy, identity.KindPolicy, identity.KindService, identity.KindReplicaSet}
	found, none := 0, 0
	for seed := range uint64(4000) {
		random := rand.New(rand.NewPCG(seed, 1))
		real := sets[random.IntN(len(sets))]
		var demands []identity.Demand
		for range 1 + random.IntN(7) {
			demands = append(demands, demand(t, kinds[random.IntN(len(kinds))], randomSelector(random)))
		}
		got := identity.Synthesize(real, nil, demands)
		if got.Found() {
			found++
			if failed := identity.Check(real, got.Labels, demands, nil); len(failed) > 0 {
				t.Fatalf("seed %d: labels %v of pod %v: %v", seed, got.Labels, real, failed)
			}
			continue
		}
		none++
		for _, set := range sets {
			if len(identity.Check(real, set, demands, nil)) == 0 {
				t.Fatalf("seed %d: no labels found for pod %v, but %v do", seed, real, fmt.Sprint(set))
			}
		}
	}
	if found < 500 || none < 500 {
		t.Fatalf("%d found and %d not: the random demands do not try both", found, none)
	}
}
