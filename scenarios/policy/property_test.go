package policy_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/scenarios/policy"
	"github.com/podknock/podknock/scenarios/policy/policytest"
)

var (
	cases = flag.Int("cases", 400, "random cases for each property")
	seed  = flag.Uint64("seed", 1, "seed of the first random case")
)

// queriesPerCase is how many random connections each random cluster is asked about.
const queriesPerCase = 8

// forEach runs a property on random clusters. What it reports names the seed: -seed=N -cases=1 repeats it.
func forEach(t *testing.T, property func(c *trial)) { forEachOf(t, *cases, property) }

func forEachOf(t *testing.T, cases int, property func(c *trial)) {
	for i := range uint64(cases) {
		r := policytest.New(*seed + i)
		c := &trial{T: t, r: r, seed: *seed + i, cluster: policytest.Cluster(r, policytest.Options{})}
		for range queriesPerCase {
			c.queries = append(c.queries, policytest.Query(r, c.cluster))
		}
		property(c)
		if t.Failed() {
			return
		}
	}
}

// trial is one random cluster and the queries that it is asked.
type trial struct {
	*testing.T
	r       *rand.Rand
	seed    uint64
	cluster policy.Cluster
	queries []policy.Query
}

// report fails with all that is needed to see the case.
func (c *trial) report(format string, arguments ...any) {
	c.Helper()
	text, err := yaml.Marshal(c.cluster)
	if err != nil {
		text = []byte(err.Error())
	}
	c.Fatalf("seed %d: %s\n%s", c.seed, fmt.Sprintf(format, arguments...), text)
}

func (c *trial) compile(cluster policy.Cluster) *policy.Evaluator {
	c.Helper()
	evaluator, err := policy.Compile(cluster)
	if err != nil {
		c.report("compile: %v", err)
	}
	return evaluator
}

// verdicts answers all queries; a refused one has no verdict.
func (c *trial) verdicts(evaluator *policy.Evaluator) []policy.Verdict {
	verdicts := make([]policy.Verdict, len(c.queries))
	for i, query := range c.queries {
		if verdict, err := evaluator.Verdict(query); err == nil {
			verdicts[i] = verdict
		}
	}
	return verdicts
}

// with is the cluster with other policies.
func (c *trial) with(policies ...networkingv1.NetworkPolicy) policy.Cluster {
	cluster := c.cluster
	cluster.Policies = policies
	return cluster
}

// rank orders verdicts from closed to open.
var rank = map[policy.Verdict]int{policy.Deny: 1, policy.Depends: 2, policy.Allow: 3}

func TestRandomPoliciesAreValid(t *testing.T) {
	verdicts := map[policy.Verdict]int{}
	forEach(t, func(c *trial) {
		for i := range c.cluster.Policies {
			if faults := policy.Validate(&c.cluster.Policies[i]); len(faults) > 0 {
				c.report("%v", faults.ToAggregate())
			}
		}
		for _, verdict := range c.verdicts(c.compile(c.cluster)) {
			verdicts[verdict]++
		}
	})
	t.Logf("verdicts: %v", verdicts)
	for _, verdict := range []policy.Verdict{policy.Allow, policy.Deny, policy.Depends} {
		NewWithT(t).Expect(verdicts[verdict]).To(BeNumerically(">", *cases*queriesPerCase/20), "the cases must exercise %q", verdict)
	}
}

func TestExplanationsAgreeWithVerdicts(t *testing.T) {
	forEach(t, func(c *trial) {
		evaluator := c.compile(c.cluster)
		for i, verdict := range c.verdicts(evaluator) {
			explanation, err := evaluator.Explain(c.queries[i])
			switch {
			case (err == nil) != (verdict != ""):
				c.report("%v: only one of Verdict and Explain fails: %v", c.queries[i], err)
			case err != nil:
				continue
			case explanation.Verdict != verdict:
				c.report("%v: Verdict says %q, Explain %q", c.queries[i], verdict, explanation.Verdict)
			case (verdict == policy.Depends) != (len(explanation.Doubts) > 0):
				c.report("%v: %q with doubts %v", c.queries[i], verdict, explanation.Doubts)
			}
			for _, path := range explanation.Paths {
				c.consistent(path)
			}
			for _, sentence := range explanation.Sentences() {
				if sentence == "" {
					c.report("%v: an empty sentence", c.queries[i])
				}
			}
		}
	})
}

