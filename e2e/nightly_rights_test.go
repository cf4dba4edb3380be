//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/podknock/podknock/runner"
)

// everyRight is a scenario that needs every right of a job, and is never as expected, so that the job has something to tell.
const everyRight = `
apiVersion: podknock.dev/v1alpha1
kind: Scenario
metadata: {name: every-right}
about: A run that needs every right of the nightly job.
namespaces:
  app:
pods:
  server: {namespace: app, labels: {app: server}, ports: [80/TCP]}
  client: {namespace: app}
services:
  web: {namespace: app, selector: {app: server}, ports: ["80:80"]}
steps:
  - name: nothing yet
    expect:
      - {from: client, to: [server, web, "node(server):10250"], outcome: connected}
  - name: closed
    apply:
      - metadata: {name: closed, namespace: app}
        spec: {podSelector: {matchLabels: {app: server}}}
    expect:
      - {from: client, to: [server, web], outcome: blocked}
  - name: labels that change nothing
    label: {pod/client: {tier: front}, namespace/app: {team: red}}
    expect:
      - {from: client, to: server, outcome: connected}
`

// place is where a role of the job is: empty for the ClusterRole.
type place struct{ namespace, name string }

func (n *nightly) own() place { return place{n.namespace, n.name} }
func (n *nightly) spare() place {
	return place{n.namespace + "-" + n.name + "-1", n.namespace + "-" + n.name}
}
func (n *nightly) whole() place { return place{"", n.namespace + "-" + n.name} }

// rules are those of a role.
func (p place) rules(ctx context.Context) []rbacv1.PolicyRule {
	GinkgoHelper()
	if p.namespace == "" {
		role, err := clientset.RbacV1().ClusterRoles().Get(ctx, p.name, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		return role.Rules
	}
	role, err := clientset.RbacV1().Roles(p.namespace).Get(ctx, p.name, metav1.GetOptions{})
	Expect(err).NotTo(HaveOccurred())
	return role.Rules
}

// set replaces the rules of a role.
func (p place) set(ctx context.Context, rules []rbacv1.PolicyRule) {
	GinkgoHelper()
	if p.namespace == "" {
		role, err := clientset.RbacV1().ClusterRoles().Get(ctx, p.name, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		role.Rules = rules
		_, err = clientset.RbacV1().ClusterRoles().Update(ctx, role, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		return
	}
	role, err := clientset.RbacV1().Roles(p.namespace).Get(ctx, p.name, metav1.GetOptions{})
	Expect(err).NotTo(HaveOccurred())
	role.Rules = rules
	_, err = clientset.RbacV1().Roles(p.namespace).Update(ctx, role, metav1.UpdateOptions{})
	Expect(err).NotTo(HaveOccurred())
}

// awaitRight waits until the API server grants the job the first right of a rule, or does not any more.
func (p place) awaitRight(ctx context.Context, job kubernetes.Interface, rule rbacv1.PolicyRule, granted bool) {
	GinkgoHelper()
	resource, subresource, _ := strings.Cut(rule.Resources[0], "/")
	asked := &authorizationv1.ResourceAttributes{
		Namespace: p.namespace, Group: rule.APIGroups[0], Resource: resource, Subresource: subresource, Verb: rule.Verbs[0],
	}
	if len(rule.ResourceNames) > 0 {
		asked.Name = rule.ResourceNames[0]
	}
	Eventually(ctx, func() (bool, error) {
		answer, err := job.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: asked},
		}, metav1.CreateOptions{})
		if err != nil {
			return false, err
		}
		return answer.Status.Allowed, nil
	}).WithPolling(20*time.Millisecond).Should(Equal(granted), "%v in %q", rule, p.namespace)
}

// named tells whether a text names the lack of a right to one of the resources.
func named(text string, rule rbacv1.PolicyRule) bool {
	for line := range strings.Lines(text) {
		refused := strings.Contains(line, "forbidden") || strings.Contains(line, "may not be read") || strings.Contains(line, "missing:")
		if refused && slices.ContainsFunc(rule.Resources, func(resource string) bool {
			return strings.Contains(line, fmt.Sprintf("resource %q", resource)) || strings.Contains(line, resource+".") ||
				strings.Contains(line, resource+" may not") || strings.Contains(line, strings.TrimSuffix(resource, "s")+" ")
		}) {
			return true
		}
	}
	return false
}

