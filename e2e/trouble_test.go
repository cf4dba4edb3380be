//go:build e2e

package e2e

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/runner"
)

// What goes wrong beside a run must never become a verdict about policies.
var _ = Describe("podknock run in trouble", Serial, func() {
	BeforeEach(func(ctx SpecContext) { leavesNothing(ctx, restConfig) }, NodeTimeout(time.Minute))

	It("asks again when an agent was killed and comes back", Label("lab", "full"), func(ctx SpecContext) {
		running := start(ctx, kubeconfig, "internal-policy")
		pod := podOf(ctx, "internal-policy", "mysql")
		policyOf(ctx, pod.Namespace, "payroll-policy")
		killAgent(ctx, pod)
		restarted(ctx, pod)
		code, report := running.wait()
		Expect(report.Counts).To(Equal(runner.Counts{Pass: report.Counts.Pass}))
		Expect(report.Counts.Pass).To(BeNumerically(">", 100))
		Expect(code).To(BeZero())
	}, SpecTimeout(2*time.Minute))

	It("says which agent was killed for good, and judges the others", Label("lab"), func(ctx SpecContext) {
		// The kubelet waits ten seconds before it starts a container for the
		// second time.
		running := start(ctx, kubeconfig, "internal-policy", "--settle-timeout", "5s")
		pod := podOf(ctx, "internal-policy", "mysql")
		policyOf(ctx, pod.Namespace, "payroll-policy")
		killAgent(ctx, pod)
		killAgent(ctx, restarted(ctx, pod))
		code, report := running.wait()
		expectOnlyErrorsOf(report, "mysql")
		Expect(allNotes(report)).To(And(ContainSubstring("mysql"), ContainSubstring("exit code 137")))
		Expect(code).To(Equal(runner.ExitInconclusive))
	}, SpecTimeout(2*time.Minute))

	It("resumes when every control stream is cut in the middle of a frame", func(ctx SpecContext) {
		proxy, proxied := newAPIProxy(nil)
		running := start(ctx, proxied, "internal-policy")
		policyOf(ctx, podOf(ctx, "internal-policy", "mysql").Namespace, "internal-policy")
		proxy.doom()
		code, report := running.wait()
		Expect(proxy.cuts.Load()).To(BeNumerically(">", 0), "streams were cut")
		Expect(proxy.opened.Load()).To(BeNumerically(">", proxy.cuts.Load()), "and opened again")
		Expect(report.Counts.Pass).To(BeNumerically(">", 0))
		Expect(report.Counts).To(Equal(runner.Counts{Pass: report.Counts.Pass}))
		Expect(code).To(BeZero())
	}, SpecTimeout(2*time.Minute))

	It("gives cells no verdict whose agent cannot be reached again", Label("full"), func(ctx SpecContext) {
		var cut sync.Map // the pod that nobody reaches any more
		proxy, proxied := newAPIProxy(func(r *http.Request) int {
			if name, is := cut.Load("name"); is && strings.Contains(r.URL.Path, "/pods/"+name.(string)+"/portforward") {
				return http.StatusInternalServerError
			}
			return 0
		})
		running := start(ctx, proxied, "internal-policy", "--settle-timeout", "10s")
		pod := podOf(ctx, "internal-policy", "mysql")
		policyOf(ctx, pod.Namespace, "payroll-policy")
		cut.Store("name", pod.Name)
		proxy.doom()
		code, report := running.wait()
		Expect(proxy.refused.Load()).To(BeNumerically(">", 0))
		expectOnlyErrorsOf(report, "mysql")
		Expect(code).To(Equal(runner.ExitInconclusive))
		Expect(fmt.Sprint(problems(report))).To(ContainSubstring("reach the agent of pod"))
	}, SpecTimeout(2*time.Minute))

	It("goes on when the API server is busy or fails now and then", func(ctx SpecContext) {
		var seen sync.Map
		var mu sync.Mutex
		troubles := []int{http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}
		next := 0
		proxy, proxied := newAPIProxy(func(r *http.Request) int {
			// Once for each call.
			if _, again := seen.LoadOrStore(r.Method+" "+r.URL.Path, true); again {
				return 0
			}
			mu.Lock()
			defer mu.Unlock()
			next++
			return troubles[next%len(troubles)]
		})
		code, report := start(ctx, proxied, "deny-all-ingress").wait()
		Expect(proxy.refused.Load()).To(BeNumerically(">", 5))
		Expect(report.Counts).To(Equal(runner.Counts{Pass: report.Counts.Pass}))
		Expect(report.Counts.Pass).To(BeNumerically(">", 0))
		Expect(report.Error).To(BeEmpty())
		Expect(code).To(BeZero())
	}, SpecTimeout(2*time.Minute))

	DescribeTable("explains an admission policy that refuses",
		func(ctx SpecContext, expression string, refused ...string) {
			refusePods(ctx, expression)
			code, report := start(ctx, kubeconfig, "internal-policy").wait()
			Expect(code).To(Equal(runner.ExitInconclusive))
			Expect(report.Counts.Fail).To(BeZero())
			for _, pod := range report.Scenarios[0].Pods {
				if len(refused) == 0 || pod.Name == refused[0] {
					Expect(pod.Problem).To(ContainSubstring(refusal), pod.Name)
				} else {
					Expect(pod.Problem).To(BeEmpty(), pod.Name)
				}
			}
			if len(refused) == 0 {
				Expect(report.Counts).To(Equal(runner.Counts{Error: report.Counts.Error}))
			} else {
				expectOnlyErrorsOf(report, refused[0])
			}
		},
		Entry("one probe pod: only its cells are errors",
			"!has(object.metadata.labels) || !('podknock.dev/pod' in object.metadata.labels) || object.metadata.labels['podknock.dev/pod'] != 'mysql'",
			"mysql", SpecTimeout(2*time.Minute)),
		Entry("all probe pods: every cell is an error",
			"!has(object.metadata.labels) || !('podknock.dev/pod' in object.metadata.labels)",
			Label("full"), SpecTimeout(2*time.Minute)),
	)
})