// consistent checks that the parts of a path tell one story.
func (c *trial) consistent(path policy.Path) {
	c.Helper()
	if worse := min(rank[path.Egress.Verdict], rank[path.Ingress.Verdict]); worse != rank[path.Verdict] {
		c.report("path %q of ends %q and %q", path.Verdict, path.Egress.Verdict, path.Ingress.Verdict)
	}
	for _, end := range []policy.End{path.Egress, path.Ingress} {
		best := 0
		for _, selection := range end.Selecting {
			best = max(best, rank[selection.Verdict])
		}
		switch {
		case len(end.Selecting) > 0 && best != rank[end.Verdict]:
			c.report("%s: the policies alone say %v", end.Sentence(), end.Selecting)
		case end.Verdict == policy.Deny && (end.Basis != policy.BasisNoRule || end.Deciding != nil):
			c.report("%s: closed by %q", end.Sentence(), end.Basis)
		case end.Verdict == policy.Deny && len(end.Misses) < len(end.Selecting):
			c.report("%s: %d misses of %d policies", end.Sentence(), len(end.Misses), len(end.Selecting))
		case end.Basis == policy.BasisRule && end.Verdict == policy.Allow && end.Deciding == nil:
			c.report("%s: no deciding rule", end.Sentence())
		}
		for i, miss := range end.Misses {
			if len(miss.Terms) == 0 || miss.Distance <= 0 || i > 0 && miss.Distance < end.Misses[i-1].Distance {
				c.report("miss %d: %+v", i, miss)
			}
		}
	}
}

func TestPolicyThatSelectsNothingChangesNothing(t *testing.T) {
	forEach(t, func(c *trial) {
		idle := policytest.Policy(c.r, "idle", c.cluster.Namespaces[0].Name)
		idle.Spec.PodSelector.MatchLabels = map[string]string{"nobody": "has-this"}
		before := c.verdicts(c.compile(c.cluster))
		after := c.verdicts(c.compile(c.with(append(c.cluster.Policies[:len(c.cluster.Policies):len(c.cluster.Policies)], idle)...)))
		for i := range before {
			if before[i] != after[i] {
				c.report("%v: %q became %q", c.queries[i], before[i], after[i])
			}
		}
	})
}

func TestAddedRuleNeverCloses(t *testing.T) {
	forEach(t, func(c *trial) {
		if len(c.cluster.Policies) == 0 {
			return
		}
		changed := copies(c.cluster.Policies)
		grown := &changed[c.r.IntN(len(changed))]
		// An egress rule would add to the default of missing types, which isolates more.
		if len(grown.Spec.PolicyTypes) == 0 && len(grown.Spec.Egress) == 0 {
			grown.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		}
		grown.Spec.Ingress = append(grown.Spec.Ingress, policytest.IngressRule(c.r))
		grown.Spec.Egress = append(grown.Spec.Egress, policytest.EgressRule(c.r))
		c.neverCloses(c.verdicts(c.compile(c.cluster)), c.verdicts(c.compile(c.with(changed...))))
	})
}

func TestIsolatingPolicyNeverOpens(t *testing.T) {
	forEach(t, func(c *trial) {
		isolating := policytest.Policy(c.r, "isolating", c.cluster.Namespaces[0].Name)
		isolating.Spec.Ingress, isolating.Spec.Egress = nil, nil
		added := append(copies(c.cluster.Policies), isolating)
		c.neverCloses(c.verdicts(c.compile(c.with(added...))), c.verdicts(c.compile(c.cluster)))
	})
}

