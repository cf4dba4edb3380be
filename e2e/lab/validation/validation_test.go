package validation

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/networking"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	"k8s.io/kubernetes/pkg/registry/networking/networkpolicy"
	"sigs.k8s.io/yaml"

	"github.com/podknock/podknock/scenarios/policy"
	"github.com/podknock/podknock/scenarios/policy/policytest"
)

var (
	cases = flag.Int("cases", 20000, "random policies to compare, half of them broken")
	seed  = flag.Uint64("seed", 1, "seed of the first random policy")
)

// server is what the API server does with a new NetworkPolicy between decoding and storing it: defaults, conversion, validation, warnings.
func server(t *testing.T, given *networkingv1.NetworkPolicy) (field.ErrorList, []string) {
	t.Helper()
	stored := given.DeepCopy()
	legacyscheme.Scheme.Default(stored)
	internal := &networking.NetworkPolicy{}
	if err := legacyscheme.Scheme.Convert(stored, internal, nil); err != nil {
		t.Fatalf("convert: %v", err)
	}
	ctx := genericapirequest.WithRequestInfo(context.Background(), &genericapirequest.RequestInfo{
		APIGroup: "networking.k8s.io", APIVersion: "v1", Resource: "networkpolicies", Verb: "create",
	})
	faults := networkpolicy.Strategy.Validate(ctx, internal)
	if len(faults) > 0 {
		return faults, nil
	}
	return nil, networkpolicy.Strategy.WarningsOnCreate(ctx, internal)
}

// spell makes errors comparable: sorted by field. The offending value is left out: the API server names another field's for an endPort.
func spell(faults field.ErrorList) []string {
	spelled := []string{}
	for _, fault := range faults {
		spelled = append(spelled, fmt.Sprintf("%s: %s: %s", fault.Field, fault.Type, fault.Detail))
	}
	slices.Sort(spelled)
	return spelled
}

func compare(t *testing.T, given *networkingv1.NetworkPolicy, about string) (accepted, warned bool) {
	t.Helper()
	faults, warnings := server(t, given)
	ours := policy.Validate(given)
	if theirs := spell(faults); !slices.Equal(spell(ours), theirs) {
		text, err := yaml.Marshal(given)
		if err != nil {
			t.Fatal(err)
		}
		t.Fatalf("%s\n%s\nours:   %q\nserver: %q", about, text, spell(ours), theirs)
	}
	if len(faults) > 0 {
		return false, false
	}
	if ours := policy.Warnings(given); !slices.Equal(ours, warnings) {
		t.Fatalf("%s: warnings %q, server %q", about, ours, warnings)
	}
	return true, len(warnings) > 0
}

func TestValidateAgreesWithTheAPIServer(t *testing.T) {
	accepted, rejected, warned := 0, 0, 0
	for i := range uint64(*cases) {
		r := policytest.New(*seed + i)
		random := policytest.Policy(r, "random", "ns-0")
		if i%2 == 1 {
			policytest.Break(r, &random)
		}
		ok, warning := compare(t, &random, fmt.Sprintf("seed %d", *seed+i))
		switch {
		case !ok:
			rejected++
		case warning:
			warned++
		default:
			accepted++
		}
	}
	t.Logf("%d accepted, %d with a warning, %d rejected", accepted, warned, rejected)
	if accepted*10 < *cases || rejected*10 < *cases || warned == 0 {
		t.Errorf("the cases do not exercise all answers: %d accepted, %d with a warning, %d rejected", accepted, warned, rejected)
	}
}

func FuzzCIDR(f *testing.F) {
	for _, cidr := range []string{"10.0.0.0/8", "010.0.0.1/08", "2001:DB8::/32", "::ffff:10.0.0.0/104", "fe80::1%eth0/64", "/", "1.2.3.4/+8"} {
		f.Add(cidr, "10.1.0.0/16")
		f.Add("0.0.0.0/0", cidr)
	}
	f.Fuzz(func(t *testing.T, cidr, except string) {
		block := &networkingv1.IPBlock{CIDR: cidr, Except: []string{except}}
		compare(t, &networkingv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns-0", Name: "cidr"},
			Spec: networkingv1.NetworkPolicySpec{Egress: []networkingv1.NetworkPolicyEgressRule{{
				To: []networkingv1.NetworkPolicyPeer{{IPBlock: block}},
			}}},
		}, fmt.Sprintf("cidr %q except %q", cidr, except))
	})
}
