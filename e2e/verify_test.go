//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/podknock/podknock/e2e/defects"
	"github.com/podknock/podknock/runner/cluster"
	"github.com/podknock/podknock/runner/verify"
	"github.com/podknock/podknock/scenarios"
)

// verifying is a verification under way.
type verifying struct {
	command     *exec.Cmd
	report      string
	out, errOut bytes.Buffer
	ended       chan struct{}
}

// startVerify starts `podknock verify` with the arguments.
func startVerify(ctx context.Context, kubeconfig string, arguments ...string) *verifying {
	GinkgoHelper()
	v := &verifying{report: filepath.Join(GinkgoT().TempDir(), "verification.json"), ended: make(chan struct{})}
	arguments = append([]string{"verify", "--kubeconfig", kubeconfig, "--image", *imageFlag, "--output-file", v.report}, arguments...)
	v.command = exec.CommandContext(ctx, abs(*podknockFlag), arguments...)
	v.command.Cancel = func() error { return v.command.Process.Signal(os.Interrupt) }
	v.command.Stdout, v.command.Stderr = &v.out, &v.errOut
	Expect(v.command.Start()).To(Succeed())
	go func() {
		defer close(v.ended)
		_ = v.command.Wait() // the exit code says what there is to know
	}()
	return v
}

// wait returns the exit code and the report.
func (v *verifying) wait() (int, *verify.Report) {
	GinkgoHelper()
	Eventually(v.ended).WithTimeout(8 * time.Minute).Should(BeClosed())
	fmt.Fprintf(GinkgoWriter, "%s%s", v.out.String(), v.errOut.String())
	report := &verify.Report{}
	text, err := os.ReadFile(v.report)
	Expect(err).NotTo(HaveOccurred())
	Expect(json.Unmarshal(text, report)).To(Succeed())
	return v.command.ProcessState.ExitCode(), report
}

// everyExternal names the lab's hosts outside the cluster in both families.
var everyExternal = append(append([]string{}, externals...),
	"--external", "inside=2001:db8:1::10", "--external", "excluded=2001:db8:1::11", "--external", "outside=2001:db8:2::10")