func (c *trial) neverCloses(before, after []policy.Verdict) {
	c.Helper()
	for i := range before {
		if rank[after[i]] < rank[before[i]] {
			c.report("%v: %q became %q", c.queries[i], before[i], after[i])
		}
	}
}

func copies(policies []networkingv1.NetworkPolicy) []networkingv1.NetworkPolicy {
	var copied []networkingv1.NetworkPolicy
	for i := range policies {
		copied = append(copied, *policies[i].DeepCopy())
	}
	return copied
}

func shuffle[T any](r *rand.Rand, items []T) {
	r.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
}

func TestOrderMeansNothing(t *testing.T) {
	forEach(t, func(c *trial) {
		before := c.compile(c.cluster)
		explanations := map[int]policy.Explanation{}
		for i, query := range c.queries {
			if explanation, err := before.Explain(query); err == nil {
				explanations[i] = explanation
			}
		}
		shuffled := c.cluster
		shuffled.Policies = copies(c.cluster.Policies)
		shuffle(c.r, shuffled.Policies)
		shuffle(c.r, shuffled.Namespaces)
		shuffle(c.r, shuffled.Nodes)
		shuffle(c.r, shuffled.Pods)
		shuffle(c.r, shuffled.Services)
		after := c.compile(shuffled)
		for i, explanation := range explanations {
			again, err := after.Explain(c.queries[i])
			if err != nil {
				c.report("%v: %v", c.queries[i], err)
			}
			NewWithT(c).Expect(again).To(Equal(explanation), "seed %d: the order of objects shows", c.seed)
		}
		for i := range shuffled.Policies {
			spec := &shuffled.Policies[i].Spec
			shuffle(c.r, spec.PolicyTypes)
			shuffle(c.r, spec.Ingress)
			shuffle(c.r, spec.Egress)
			for j := range spec.Ingress {
				shuffle(c.r, spec.Ingress[j].From)
				shuffle(c.r, spec.Ingress[j].Ports)
			}
			for j := range spec.Egress {
				shuffle(c.r, spec.Egress[j].To)
				shuffle(c.r, spec.Egress[j].Ports)
			}
		}
		for i, verdict := range c.verdicts(c.compile(shuffled)) {
			if verdict != explanations[i].Verdict {
				c.report("%v: %q became %q in another order of rules", c.queries[i], explanations[i].Verdict, verdict)
			}
		}
	})
}

func TestSmallestChangeAdmits(t *testing.T) {
	tried := map[policy.TermKind]int{}
	forEach(t, func(c *trial) {
		evaluator := c.compile(c.cluster)
		before := c.verdicts(evaluator)
		for i, verdict := range before {
			if verdict == "" {
				continue
			}
			explanation, err := evaluator.Explain(c.queries[i])
			if err != nil {
				c.report("%v: %v", c.queries[i], err)
			}
			for number, path := range explanation.Paths {
				for _, end := range []policy.End{path.Egress, path.Ingress} {
					for _, miss := range end.Misses {
						c.tryChange(i, number, end, miss, before)
						for _, term := range miss.Terms {
							tried[term.Kind]++
						}
					}
				}
			}
		}
	})
	t.Logf("changes tried by failed term: %v", tried)
}

// tryChange applies a change and asks again.
func (c *trial) tryChange(query, path int, end policy.End, miss policy.Miss, before []policy.Verdict) {
	c.Helper()
	changed := copies(c.cluster.Policies)
	selecting := false
	for i := range changed {
		if changed[i].Name != miss.Policy.Name {
			continue
		}
		applied, err := miss.Change.Apply(&changed[i])
		if err != nil {
			c.report("%v: %v", c.queries[query], err)
		}
		if faults := policy.Validate(applied); len(faults) > 0 {
			c.report("%s: %v", miss.Change.Sentence(), faults.ToAggregate())
		}
		changed[i] = *applied
	}
	for _, selection := range end.Selecting {
		selecting = selecting || selection.Policy == miss.Policy
	}
	evaluator := c.compile(c.with(changed...))
	explanation, err := evaluator.Explain(c.queries[query])
	if err != nil {
		c.report("%v: %v", c.queries[query], err)
	}
	now := explanation.Paths[path].Egress
	if end.Direction == networkingv1.PolicyTypeIngress {
		now = explanation.Paths[path].Ingress
	}
	if now.Verdict != miss.Change.Result || now.Verdict == policy.Deny {
		c.report("%v: %s\n%s\npromised %q, but %s", c.queries[query], miss.Sentence(), miss.Change.Sentence(), miss.Change.Result, now.Sentence())
	}
	if selecting {
		c.neverCloses(before, c.verdicts(evaluator))
	}
}