// killAgent ends the agent in a pod, as the kernel does when memory is short.
// containerd records the process of every container, by its number on the
// node, which is a machine of the lab.
func killAgent(ctx context.Context, pod *corev1.Pod) {
	GinkgoHelper()
	Expect(pod.Status.ContainerStatuses).To(HaveLen(1))
	id, is := strings.CutPrefix(pod.Status.ContainerStatuses[0].ContainerID, "containerd://")
	Expect(is).To(BeTrue())
	record := "/run/containerd/io.containerd.runtime.v2.task/k8s.io/" + id + "/init.pid"
	lab(ctx, suiteLab, "exec", pod.Spec.NodeName, "--", "sh", "-c", "kill -9 $(cat "+record+")")
}

// restarted waits until the agent of a pod runs again, and returns the pod.
func restarted(ctx context.Context, pod *corev1.Pod) *corev1.Pod {
	GinkgoHelper()
	var found *corev1.Pod
	Eventually(ctx, func(g Gomega) {
		var err error
		found, err = clientset.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
		g.Expect(err).NotTo(HaveOccurred())
		status := found.Status.ContainerStatuses[0]
		g.Expect(status.ContainerID).NotTo(Equal(pod.Status.ContainerStatuses[0].ContainerID))
		g.Expect(status.State.Running).NotTo(BeNil())
	}).WithPolling(50 * time.Millisecond).Should(Succeed())
	return found
}

// expectOnlyErrorsOf expects that every cell passes or has no verdict, the
// latter only with the pod at one of its ends, and that both occur.
func expectOnlyErrorsOf(report *runner.Report, pod string) {
	GinkgoHelper()
	Expect(report.Counts.Fail).To(BeZero())
	Expect(report.Counts.Pass).To(BeNumerically(">", 0))
	without := 0
	for _, cell := range allCells(report) {
		if cell.Mark == runner.MarkPass {
			continue
		}
		without++
		Expect([]string{cell.From.Name, cell.To.Name, servedBy[cell.To.Name]}).To(ContainElement(pod), "%s is %s: %s %s", cell.ID, cell.Mark, cell.Error, cell.Why)
		Expect(cell.Error+cell.Why).NotTo(BeEmpty(), cell.ID)
	}
	Expect(without).To(BeNumerically(">", 0))
}

// servedBy are the pods behind the Services of the scenario internal-policy.
var servedBy = map[string]string{"db-service": "mysql", "payroll-service": "payroll"}

func allCells(report *runner.Report) []runner.Cell {
	var cells []runner.Cell
	for _, scenario := range report.Scenarios {
		for _, step := range scenario.Steps {
			cells = append(cells, step.Cells...)
		}
	}
	return cells
}

// problems are the reasons of the cells without a verdict.
func problems(report *runner.Report) []string {
	var found []string
	for _, cell := range allCells(report) {
		if cell.Mark != runner.MarkPass {
			found = append(found, cell.Error+cell.Why)
		}
	}
	return found
}

func allNotes(report *runner.Report) string {
	notes := report.Notes
	for _, scenario := range report.Scenarios {
		notes = append(notes, scenario.Notes...)
	}
	return strings.Join(notes, "\n")
}

// refusal is what the admission policy of a spec answers.
const refusal = "the spec's policy does not want this pod"

// refusePods makes the API server refuse pods for which the expression (CEL)
// is false, and waits until it does.
func refusePods(ctx context.Context, expression string) {
	GinkgoHelper()
	name := "podknock-e2e-refusal-" + strings.ToLower(rand.Text())
	fail := admissionv1.Fail
	_, err := clientset.AdmissionregistrationV1().ValidatingAdmissionPolicies().Create(ctx, &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: &fail,
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
				Operations: []admissionv1.OperationType{admissionv1.Create},
				Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}}}},
			Validations: []admissionv1.Validation{{Expression: expression, Message: refusal}},
		},
	}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) {
		Expect(clientset.AdmissionregistrationV1().ValidatingAdmissionPolicies().Delete(ctx, name, metav1.DeleteOptions{})).To(Succeed())
	}, NodeTimeout(time.Minute))
	_, err = clientset.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().Create(ctx, &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) {
		Expect(clientset.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().Delete(ctx, name, metav1.DeleteOptions{})).To(Succeed())
	}, NodeTimeout(time.Minute))
	probe := agentPod(metav1.NamespaceDefault, "refused", "")
	probe.Labels["podknock.dev/pod"] = "mysql"
	Eventually(ctx, func() error {
		_, err := clientset.CoreV1().Pods(probe.Namespace).Create(ctx, probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}).Should(MatchError(And(ContainSubstring(name), ContainSubstring(refusal))))
}
