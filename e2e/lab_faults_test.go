//go:build e2e

package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/podknock/podknock/e2e/defects"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/verify"
)

// What breaks beneath a run may take away verdicts; it must never make a wrong
// one. The specs have a lab of their own, because they leave nothing as it was.
var _ = Describe("podknock run on a cluster that breaks", Label("lab", "full"), Serial, Ordered, func() {
	const scenario, server = "other-node", "node1"
	var name, config string
	BeforeAll(func(ctx SpecContext) {
		name = fmt.Sprintf("faults%d", GinkgoRandomSeed()%10000)
		DeferCleanup(func(ctx SpecContext) { lab(ctx, name, "down") }, NodeTimeout(time.Minute))
		lab(ctx, name, "up")
		lab(ctx, name, "load", abs(*archiveFlag))
		config = filepath.Join("/run/podknock", name, "kubeconfig")
		suite, suiteConfig := clientset, restConfig
		DeferCleanup(func() { clientset, restConfig = suite, suiteConfig })
		var err error
		restConfig, err = clientcmd.BuildConfigFromFlags("", config)
		Expect(err).NotTo(HaveOccurred())
		clientset, err = kubernetes.NewForConfig(restConfig)
		Expect(err).NotTo(HaveOccurred())
	}, NodeTimeout(4*time.Minute))
	BeforeEach(func(ctx SpecContext) { leavesNothing(ctx, restConfig) }, NodeTimeout(time.Minute))

	// breaking starts a run and breaks something once its first policy is there.
	breaking := func(ctx SpecContext, args ...string) *knocking {
		GinkgoHelper()
		running := start(ctx, config, scenario)
		Eventually(ctx, func() string {
			return kubectl(ctx, name, "get", "networkpolicies", "-A", "-o", "name")
		}).WithTimeout(time.Minute).WithPolling(100 * time.Millisecond).ShouldNot(BeEmpty())
		lab(ctx, name, args...)
		return running
	}

	It("passes when the API server was killed and came back", func(ctx SpecContext) {
		running := breaking(ctx, "component", "kill", "kube-apiserver")
		lab(ctx, name, "component", "start", "kube-apiserver")
		code, report := running.wait()
		Expect(report.Counts).To(Equal(runner.Counts{Pass: report.Counts.Pass}))
		Expect(code).To(BeZero())
	}, SpecTimeout(4*time.Minute))

	It("shows nodes without their engines as open: packets pass, and cells fail for that alone", func(ctx SpecContext) {
		running := breaking(ctx, "component", "kill", "engine", "--node", "node1")
		lab(ctx, name, "component", "kill", "engine", "--node", "node2")
		DeferCleanup(func(ctx SpecContext) { startEngines(ctx, name) }, NodeTimeout(time.Minute))
		code, report := running.wait()
		Expect(code).To(Equal(runner.ExitMismatch))
		Expect(report.Counts.Fail).NotTo(BeZero())
		for _, cell := range allCells(report) {
			if cell.Mark == runner.MarkFail {
				Expect(fmt.Sprint(cell.Expected, cell.Observed)).To(Equal("blockedconnected"), cell.ID)
			}
		}
	}, SpecTimeout(4*time.Minute))

	It("has verify say that enforcement ended where the engines were killed half way", func(ctx SpecContext) {
		running := startVerify(ctx, config, "--axis", "deny-all,policy-update")
		Eventually(ctx, func() string {
			return kubectl(ctx, name, "get", "networkpolicies", "-A", "-o", "name")
		}).WithTimeout(time.Minute).WithPolling(100 * time.Millisecond).Should(ContainSubstring("deny"))
		lab(ctx, name, "component", "kill", "engine", "--node", "node1")
		lab(ctx, name, "component", "kill", "engine", "--node", "node2")
		DeferCleanup(func(ctx SpecContext) { startEngines(ctx, name) }, NodeTimeout(time.Minute))
		code, report := running.wait()
		Expect(code).To(Equal(verify.ExitNotEnforced))
		Expect(report.Canary.Enforcing).To(ConsistOf("node1", "node2"), "before they were killed")
		Expect(defects.Names(&report.Headline)).To(ConsistOf("stopped-enforcing"), report.Headline.Text)
	}, SpecTimeout(6*time.Minute))

	DescribeTable("blames no policy for a node that",
		func(ctx SpecContext, fault, mend string) {
			running := breaking(ctx, "node", fault, server)
			select {
			case <-running.ended:
			case <-time.After(90 * time.Second): // the cluster notices after 40 to 50 s
			case <-ctx.Done():
			}
			lab(ctx, name, "node", mend, server)
			code, report := running.wait()
			Expect(report.Counts.Fail).To(BeZero(), strings.Join(problems(report), "\n"))
			Expect(report.Counts.Error + report.Counts.Inconclusive).To(BeNumerically(">", 0))
			Expect(code).To(Equal(runner.ExitInconclusive))
		},
		Entry("is cut off", "cut", "heal", SpecTimeout(8*time.Minute)),
		Entry("loses its power", "stop", "start", SpecTimeout(8*time.Minute)),
	)

	DescribeTable("has verify accuse no engine of",
		func(ctx SpecContext, fault, mend []string) {
			running := startVerify(ctx, config, "--axis", "deny-all")
			Eventually(ctx, func() string {
				return kubectl(ctx, name, "get", "networkpolicies", "-A", "-o", "name")
			}).WithTimeout(time.Minute).WithPolling(100 * time.Millisecond).Should(ContainSubstring("deny"))
			lab(ctx, name, fault...)
			select {
			case <-running.ended:
			case <-time.After(30 * time.Second):
			case <-ctx.Done():
			}
			lab(ctx, name, mend...)
			got, report := running.wait()
			Expect(report.Headline.Conclusion).To(BeElementOf(verify.ConcludedEnforced, verify.ConcludedUnknown), report.Headline.Text)
			Expect(report.Headline.Explanations).To(BeEmpty())
			Expect(got).To(BeElementOf(verify.ExitEnforced, verify.ExitCannotTell))
		},
		Entry("an API server that is gone for half a minute", []string{"component", "kill", "kube-apiserver"}, []string{"component", "start", "kube-apiserver"},
			SpecTimeout(6*time.Minute)),
		Entry("a node that is cut off", []string{"node", "cut", server}, []string{"node", "heal", server}, SpecTimeout(6*time.Minute)),
	)
})