// TestVerdictsHoldOnEveryPlugin asks all plugins that there can be: a certain verdict is theirs too. A doubt that none of them feels is the
// price of three-valued logic, which forgets that two doubts are one; it must remain rare.
func TestVerdictsHoldOnEveryPlugin(t *testing.T) {
	doubtful, needless := 0, 0
	// Each case is compiled for 64 plugins.
	forEachOf(t, max(*cases/8, 1), func(c *trial) {
		c.cluster.Plugin = policy.Plugin{}
		unknown := c.verdicts(c.compile(c.cluster))
		seen := make([]map[policy.Verdict]bool, len(unknown))
		for _, plugin := range plugins() {
			cluster := c.cluster
			cluster.Plugin = plugin
			for i, verdict := range c.verdicts(c.compile(cluster)) {
				if unknown[i] != policy.Depends && unknown[i] != verdict {
					c.report("%v: %q on every plugin, but %q on %+v", c.queries[i], unknown[i], verdict, plugin)
				}
				if seen[i] == nil {
					seen[i] = map[policy.Verdict]bool{}
				}
				seen[i][verdict] = true
			}
		}
		for i, verdict := range unknown {
			if verdict != policy.Depends {
				continue
			}
			doubtful++
			if len(seen[i]) == 1 && !seen[i][policy.Depends] {
				needless++
			}
		}
	})
	t.Logf("%d verdicts depend, %d of them needlessly", doubtful, needless)
	NewWithT(t).Expect(needless*20).To(BeNumerically("<", doubtful), "more than one doubt in twenty is needless")
}

// plugins are all combinations of known traits.
func plugins() []policy.Plugin {
	var all []policy.Plugin
	for world := range 1 << 6 {
		trait := func(bit int) policy.Trait {
			if world&(1<<bit) != 0 {
				return policy.Yes
			}
			return policy.No
		}
		all = append(all, policy.Plugin{
			BlocksMatchPods: trait(0), BlocksMatchNodes: trait(1), BlocksMatchServices: trait(2),
			GovernsHostNetwork: trait(3), GovernsHairpin: trait(4), GovernsOwnNode: trait(5),
		})
	}
	return all
}

func TestDefaultsOfTheAPIServerChangeNothing(t *testing.T) {
	forEach(t, func(c *trial) {
		defaulted := copies(c.cluster.Policies)
		for i := range defaulted {
			spec := &defaulted[i].Spec
			if len(spec.PolicyTypes) == 0 {
				spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
				if len(spec.Egress) != 0 {
					spec.PolicyTypes = append(spec.PolicyTypes, networkingv1.PolicyTypeEgress)
				}
			}
		}
		cluster := c.with(defaulted...)
		cluster.Namespaces = slices.Clone(cluster.Namespaces)
		for i, namespace := range cluster.Namespaces {
			labels := map[string]string{"kubernetes.io/metadata.name": namespace.Name}
			for key, value := range namespace.Labels {
				labels[key] = value
			}
			cluster.Namespaces[i].ObjectMeta = metav1.ObjectMeta{Name: namespace.Name, Labels: labels}
		}
		NewWithT(c).Expect(c.verdicts(c.compile(cluster))).To(Equal(c.verdicts(c.compile(c.cluster))), "seed %d", c.seed)
	})
}