var _ = Describe("podknock verify", Serial, func() {
	It("accuses nobody where policies are enforced", Label("lab"), func(ctx SpecContext) {
		code, report := startVerify(ctx, kubeconfig, everyExternal...).wait()
		expectNothingLeft(ctx)
		Expect(report.Headline.Conclusion).To(Equal(verify.ConcludedEnforced), report.Headline.Text)
		Expect(code).To(BeZero())
		Expect(report.Path.Status).To(Equal(verify.StatusPass))
		Expect(report.Canary.Enforcing).To(ConsistOf("node1", "node2"))
		Expect(report.Canary.Denial.How).To(Equal(verify.DenialSilence))
		Expect(report.Pods).To(BeNumerically("<=", 40))
		Expect(report.Changes).NotTo(BeEmpty())
		Expect(report.Traits).To(ContainElement(And(HaveField("Axis", scenarios.AxisHeldConnection), HaveField("Known", true))))
		for _, axis := range report.Axes {
			Expect(axis.Judgement).NotTo(BeElementOf(verify.NotEnforced, verify.Partly), axis.Title+": "+axis.Why)
		}
	}, NodeTimeout(10*time.Minute))

	It("names the right that is missing, and the role that grants it", func(ctx SpecContext) {
		_, tenant := newTenant(ctx)
		code, report := startVerify(ctx, tenant).wait()
		Expect(code).To(Equal(verify.ExitCannotTell))
		Expect(report.Preflight.Checks).To(ContainElement(And(HaveField("Name", "rights"),
			HaveField("Found", ContainSubstring("create, delete, deletecollection, list, patch, watch pods")), HaveField("Grant", ContainSubstring("kind: ClusterRole")))))
	}, NodeTimeout(2*time.Minute))

	It("cleans up when it is interrupted", func(ctx SpecContext) {
		running := startVerify(ctx, kubeconfig)
		podOf(ctx, "verify", "free-1")
		Expect(running.command.Process.Signal(syscall.SIGINT)).To(Succeed())
		code, report := running.wait()
		Expect(code).To(Equal(verify.ExitCannotTell))
		Expect(report.Interrupted).To(BeTrue())
		expectNothingLeft(ctx)
	}, NodeTimeout(3*time.Minute))

	It("names the node that enforces nothing", Label("lab", "full"), func(ctx SpecContext) {
		lab(ctx, suiteLab, "engine", "set", "none", "--node", "node2")
		DeferCleanup(func(ctx SpecContext) {
			lab(ctx, suiteLab, "engine", "set", "kube-network-policies")
		}, NodeTimeout(time.Minute))
		code, report := startVerify(ctx, kubeconfig, everyExternal...).wait()
		expectNothingLeft(ctx)
		Expect(code).To(Equal(verify.ExitNotEnforced))
		Expect(report.Canary.Enforcing).To(ConsistOf("node1"))
		Expect(report.Canary.Mixed).To(ConsistOf("node2"), "the engine of node1 decides about both ends of what passes it")
		Expect(report.Headline.Nodes).To(ConsistOf("node2"), report.Headline.Text)
		Expect(defects.Names(&report.Headline)).To(ContainElement("enforces-nothing"), report.Headline.Text)
	}, NodeTimeout(10*time.Minute))

	It("judges a cluster with IPv6 alone, and says of IPv4 that it is not supported", Label("lab", "full"), func(ctx SpecContext) {
		const six = "e2e-six"
		lab(ctx, six, "up", "--ip-family", "ipv6")
		DeferCleanup(func(ctx SpecContext) { lab(ctx, six, "down") }, NodeTimeout(time.Minute))
		lab(ctx, six, "load", abs(*archiveFlag))
		kubeconfig := filepath.Join("/run/podknock", six, "kubeconfig")

		before := startVerify(ctx, kubeconfig, everyExternal...)
		code, report := before.wait()
		Expect(report.Headline.Conclusion).To(Equal(verify.ConcludedEnforced), report.Headline.Text)
		Expect(code).To(BeZero())
		Expect(report.Path.Status).To(Equal(verify.StatusPass))
		Expect(report.Canary.Enforcing).To(ConsistOf("node1", "node2"))
		Expect(report.Axes).To(ContainElement(And(HaveField("Axis", scenarios.AxisIPv4), HaveField("Judgement", verify.NotSupported))))
		Expect(report.Axes).To(ContainElement(And(HaveField("Axis", scenarios.AxisIPv6), HaveField("Judgement", verify.Enforced))))

		code, run := start(ctx, kubeconfig, append([]string{"guides"}, everyExternal...)...).wait()
		Expect(code).To(BeZero())
		Expect(run.Cluster.Families).To(ConsistOf("IPv6"))
		Expect(run.Counts.Pass).To(BeNumerically(">", 200))

		code, same := startVerify(ctx, kubeconfig, "--axis", "deny-all", "--compare", before.report).wait()
		Expect(code).To(BeZero(), same.Headline.Text)
		Expect(same.Comparison.Run).To(Equal(report.Run))
		Expect(same.Comparison.Regressions).To(BeEmpty())

		lab(ctx, six, "engine", "set", "none")
		code, worse := startVerify(ctx, kubeconfig, "--compare", before.report).wait()
		Expect(code).To(Equal(verify.ExitNotEnforced))
		Expect(worse.Comparison.Regressions).To(ContainElement(HaveField("Kind", verify.DifferentAnswer)))
	}, NodeTimeout(10*time.Minute))

	It("says that nothing is enforced, and names the plugin", Label("lab"), func(ctx SpecContext) {
		const open = "e2e-open"
		lab(ctx, open, "up", "--engine", "none")
		DeferCleanup(func(ctx SpecContext) { lab(ctx, open, "down") }, NodeTimeout(time.Minute))
		lab(ctx, open, "load", abs(*archiveFlag))
		kubeconfig := filepath.Join("/run/podknock", open, "kubeconfig")
		config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		Expect(err).NotTo(HaveOccurred())
		clientset, err := kubernetes.NewForConfig(config)
		Expect(err).NotTo(HaveOccurred())
		_, err = clientset.AppsV1().DaemonSets("kube-system").Create(ctx, idleFlannel(), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())

		code, report := startVerify(ctx, kubeconfig).wait()
		Expect(code).To(Equal(verify.ExitNotEnforced))
		Expect(report.Headline.Conclusion).To(Equal(verify.ConcludedNotEnforced))
		Expect(report.Headline.Text).To(ContainSubstring("Flannel v0.27.4"))
		Expect(report.Headline.Advice).To(ContainSubstring("install a policy engine"))
		Expect(report.Suite.Scenarios).To(BeEmpty(), "features are not tested where nothing is enforced")
		left, err := cluster.Find(ctx, clientset, "")
		Expect(err).NotTo(HaveOccurred())
		Expect(left).To(BeEmpty())
	}, NodeTimeout(6*time.Minute))
})

// idleFlannel is the DaemonSet of Flannel, which no node runs: the lab's network is its own.
func idleFlannel() *appsv1.DaemonSet {
	labels := map[string]string{"app": "flannel"}
	return &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "kube-flannel-ds"},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					NodeSelector: map[string]string{"podknock.dev/none": "true"},
					Containers:   []corev1.Container{{Name: "kube-flannel", Image: "ghcr.io/flannel-io/flannel:v0.27.4"}},
				},
			},
		},
	}
}
