package generate

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/scenarios/policy"
)

// Options help to choose. The zero value is sensible.
type Options struct {
	// Pods are those of the cluster, if they are known: the numbers of named ports are taken from them.
	Pods []corev1.Pod
}

// Scenario is a generated file.
type Scenario struct {
	// Name is NAMESPACE-POLICY, with -external at its end for the one of the ipBlocks. It is also the name of the file, without its ending.
	Name string
	// YAML is the file.
	YAML []byte
	// Proven are the rules without which some cell would be expected otherwise: "spec.ingress[0]".
	Proven []string
}

// Result is what was made of a policy.
type Result struct {
	Policy    policy.PolicyRef
	Scenarios []Scenario
	// Unproven are sentences about parts of the policy that no scenario proves, and why.
	Unproven []string
}

// From makes the scenarios of a policy. The error says that the API server would reject the policy; nothing is made of it then.
func From(object *networkingv1.NetworkPolicy, options Options) (Result, error) {
	return from(object, options, nameOf(object))
}

// All makes the scenarios of policies, in the order of their namespaces and names. Names of files are unique. Policies that the API server would
// reject are the error, all of them; nothing is made then.
func All(policies []networkingv1.NetworkPolicy, options Options) ([]Result, error) {
	ordered := slices.SortedFunc(slices.Values(policies), func(a, b networkingv1.NetworkPolicy) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	var results []Result
	var faults []error
	taken := map[string]bool{}
	for i := range ordered {
		name := nameOf(&ordered[i])
		for n := 2; taken[name] || taken[name+externalSuffix]; n++ {
			name = fmt.Sprintf("%s-%d", nameOf(&ordered[i]), n)
		}
		taken[name], taken[name+externalSuffix] = true, true
		result, err := from(&ordered[i], options, name)
		results, faults = append(results, result), append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return results, nil
}

// externalSuffix ends the name of the scenario with the hosts outside the cluster.
const externalSuffix = "-external"

func from(object *networkingv1.NetworkPolicy, options Options, name string) (Result, error) {
	if faults := policy.Validate(object); len(faults) > 0 {
		return Result{}, fmt.Errorf("generate a scenario of policy %q: %w", object.Namespace+"/"+object.Name, faults.ToAggregate())
	}
	m := newMaker(object, options)
	if !m.castSubject() {
		return Result{Policy: refOf(object), Unproven: m.unproven}, nil
	}
	result := Result{Policy: refOf(object)}
	m.castPeers()
	main, err := m.finish(name)
	if err != nil {
		return Result{}, err
	}
	result.Scenarios = append(result.Scenarios, main)
	if outer := m.external(); outer != nil {
		scenario, err := outer.finish(name + externalSuffix)
		if err != nil {
			return Result{}, err
		}
		result.Scenarios = append(result.Scenarios, scenario)
		m.unproven = append(m.unproven, outer.unproven...)
	}
	m.unproven = append(m.unproven, m.unshown(result.Scenarios)...)
	result.Unproven = m.unproven
	return result, nil
}

// unshown says which rules no scenario proves.
func (m *maker) unshown(made []Scenario) []string {
	proven := map[string]bool{}
	for _, scenario := range made {
		for _, rule := range scenario.Proven {
			proven[rule] = true
		}
	}
	var sentences []string
	for _, r := range rulesOf(m.object) {
		if !r.governed {
			sentences = append(sentences, fmt.Sprintf("%s is ignored: policyTypes lacks %s", r.field(), r.policyType))
		} else if !proven[r.field()] {
			sentences = append(sentences, fmt.Sprintf("%s makes no difference to any cell: other rules admit the same, or its peers can't be made", r.field()))
		}
	}
	return sentences
}

var notOfAName = regexp.MustCompile(`[^a-z0-9-]+`)

// maxName leaves room for an ending within the 63 characters of a DNS label.
const maxName = 50

// nameOf is the name of a policy's scenario.
func nameOf(object *networkingv1.NetworkPolicy) string {
	name := notOfAName.ReplaceAllString(strings.ToLower(object.Namespace+"-"+object.Name), "-")
	return strings.Trim(name[:min(len(name), maxName)], "-")
}
