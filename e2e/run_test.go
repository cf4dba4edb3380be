//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/cluster"
)

var podknockFlag = flag.String("podknock", "../bin/podknock", "the program under test")

// knocking is a run of podknock under way.
type knocking struct {
	command     *exec.Cmd
	report      string
	out, errOut bytes.Buffer
	ended       chan struct{}
}

// start starts `podknock run` with the arguments, with rights from the kubeconfig.
func start(ctx context.Context, kubeconfig string, arguments ...string) *knocking {
	GinkgoHelper()
	k := &knocking{report: filepath.Join(GinkgoT().TempDir(), "report.json"), ended: make(chan struct{})}
	arguments = append([]string{"run", "--kubeconfig", kubeconfig, "--image", *imageFlag, "--output-file", k.report}, arguments...)
	k.command = exec.CommandContext(ctx, abs(*podknockFlag), arguments...)
	k.command.Cancel = func() error { return k.command.Process.Signal(os.Interrupt) }
	k.command.Stdout, k.command.Stderr = &k.out, &k.errOut
	Expect(k.command.Start()).To(Succeed())
	go func() {
		defer close(k.ended)
		_ = k.command.Wait() // the exit code says what there is to know
	}()
	return k
}

// wait returns the exit code and the report.
func (k *knocking) wait() (int, *runner.Report) {
	GinkgoHelper()
	Eventually(k.ended).WithTimeout(4 * time.Minute).Should(BeClosed())
	fmt.Fprintf(GinkgoWriter, "%s%s", k.out.String(), k.errOut.String())
	report := &runner.Report{}
	if text, err := os.ReadFile(k.report); err == nil && len(text) > 0 {
		Expect(json.Unmarshal(text, report)).To(Succeed())
	}
	return k.command.ProcessState.ExitCode(), report
}

// podOf waits until a probe pod runs, and returns it.
func podOf(ctx context.Context, scenario, name string) *corev1.Pod {
	GinkgoHelper()
	var found *corev1.Pod
	Eventually(ctx, func(g Gomega) {
		pods, err := clientset.CoreV1().Pods("").List(ctx, metav1.ListOptions{
			LabelSelector: fmt.Sprintf("%s=%s,podknock.dev/pod=%s", runner.LabelScenario, scenario, name),
		})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(pods.Items).To(HaveLen(1))
		g.Expect(pods.Items[0].Status.Phase).To(Equal(corev1.PodRunning))
		found = &pods.Items[0]
	}).WithPolling(20 * time.Millisecond).Should(Succeed())
	return found
}

// policyOf waits until a policy of the run is there.
func policyOf(ctx context.Context, namespace, name string) *networkingv1.NetworkPolicy {
	GinkgoHelper()
	var found *networkingv1.NetworkPolicy
	Eventually(ctx, func() (err error) {
		found, err = clientset.NetworkingV1().NetworkPolicies(namespace).Get(ctx, name, metav1.GetOptions{})
		return err
	}).WithPolling(20 * time.Millisecond).Should(Succeed())
	return found
}

// externals name the lab's hosts outside the cluster for scenarios that need some.
var externals = []string{"--external", "inside=192.0.2.10", "--external", "excluded=192.0.2.11", "--external", "outside=203.0.113.10"}