var _ = Describe("the rights of the nightly job", Label("lab"), Serial, func() {
	BeforeEach(func(ctx SpecContext) { leavesNothing(ctx, restConfig) }, NodeTimeout(time.Minute))

	// take removes a rule from a role and returns what gives it back.
	take := func(ctx SpecContext, n *nightly, from place, i int) (rule rbacv1.PolicyRule, giveBack func()) {
		GinkgoHelper()
		config, err := clientcmd.BuildConfigFromFlags("", n.asJob(ctx))
		Expect(err).NotTo(HaveOccurred())
		job, err := kubernetes.NewForConfig(config)
		Expect(err).NotTo(HaveOccurred())
		rules := from.rules(ctx)
		from.set(ctx, slices.Delete(slices.Clone(rules), i, i+1))
		from.awaitRight(ctx, job, rules[i], false)
		return rules[i], func() {
			from.set(ctx, rules)
			from.awaitRight(ctx, job, rules[i], true)
		}
	}
	// asJob runs podknock as the job does, with its rights, out here.
	asJob := func(ctx SpecContext, n *nightly, arguments ...string) (int, string) {
		GinkgoHelper()
		return tell(ctx, slices.Concat(n.arguments(ctx), []string{"--kubeconfig", n.asJob(ctx)}, arguments)...)
	}
	// install has the job run the scenario that needs every right.
	install := func(ctx SpecContext) (*nightly, []string) {
		GinkgoHelper()
		path := filepath.Join(GinkgoT().TempDir(), "every-right.yaml")
		Expect(os.WriteFile(path, []byte(everyRight), 0o600)).To(Succeed())
		return installNightly(ctx, "--suite", path, "--reserve", "1"), []string{"--settle-timeout", "2s"}
	}
	// expectNamed removes the i-th rule of a role, and expects that the run says what it may not do.
	expectNamed := func(ctx SpecContext, n *nightly, from place, i int, arguments ...string) {
		GinkgoHelper()
		rule, giveBack := take(ctx, n, from, i)
		if slices.Contains(rule.Verbs, "create") && slices.Contains(rule.Resources, "leases") {
			// It is created once only.
			Expect(clientset.CoordinationV1().Leases(n.namespace).Delete(ctx, "podknock-"+n.name, metav1.DeleteOptions{})).To(Succeed())
		}
		code, out := asJob(ctx, n, arguments...)
		giveBack()
		if slices.Contains(rule.Resources, "cronjobs") {
			last := slices.IndexFunc(n.events(ctx), func(e corev1.Event) bool { return strings.HasSuffix(e.Name, n.records(ctx)[0].Run) })
			Expect(last).To(BeNumerically(">=", 0))
			Expect(n.events(ctx)[last].InvolvedObject.Kind).To(Equal("ConfigMap"), "the Event is not about the CronJob")
			return
		}
		Expect(named(out, rule)).To(BeTrue(), "%v is not named:\n%s", rule, out)
		Expect(code).NotTo(BeZero())
		if from != n.whole() {
			// What a run without rights could not remove, one with them does.
			tell(ctx, "cleanup", "--all", "--kubeconfig", kubeconfig)
		}
	}

	It("are enough, and what is missing is named", func(ctx SpecContext) {
		n, arguments := install(ctx)
		code, out := asJob(ctx, n, arguments...)
		Expect(code).To(Equal(runner.ExitMismatch))
		Expect(out).NotTo(ContainSubstring("forbidden"))
		Expect(n.events(ctx)).To(ConsistOf(HaveField("InvolvedObject.Kind", "CronJob")))
		expectNamed(ctx, n, n.own(), 0, arguments...)
		expectNamed(ctx, n, n.spare(), 0, arguments...)
	}, SpecTimeout(4*time.Minute))

	It("are needed, each of them, in its own namespace", Label("full"), func(ctx SpecContext) {
		n, arguments := install(ctx)
		for i := range n.own().rules(ctx) {
			expectNamed(ctx, n, n.own(), i, arguments...)
		}
	}, SpecTimeout(10*time.Minute))

	It("are needed, each of them, in the namespaces to test in and on nodes", Label("full"), func(ctx SpecContext) {
		n, arguments := install(ctx)
		for i := range n.spare().rules(ctx) {
			expectNamed(ctx, n, n.spare(), i, arguments...)
		}
		Expect(n.whole().rules(ctx)).To(HaveLen(1), "a run reads nothing of the cluster but nodes")
		expectNamed(ctx, n, n.whole(), 0, arguments...)
	}, SpecTimeout(10*time.Minute))

	It("are needed, each of them, to verify", Label("full"), func(ctx SpecContext) {
		n := installNightly(ctx, "--reserve", "2")
		rules := n.whole().rules(ctx)
		Expect(len(rules)).To(BeNumerically(">", 1))
		for i, rule := range rules {
			if slices.Contains(rule.Resources, "deployments") || slices.Contains(rule.Resources, "configmaps") || slices.Contains(rule.Resources, "daemonsets") || i == 0 {
				// No node is taken: what is read comes before that.
				expectNamed(ctx, n, n.whole(), i, "--node-selector", "podknock.dev/none=here", "--deadline", "30s", "--start-timeout", "5s")
			}
		}
	}, SpecTimeout(10*time.Minute))

	It("are needed, each of them, to prove live policies", Label("full"), func(ctx SpecContext) {
		shop := newNamespace(ctx, "restricted")
		_, err := clientset.NetworkingV1().NetworkPolicies(shop).Create(ctx, &networkingv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Name: "named"},
			Spec: networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{
				Ports: []networkingv1.NetworkPolicyPort{{Port: new(intstr.FromString("http"))}},
			}}},
		}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		n := installNightly(ctx, "--from-policies="+shop, "--reserve", "2")
		code, out := asJob(ctx, n)
		Expect(code).To(BeZero())
		Expect(out).NotTo(ContainSubstring("may not be read"))
		Expect(n.whole().rules(ctx)).To(HaveLen(1), "a run reads nothing of the cluster but nodes")
		reads := place{shop, n.whole().name}
		for i, rule := range reads.rules(ctx) {
			_, giveBack := take(ctx, n, reads, i)
			code, out := asJob(ctx, n)
			giveBack()
			Expect(named(out, rule)).To(BeTrue(), "%v is not named:\n%s", rule, out)
			if slices.Contains(rule.Resources, "networkpolicies") {
				Expect(code).To(Equal(runner.ExitInconclusive))
			}
		}
	}, SpecTimeout(10*time.Minute))
})
