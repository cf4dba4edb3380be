package main

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

func TestTheManifestsOfANightlyJob(t *testing.T) {
	const risk = "may create and delete every namespace and every pod of the cluster"
	for _, row := range []struct {
		name      string
		line      []string
		want, not []string
		says      string
	}{
		{"verify by default, with a reserve and rights that change nothing else", nil,
			[]string{"- verify\n", "--reserve=podknock-nightly-1,podknock-nightly-2,", "kind: CronJob", "- daemonsets"}, []string{"- deletecollection"}, ""},
		{"may everything with namespaces if that is asked for, and the risk is told", []string{"--dynamic-namespaces"},
			[]string{"- deletecollection"}, []string{"--reserve", "name: podknock-nightly-1"}, risk},
		{"run a suite", []string{"--suite", "guides"}, []string{"- run\n", "- guides\n"}, []string{"- verify\n", "- daemonsets"}, ""},
		{"run the files of a ConfigMap", []string{"--scenarios", "ours"}, []string{"- /scenarios\n", "name: ours\n"}, []string{"- verify\n"}, ""},
		{"prove live policies, which have to be read", []string{"--from-policies", "--name", "claims"},
			[]string{"- --from-policies=*\n", "--series=claims", "- networkpolicies\n  verbs:\n  - list\n", "name: podknock-claims-12\n"}, []string{"- verify\n"}, ""},
		{"prove the live policies of some namespaces", []string{"--from-policies=shop,team"}, []string{
			"- --from-policies=shop,team\n", "kind: Role\nmetadata:\n  labels:\n    app.kubernetes.io/name: podknock\n  name: podknock-nightly\n  namespace: team\n",
		}, nil, ""},
		{"pass on what comes after --", []string{"--", "--external", "inside=192.0.2.10"}, []string{"- verify\n            - --external\n            - inside=192.0.2.10\n"}, nil, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			code, out, err := podknock(t, append([]string{"manifests", "nightly"}, row.line...)...)
			g.Expect(code).To(BeZero(), err)
			for _, want := range row.want {
				g.Expect(out).To(ContainSubstring(want))
			}
			for _, not := range row.not {
				g.Expect(out).NotTo(ContainSubstring(not))
			}
			if row.says == "" {
				g.Expect(err).To(BeEmpty())
			}
			g.Expect(err).To(ContainSubstring(row.says))
		})
	}
}

func TestAVerificationNeedsTwoNamespacesToTestIn(t *testing.T) {
	g := NewWithT(t)
	code, out, err := podknock(t, "manifests", "nightly", "--reserve", "1")
	g.Expect(code).To(Equal(exitUsage))
	g.Expect(out).To(BeEmpty())
	g.Expect(err).To(ContainSubstring("reserve of 1 namespace: podknock verify needs at least 2"))
}

// livePolicy admits one port by its name.
func livePolicy(namespace, name string, labels map[string]string) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels},
		Spec: networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{
			Ports: []networkingv1.NetworkPolicyPort{{Port: new(intstr.FromString("http"))}},
		}}},
	}
}

func TestLivePoliciesBecomeScenarios(t *testing.T) {
	forbid := func(client *fake.Clientset, resource string) {
		client.PrependReactor("list", resource, func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", nil)
		})
	}
	live := func() *fake.Clientset {
		return fake.NewClientset(livePolicy("shop", "web", nil), livePolicy("team", "api", nil),
			livePolicy("pk-r1-app", "ours", map[string]string{runner.LabelRun: "r1"}))
	}
	for _, row := range []struct {
		name       string
		client     func() *fake.Clientset
		namespaces []string
		// scenarios are their names, or problem is the error. notes are what is said beside.
		scenarios      []string
		problem, notes string
	}{
		{"policies may not be read", func() *fake.Clientset { c := live(); forbid(c, "networkpolicies"); return c }, []string{everyNamespace}, nil, "list NetworkPolicies", ""},
		{"no policy is there", live, []string{"empty"}, nil, "no NetworkPolicy is in namespace empty", ""},
		{"pods may not be read", func() *fake.Clientset { c := live(); forbid(c, "pods"); return c }, []string{"shop"}, []string{"shop-web"}, "", "pods may not be read"},
		{"all but those of runs", live, []string{everyNamespace}, []string{"shop-web", "team-api"}, "", ""},
		{"of one namespace", live, []string{"team"}, []string{"team-api"}, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			found, notes, err := (&fromPolicies{row.namespaces}).generate(t.Context(), row.client(), scenarios.Loader{})
			if row.problem != "" {
				g.Expect(err).To(MatchError(ContainSubstring(row.problem)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			var names []string
			for _, scenario := range found {
				names = append(names, scenario.Metadata.Name)
				for _, namespace := range scenario.Namespaces {
					g.Expect(namespace.Existing).To(BeFalse(), "nothing happens in the user's namespaces")
				}
			}
			g.Expect(names).To(Equal(row.scenarios))
			g.Expect(strings.Join(notes, "\n")).To(ContainSubstring(row.notes))
		})
	}
}
