package difftest

import (
	"flag"
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/podknock/podknock/scenarios/policy"
	"github.com/podknock/podknock/scenarios/policy/policytest"
)

var (
	cases = flag.Int("cases", 20000, "random clusters to compare, with four connections each")
	seed  = flag.Uint64("seed", 1, "seed of the first random cluster")
)

const connections = 4

// plugin behaves as the oracle assumes that all do: ipBlocks match the addresses of pods.
var plugin = policy.Plugin{BlocksMatchPods: policy.Yes}

func TestEvaluatorAgreesWithCyclonus(t *testing.T) {
	answers := map[policy.Verdict]int{}
	for i := range uint64(*cases) {
		r := policytest.New(*seed + i)
		cluster := policytest.Cluster(r, policytest.Options{Plain: true})
		cluster.Plugin = plugin
		var queries []policy.Query
		for range connections {
			query := policytest.Query(r, cluster)
			for query.Family = familyOf(query); query.Family == ""; query.Family = familyOf(query) {
				query = policytest.Query(r, cluster)
			}
			queries = append(queries, query)
		}
		for j, difference := range compare(cluster, queries, Masks, answers) {
			if difference == "" {
				continue
			}
			smallest := shrink(cluster, func(c policy.Cluster) bool {
				return compare(c, queries[j:j+1], Masks, map[policy.Verdict]int{})[0] == difference
			})
			text, err := yaml.Marshal(smallest)
			if err != nil {
				t.Fatal(err)
			}
			t.Fatalf("seed %d, %s to %s on %d/%s %s: %s\n%s", *seed+i, queries[j].From, queries[j].To, queries[j].Port, queries[j].Protocol,
				queries[j].Family, difference, text)
		}
	}
	t.Logf("%d connections in %d clusters: %v", *cases*connections, *cases, answers)
	if answers[policy.Deny]*10 < *cases || answers[policy.Allow]*10 < *cases {
		t.Errorf("the cases hardly exercise the policies: %v", answers)
	}
}

// familyOf is the family that both ends can speak; none if one address is IPv4 and the other IPv6.
func familyOf(query policy.Query) corev1.IPFamily {
	var families []corev1.IPFamily
	for _, end := range []policy.Endpoint{query.From, query.To} {
		switch {
		case end.Kind != policy.KindAddress:
		case end.Address.Is4():
			families = append(families, corev1.IPv4Protocol)
		default:
			families = append(families, corev1.IPv6Protocol)
		}
	}
	families = slices.Compact(families)
	switch len(families) {
	case 0:
		return []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}[query.Port%2]
	case 1:
		return families[0]
	}
	return ""
}

// compare answers the queries on both sides; where they differ the entry says how.
func compare(cluster policy.Cluster, queries []policy.Query, masks []Mask, answers map[policy.Verdict]int) []string {
	differences := make([]string, len(queries))
	evaluator, err := policy.Compile(maskSelectors(cluster, masks))
	if err != nil {
		return slices.Repeat([]string{"compile: " + err.Error()}, len(queries))
	}
	theirs := newOracle(cluster)
	for i, query := range queries {
		ours, err := evaluator.Verdict(query)
		if err != nil {
			differences[i] = "evaluator: " + err.Error()
			continue
		}
		wanted := policy.Allow
		if query.From != query.To {
			if wanted, err = theirs.verdict(query); err != nil {
				differences[i] = "oracle: " + err.Error()
				continue
			}
		}
		answers[ours]++
		if ours != wanted {
			differences[i] = fmt.Sprintf("evaluator says %q, oracle %q", ours, wanted)
		}
	}
	return differences
}

// TestOracleFaultsExist fails when a mask is not needed any more.
func TestOracleFaultsExist(t *testing.T) {
	pod := func(name string, labels map[string]string, ports ...corev1.ContainerPort) corev1.Pod {
		pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns-0", Name: name, Labels: labels}}
		pod.Spec.Containers = []corev1.Container{{Ports: ports}}
		pod.Status.PodIPs = []corev1.PodIP{{IP: "10.1.0.1"}}
		if name == "b" {
			pod.Status.PodIPs[0].IP = "10.1.0.2"
		}
		return pod
	}
	cluster := func(spec string) policy.Cluster {
		object := networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "ns-0", Name: "policy"}}
		if err := yaml.UnmarshalStrict([]byte(spec), &object.Spec); err != nil {
			t.Fatal(err)
		}
		port := corev1.ContainerPort{ContainerPort: 80, Protocol: corev1.ProtocolTCP}
		http, web := port, port
		http.Name, web.Name = "http", "web"
		return policy.Cluster{
			Namespaces: []corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "ns-0"}}},
			Pods:       []corev1.Pod{pod("a", nil), pod("b", nil, http, web)},
			Policies:   []networkingv1.NetworkPolicy{object},
			Plugin:     plugin,
		}
	}
	query := policy.Query{
		From: policy.Pod("ns-0", "a"), To: policy.Pod("ns-0", "b"), Port: 80, Protocol: corev1.ProtocolTCP, Family: corev1.IPv4Protocol,
	}
	for _, row := range []struct {
		mask, spec string
		right      policy.Verdict
		oracle     func(*oracle) (policy.Verdict, error)
	}{
		{mask: "notInAbsentKey", right: policy.Allow,
			spec: "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [a]}]}}]}]}"},
		{mask: "emptyValueAbsentKey", right: policy.Deny,
			spec: "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: \"\"}}}]}]}"},
		{mask: "self", right: policy.Allow, spec: "{podSelector: {}, policyTypes: [Ingress]}"},
		{mask: "oneNamePerPort", right: policy.Allow, spec: "{podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: http}]}]}",
			oracle: func(o *oracle) (policy.Verdict, error) {
				// The second of the two names that the receiver declares for port 80.
				return o.verdictUnder(query, []string{"web"})
			}},
	} {
		t.Run(row.mask, func(t *testing.T) {
			if !slices.ContainsFunc(Masks, func(m Mask) bool { return m.Name == row.mask && m.Reason != "" }) {
				t.Fatal("no such mask")
			}
			asked := query
			if row.mask == "self" {
				asked.From = asked.To
			}
			if row.oracle == nil {
				row.oracle = func(o *oracle) (policy.Verdict, error) { return o.verdict(asked) }
			}
			evaluator, err := policy.Compile(cluster(row.spec))
			if err != nil {
				t.Fatal(err)
			}
			if ours, err := evaluator.Verdict(asked); err != nil || ours != row.right {
				t.Errorf("evaluator says %q (%v)", ours, err)
			}
			if theirs, err := row.oracle(newOracle(cluster(row.spec))); err != nil || theirs == row.right {
				t.Errorf("the oracle is right now (%q, %v): remove the mask", theirs, err)
			}
		})
	}
}
