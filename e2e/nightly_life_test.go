//go:build e2e

package e2e

import (
	"context"
	"flag"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/history"
)

var nightsFlag = flag.Int("nights", 5, "how many runs in a row the nightly job has to stand")

// What a job that lives for years must not do: leave anything behind, grow anything, or hang. The specs have a lab of their own, because they
// break it.
var _ = Describe("the nightly job over the years", Label("lab", "full"), Serial, Ordered, func() {
	var name string
	BeforeAll(func(ctx SpecContext) {
		name = fmt.Sprintf("years%d", GinkgoRandomSeed()%10000)
		DeferCleanup(func(ctx SpecContext) { lab(ctx, name, "down") }, NodeTimeout(time.Minute))
		lab(ctx, name, "up")
		lab(ctx, name, "load", abs(*archiveFlag))
		suite, suiteConfig, suiteClient, suiteFile := suiteLab, restConfig, clientset, kubeconfig
		DeferCleanup(func() { suiteLab, restConfig, clientset, kubeconfig = suite, suiteConfig, suiteClient, suiteFile })
		suiteLab, kubeconfig = name, filepath.Join("/run/podknock", name, "kubeconfig")
		var err error
		restConfig, err = clientcmd.BuildConfigFromFlags("", kubeconfig)
		Expect(err).NotTo(HaveOccurred())
		clientset, err = kubernetes.NewForConfig(restConfig)
		Expect(err).NotTo(HaveOccurred())
	}, NodeTimeout(4*time.Minute))
	BeforeEach(func(ctx SpecContext) { leavesNothing(ctx, restConfig) }, NodeTimeout(time.Minute))

	// night runs podknock as the job does, out here.
	night := func(ctx SpecContext, n *nightly, arguments ...string) (int, string) {
		GinkgoHelper()
		return tell(ctx, slices.Concat(n.arguments(ctx), []string{"--kubeconfig", kubeconfig}, arguments)...)
	}

	It("leaves nothing behind and grows nothing, however many nights there are", func(ctx SpecContext) {
		n := installNightly(ctx, "--suite", "default-deny", "--reserve", "2", "--keep-records", "3")
		for range 3 { // as many records as are kept
			code, _ := night(ctx, n)
			Expect(code).To(BeZero())
		}
		objects, err := allObjects(ctx, restConfig)
		Expect(err).NotTo(HaveOccurred())
		objects = withoutRecords(objects)
		processes, connections := processesOf(name), connectionsOf(ctx, name)
		for i := range *nightsFlag {
			code, out := night(ctx, n)
			Expect(code).To(BeZero(), "night %d: %s", i+1, out)
		}
		Expect(n.records(ctx)).To(HaveLen(3))
		Eventually(ctx, func() ([]string, error) {
			after, err := allObjects(ctx, restConfig)
			return difference(objects, withoutRecords(after)), err
		}).WithPolling(time.Second).Should(BeEmpty())
		Eventually(func() []string { return processesOf(name) }).WithPolling(time.Second).Should(Equal(processes))
		// Closed connections are remembered for two minutes; with as many runs in this time as there were before the first look, at most as many
		// are there again.
		Eventually(ctx, func() int { return connectionsOf(ctx, name) }).WithTimeout(4*time.Minute).WithPolling(5*time.Second).
			Should(BeNumerically("<=", connections+20), "entries of connection tracking")
	}, SpecTimeout(2*time.Hour))

	It("goes on, or says clearly why not, when the API server is killed and comes back", func(ctx SpecContext) {
		n := installNightly(ctx, "--suite", "internal-policy", "--reserve", "2")
		ended := make(chan int, 1)
		go func() {
			defer GinkgoRecover()
			code, _ := night(ctx, n)
			ended <- code
		}()
		policyOf(ctx, podOf(ctx, "internal-policy", "mysql").Namespace, "payroll-policy")
		lab(ctx, name, "component", "kill", "kube-apiserver")
		lab(ctx, name, "component", "start", "kube-apiserver")
		var code int
		Eventually(ended).WithTimeout(2 * time.Minute).Should(Receive(&code))
		records := n.records(ctx)
		Expect(records).To(HaveLen(1))
		Expect(records[0].Counts.Fail).To(BeZero())
		Expect(code).To(Equal(records[0].ExitCode))
		if code != 0 {
			Expect(records[0].Error).NotTo(BeEmpty())
		}
		n.expectReserveAsItWas(ctx)
	}, SpecTimeout(4*time.Minute))

	It("ends at its deadline, keeps what was found and empties its namespaces", func(ctx SpecContext) {
		n := installNightly(ctx, "--suite", "guides", "--reserve", "3")
		begin := time.Now()
		code, _ := night(ctx, n, "--deadline", "12s", "--parallel", "1")
		Expect(time.Since(begin)).To(BeNumerically("<", time.Minute))
		Expect(code).To(Equal(runner.ExitInconclusive))
		record := n.records(ctx)[0]
		Expect(record.Error).To(ContainSubstring("longer than its deadline of 12s"))
		Expect(record.Counts.Pass).To(BeNumerically(">", 0), "what was done by then")
		Expect(n.events(ctx)).To(HaveLen(1))
		n.expectReserveAsItWas(ctx)
	}, SpecTimeout(3*time.Minute))

	It("names the quota that it met", func(ctx SpecContext) {
		n := installNightly(ctx, "--suite", "deny-all-ingress", "--reserve", "1")
		_, err := clientset.CoreV1().ResourceQuotas(n.spare().namespace).Create(ctx, &corev1.ResourceQuota{
			ObjectMeta: metav1.ObjectMeta{Name: "small"},
			Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1")}},
		}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		code, _ := night(ctx, n)
		Expect(code).To(Equal(runner.ExitInconclusive))
		record := n.records(ctx)[0]
		Expect(record.Counts.Fail).To(BeZero())
		Expect(record.Others).To(ContainElement(HaveField("Why", ContainSubstring("exceeded quota: small"))))
		n.expectReserveAsItWas(ctx)
	}, SpecTimeout(3*time.Minute))

	It("takes nodes as they come and go", func(ctx SpecContext) {
		n := installNightly(ctx, "--suite", "other-node", "--reserve", "2")
		code, _ := night(ctx, n)
		Expect(code).To(BeZero())
		lab(ctx, name, "node", "stop", "node2")
		Expect(clientset.CoreV1().Nodes().Delete(ctx, "node2", metav1.DeleteOptions{})).To(Succeed())
		code, _ = night(ctx, n)
		Expect(code).To(Equal(runner.ExitInconclusive), "there is no other node")
		lab(ctx, name, "node", "start", "node2")
		Eventually(ctx, func(g Gomega) {
			node, err := clientset.CoreV1().Nodes().Get(ctx, "node2", metav1.GetOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(node.Status.Conditions).To(ContainElement(And(HaveField("Type", corev1.NodeReady), HaveField("Status", corev1.ConditionTrue))))
		}).WithTimeout(time.Minute).Should(Succeed())
		code, _ = night(ctx, n)
		Expect(code).To(BeZero())
		records := n.records(ctx)
		without := history.Compare(records[2], records[1], history.Options{})
		Expect(without.Other).To(ContainElement(And(HaveField("Kind", history.ChangeNode), HaveField("Subject", "node2"))))
		Expect(without.Regressions).NotTo(ContainElement(And(HaveField("Kind", history.ChangeNode), HaveField("Subject", "node2"))))
		Expect(history.Compare(records[1], records[0], history.Options{}).Regressions).To(BeEmpty())
	}, SpecTimeout(5*time.Minute))
})

// withoutRecords leaves out the records of nights, whose names change.
func withoutRecords(objects []string) []string {
	return slices.DeleteFunc(slices.Clone(objects), func(object string) bool { return strings.Contains(object, "/podknock-nightly-") })
}

// processesOf lists the programs that run on a lab's nodes, without those of the moment.
func processesOf(name string) []string {
	GinkgoHelper()
	var found []string
	for _, node := range []string{"node1", "node2"} {
		out, err := exec.Command(abs(*labFlag), "--name", name, "exec", node, "--", "sh", "-c",
			`for p in /proc/[0-9]*; do tr '\0' ' ' <$p/cmdline 2>/dev/null | cut -d' ' -f1; done`).Output()
		Expect(err).NotTo(HaveOccurred())
		for program := range strings.FieldsSeq(string(out)) {
			if program = filepath.Base(program); program != "sh" && program != "tr" && program != "cut" {
				found = append(found, node+" "+program)
			}
		}
	}
	slices.Sort(found)
	return found
}

// connectionsOf counts what connection tracking remembers on a lab's nodes.
func connectionsOf(ctx context.Context, name string) int {
	GinkgoHelper()
	all := 0
	for _, node := range []string{"node1", "node2"} {
		out := lab(ctx, name, "exec", node, "--", "cat", "/proc/sys/net/netfilter/nf_conntrack_count")
		count, err := strconv.Atoi(strings.TrimSpace(out))
		Expect(err).NotTo(HaveOccurred())
		all += count
	}
	return all
}