var _ = Describe("a lab with faults", Label("lab", "full"), Serial, func() {
	It("has three nodes, tells what is broken, and goes down all the same, beside another lab", func(ctx SpecContext) {
		name := fmt.Sprintf("broken%d", GinkgoRandomSeed()%10000)
		before := traces(name)
		DeferCleanup(func(ctx SpecContext) {
			lab(ctx, name, "down")
			Eventually(downLeaves(name, before)).WithTimeout(10 * time.Second).Should(Succeed())
		}, NodeTimeout(time.Minute))
		lab(ctx, name, "up", "--nodes", "3")
		Expect(lab(ctx, name, "status")).To(ContainSubstring("node node3: Ready"))

		reach := func(from, address string) error {
			return labCommand(ctx, name, "exec", from, "--", "timeout", "2", "bash", "-c", "exec 3<>/dev/tcp/"+address+"/10250").Run()
		}
		Expect(reach("node1", "10.89.0.13")).To(Succeed(), "the kubelet of node3")
		lab(ctx, name, "node", "cut", "node3")
		Expect(reach("node1", "10.89.0.13")).To(BeAssignableToTypeOf(&exec.ExitError{}))
		Expect(reach("node1", "10.89.0.12")).To(Succeed(), "the others are not cut off")
		expectBroken(ctx, name, "machine node3: cut off")
		lab(ctx, name, "node", "heal", "node3")
		Expect(reach("node1", "10.89.0.13")).To(Succeed())

		lab(ctx, name, "node", "stop", "node3")
		expectBroken(ctx, name, "machine node3: stopped")
		lab(ctx, name, "node", "start", "node3")
		Expect(reach("node1", "10.89.0.13")).To(Succeed())
		Expect(lab(ctx, name, "status")).To(ContainSubstring("node node3: Ready"))

		lab(ctx, name, "component", "kill", "kubelet", "--node", "node3")
		expectBroken(ctx, name, "kubelet")
		lab(ctx, name, "component", "start", "kubelet", "--node", "node3")
		Eventually(func() error { _, err := tryLab(ctx, name, "status"); return err }).WithTimeout(30 * time.Second).Should(Succeed())

		lab(ctx, name, "load", abs(*archiveFlag))
		code, report := startVerify(ctx, filepath.Join("/run/podknock", name, "kubeconfig"), "--axis", "deny-all").wait()
		Expect(code).To(BeZero(), report.Headline.Text)
		Expect(report.Canary.Enforcing).To(ConsistOf("node1", "node2", "node3"))

		for _, component := range []string{"etcd", "kube-apiserver"} {
			lab(ctx, name, "component", "kill", component)
		}
		expectBroken(ctx, name, "ended: killed")
	}, SpecTimeout(5*time.Minute))
})

// startEngines starts the engines of both nodes again.
func startEngines(ctx SpecContext, name string) {
	GinkgoHelper()
	for _, node := range []string{"node1", "node2"} {
		lab(ctx, name, "component", "start", "engine", "--node", node)
	}
}

// expectBroken expects that a lab's status fails and says why.
func expectBroken(ctx SpecContext, name, why string) {
	GinkgoHelper()
	out, err := tryLab(ctx, name, "status")
	Expect(err).To(HaveOccurred())
	Expect(out).To(ContainSubstring(why))
}