var _ = Describe("podknock run", Serial, func() {
	BeforeEach(func(ctx SpecContext) { leavesNothing(ctx, restConfig) }, NodeTimeout(time.Minute))

	It("passes the guides where policies are enforced", Label("lab"), func(ctx SpecContext) {
		code, report := start(ctx, kubeconfig, append([]string{"guides"}, externals...)...).wait()
		Expect(report.Counts.Fail).To(BeZero())
		Expect(report.Counts.Error).To(BeZero())
		Expect(report.Skipped).To(BeEmpty())
		Expect(report.Counts.Pass).To(BeNumerically(">", 600))
		Expect(code).To(BeZero())
	}, NodeTimeout(4*time.Minute))

	It("passes over exec too", func(ctx SpecContext) {
		code, _ := start(ctx, kubeconfig, "default-deny", "--channel", "exec").wait()
		Expect(code).To(BeZero())
	}, NodeTimeout(2*time.Minute))

	It("cleans up when it is interrupted", func(ctx SpecContext) {
		running := start(ctx, kubeconfig, "internal-policy")
		podOf(ctx, "internal-policy", "mysql")
		Expect(running.command.Process.Signal(os.Interrupt)).To(Succeed())
		code, report := running.wait()
		Expect(code).To(Equal(runner.ExitInconclusive))
		Expect(report.Interrupted).To(BeTrue())
	}, NodeTimeout(2*time.Minute))

	It("lets cleanup remove what a SIGKILL has left", func(ctx SpecContext) {
		running := start(ctx, kubeconfig, "internal-policy")
		podOf(ctx, "internal-policy", "mysql")
		Expect(running.command.Process.Signal(syscall.SIGKILL)).To(Succeed())
		running.wait()
		out, err := exec.CommandContext(ctx, abs(*podknockFlag), "cleanup", "--kubeconfig", kubeconfig).CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(out))
		Expect(string(out)).To(ContainSubstring("its process has ended"))
	}, NodeTimeout(2*time.Minute))

	It("says which pod somebody deleted, and judges the others", func(ctx SpecContext) {
		running := start(ctx, kubeconfig, "internal-policy", "--settle-timeout", "10s")
		pod := podOf(ctx, "internal-policy", "mysql")
		policyOf(ctx, pod.Namespace, "payroll-policy")
		Expect(clientset.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{})).To(Succeed())
		code, report := running.wait()
		Expect(code).To(Equal(runner.ExitInconclusive))
		Expect(report.Counts.Fail).To(BeZero())
		Expect(report.Counts.Pass).To(BeNumerically(">", 0))
		Expect(strings.Join(report.Scenarios[0].Notes, "\n")).To(ContainSubstring(`pod "mysql" was disturbed`))
	}, NodeTimeout(2*time.Minute))

	It("gives no verdict after somebody else has changed a policy", func(ctx SpecContext) {
		running := start(ctx, kubeconfig, "internal-policy", "--settle-timeout", "6s")
		policy := policyOf(ctx, podOf(ctx, "internal-policy", "mysql").Namespace, "payroll-policy")
		policy.Spec.Ingress = nil
		_, err := clientset.NetworkingV1().NetworkPolicies(policy.Namespace).Update(ctx, policy, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		code, report := running.wait()
		Expect(code).To(Equal(runner.ExitInconclusive))
		Expect(report.Counts.Fail).To(BeZero())
		Expect(strings.Join(report.Scenarios[0].Notes, "\n")).To(ContainSubstring("was changed by somebody else"))
	}, NodeTimeout(2*time.Minute))

	It("explains a quota, and leaves two runs in one namespace alone", func(ctx SpecContext) {
		namespace, tenant := newTenant(ctx)
		_, err := clientset.CoreV1().ResourceQuotas(namespace).Create(ctx, &corev1.ResourceQuota{
			ObjectMeta: metav1.ObjectMeta{Name: "small"},
			Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1")}},
		}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		code, report := start(ctx, tenant, "deny-all-ingress", "--namespace", namespace).wait()
		Expect(code).To(Equal(runner.ExitInconclusive))
		var problems []string
		for _, pod := range report.Scenarios[0].Pods {
			problems = append(problems, pod.Problem)
		}
		Expect(strings.Join(problems, "\n")).To(ContainSubstring("exceeded quota: small"))
	}, NodeTimeout(2*time.Minute))

	It("works inside one namespace with a Role of exactly its rights", func(ctx SpecContext) {
		namespace, tenant := newTenant(ctx)
		first := start(ctx, tenant, "guides", "--namespace", namespace)
		second := start(ctx, tenant, "deny-all-ingress", "--namespace", namespace)
		code, report := second.wait()
		Expect(code).To(BeZero())
		Expect(report.Counts.Pass).To(BeNumerically(">", 0))
		code, report = first.wait()
		Expect(report.Counts.Fail).To(BeZero())
		Expect(report.Skipped).To(ContainElement(HaveField("Reason", ContainSubstring("other namespaces"))))
		Expect(code).To(BeZero())
	}, NodeTimeout(5*time.Minute))
})

// newTenant makes a namespace and a kubeconfig of somebody who has the rights of a run in it alone.
func newTenant(ctx context.Context) (namespace, tenantConfig string) {
	GinkgoHelper()
	namespace = newNamespace(ctx, "restricted")
	meta := metav1.ObjectMeta{Namespace: namespace, Name: "tenant"}
	_, err := clientset.CoreV1().ServiceAccounts(namespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	_, err = clientset.RbacV1().Roles(namespace).Create(ctx, &rbacv1.Role{
		ObjectMeta: meta, Rules: cluster.Rules(cluster.Options{Tenant: namespace}),
	}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	_, err = clientset.RbacV1().RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: meta.Name}},
	}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	token, err := clientset.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, meta.Name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	config, err := clientcmd.LoadFromFile(kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	current := config.Contexts[config.CurrentContext]
	user := config.AuthInfos[current.AuthInfo].DeepCopy()
	user.ClientCertificate, user.ClientKey, user.ClientCertificateData, user.ClientKeyData, user.Token = "", "", nil, nil, token.Status.Token
	config.AuthInfos[current.AuthInfo] = user
	tenantConfig = filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(clientcmd.WriteToFile(*config, tenantConfig)).To(Succeed())
	return namespace, tenantConfig
}
