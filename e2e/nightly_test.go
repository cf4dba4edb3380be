//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/cluster/series"
	"github.com/podknock/podknock/runner/history"
	"github.com/podknock/podknock/runner/verify"
)

var runnerArchiveFlag = flag.String("runner-archive", "../dist/podknock-amd64.tar", "the archive of podknock's own image that the lab loads")

// nightly is a job of podknock that a spec has put into the cluster.
type nightly struct {
	// namespace is its own, name that of the CronJob.
	namespace, name string
	// manifests is the file with its objects, says what printing them said.
	manifests, says string
}

// installNightly applies what `podknock manifests nightly` prints. The spec removes it.
func installNightly(ctx context.Context, arguments ...string) *nightly {
	GinkgoHelper()
	n := &nightly{namespace: fmt.Sprintf("podknock-e2e-%05d", rand.IntN(100000)), name: "nightly"}
	n.manifests = filepath.Join(GinkgoT().TempDir(), "nightly.yaml")
	arguments = append([]string{"manifests", "nightly", "--namespace", n.namespace, "--agent-image", *imageFlag}, arguments...)
	command := exec.CommandContext(ctx, abs(*podknockFlag), arguments...)
	var says strings.Builder
	command.Stderr = &says
	text, err := command.Output()
	n.says = says.String()
	Expect(err).NotTo(HaveOccurred(), n.says)
	Expect(os.WriteFile(n.manifests, text, 0o600)).To(Succeed())
	kubectl(ctx, suiteLab, "apply", "-f", n.manifests)
	DeferCleanup(func(ctx SpecContext) {
		kubectl(ctx, suiteLab, "delete", "--ignore-not-found", "-f", n.manifests)
	}, NodeTimeout(2*time.Minute))
	return n
}

// begin makes a Job of the CronJob.
func (n *nightly) begin(ctx context.Context, name string) {
	GinkgoHelper()
	kubectl(ctx, suiteLab, "create", "job", name, "-n", n.namespace, "--from=cronjob/"+n.name)
}

// end waits for the end of a Job and returns the exit code of podknock and what it wrote.
func (n *nightly) end(ctx context.Context, name string) (int, string) {
	GinkgoHelper()
	var pod corev1.Pod
	Eventually(ctx, func(g Gomega) {
		pods, err := clientset.CoreV1().Pods(n.namespace).List(ctx, metav1.ListOptions{LabelSelector: batchv1.JobNameLabel + "=" + name})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(pods.Items).To(HaveLen(1))
		pod = pods.Items[0]
		g.Expect(pod.Status.ContainerStatuses).To(HaveLen(1))
		g.Expect(pod.Status.ContainerStatuses[0].State.Terminated).NotTo(BeNil())
	}).WithTimeout(8 * time.Minute).WithPolling(time.Second).Should(Succeed())
	log, err := clientset.CoreV1().Pods(n.namespace).GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(ctx)
	Expect(err).NotTo(HaveOccurred())
	fmt.Fprintf(GinkgoWriter, "job %s:\n%s", name, log)
	return int(pod.Status.ContainerStatuses[0].State.Terminated.ExitCode), string(log)
}

// arguments are those of podknock in the job.
func (n *nightly) arguments(ctx context.Context) []string {
	GinkgoHelper()
	job, err := clientset.BatchV1().CronJobs(n.namespace).Get(ctx, n.name, metav1.GetOptions{})
	Expect(err).NotTo(HaveOccurred())
	return job.Spec.JobTemplate.Spec.Template.Spec.Containers[0].Args
}

// asJob is a kubeconfig with the rights of the job.
func (n *nightly) asJob(ctx context.Context) string {
	GinkgoHelper()
	token, err := clientset.CoreV1().ServiceAccounts(n.namespace).CreateToken(ctx, n.name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	config, err := clientcmd.LoadFromFile(kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	current := config.Contexts[config.CurrentContext]
	user := config.AuthInfos[current.AuthInfo].DeepCopy()
	user.ClientCertificate, user.ClientKey, user.ClientCertificateData, user.ClientKeyData, user.Token = "", "", nil, nil, token.Status.Token
	config.AuthInfos[current.AuthInfo] = user
	path := filepath.Join(GinkgoT().TempDir(), "as-job")
	Expect(clientcmd.WriteToFile(*config, path)).To(Succeed())
	return path
}

// records are those of the job, the newest first.
func (n *nightly) records(ctx context.Context) []*history.Record {
	GinkgoHelper()
	kept, err := (&series.Store{Client: clientset, Namespace: n.namespace, Series: n.name}).List(ctx)
	Expect(err).NotTo(HaveOccurred())
	var records []*history.Record
	for _, one := range kept {
		record, err := one.Record()
		Expect(err).NotTo(HaveOccurred())
		records = append(records, record)
	}
	return records
}

// events are the messages of podknock's Events.
func (n *nightly) events(ctx context.Context) []corev1.Event {
	GinkgoHelper()
	list, err := clientset.CoreV1().Events(n.namespace).List(ctx, metav1.ListOptions{})
	Expect(err).NotTo(HaveOccurred())
	return slices.DeleteFunc(list.Items, func(e corev1.Event) bool { return e.Source.Component != "podknock" })
}

// history runs `podknock history` and returns its exit code and all that it wrote.
func (n *nightly) history(ctx context.Context, arguments ...string) (int, string) {
	GinkgoHelper()
	return tell(ctx, append([]string{"history", "--kubeconfig", kubeconfig, "--namespace", n.namespace}, arguments...)...)
}

// tell runs podknock to its end and returns its exit code and all that it wrote.
func tell(ctx context.Context, arguments ...string) (int, string) {
	GinkgoHelper()
	command := exec.CommandContext(ctx, abs(*podknockFlag), arguments...)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	out, err := command.CombinedOutput()
	fmt.Fprintf(GinkgoWriter, "podknock %s\n%s", strings.Join(arguments, " "), out)
	if command.ProcessState == nil {
		Expect(err).NotTo(HaveOccurred())
	}
	return command.ProcessState.ExitCode(), string(out)
}

// expectReserveAsItWas expects that the namespaces to test in are empty and have the labels of the manifests alone.
func (n *nightly) expectReserveAsItWas(ctx context.Context) {
	GinkgoHelper()
	namespaces, err := clientset.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	Expect(err).NotTo(HaveOccurred())
	reserve := 0
	for _, namespace := range namespaces.Items {
		if !strings.HasPrefix(namespace.Name, n.namespace+"-"+n.name+"-") {
			continue
		}
		reserve++
		Expect(namespace.Labels).To(HaveLen(3), "%s: its name, podknock's and the level of Pod Security: %v", namespace.Name, namespace.Labels)
		Expect(namespace.Annotations).NotTo(HaveKey(HavePrefix("podknock.dev/")), namespace.Name)
		pods, err := clientset.CoreV1().Pods(namespace.Name).List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(pods.Items).To(BeEmpty(), namespace.Name)
	}
	Expect(reserve).To(BeNumerically(">", 0))
}

var _ = Describe("the nightly job", Label("lab"), Serial, func() {
	BeforeEach(func(ctx SpecContext) {
		lab(ctx, suiteLab, "load", abs(*runnerArchiveFlag))
		leavesNothing(ctx, restConfig)
	}, NodeTimeout(2*time.Minute))

	It("runs with the rights that are printed, keeps records, and never runs twice at once", func(ctx SpecContext) {
		n := installNightly(ctx, "--suite", "default-deny", "--reserve", "2")
		Expect(n.says).To(BeEmpty(), "there is no risk to tell of")
		n.begin(ctx, "one")
		n.begin(ctx, "other")
		for _, name := range []string{"one", "other"} {
			code, log := n.end(ctx, name)
			Expect(code).To(BeZero())
			lines := strings.Split(strings.TrimSpace(log), "\n")
			var last struct {
				Series   string
				ExitCode int
				Counts   runner.Counts
			}
			Expect(json.Unmarshal([]byte(lines[len(lines)-1]), &last)).To(Succeed())
			Expect(last.Series).To(Equal("nightly"))
			Expect(last.Counts).To(Equal(runner.Counts{Pass: last.Counts.Pass}))
		}
		records := n.records(ctx)
		Expect(records).To(HaveLen(2))
		Expect(records[1].Start.Add(records[1].Elapsed)).To(BeTemporally("<=", records[0].Start), "the second waited for the Lease")
		Expect(n.events(ctx)).To(BeEmpty(), "everything is as expected")
		n.expectReserveAsItWas(ctx)

		code, out := n.history(ctx)
		Expect(code).To(BeZero())
		Expect(out).To(And(ContainSubstring(records[0].Run), ContainSubstring(records[1].Run), ContainSubstring("as expected")))
		code, out = n.history(ctx, "diff")
		Expect(code).To(BeZero())
		Expect(out).To(ContainSubstring(fmt.Sprintf("run %s", records[0].Run)))
	}, SpecTimeout(4*time.Minute))

	It("proves what live policies claim, and touches neither them nor the pods that they are for", func(ctx SpecContext) {
		shop := newNamespace(ctx, "restricted")
		_, err := clientset.NetworkingV1().NetworkPolicies(shop).Create(ctx, &networkingv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Name: "db"},
			Spec: networkingv1.NetworkPolicySpec{
				PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}},
				Ingress: []networkingv1.NetworkPolicyIngressRule{{
					From:  []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}}},
					Ports: []networkingv1.NetworkPolicyPort{{Port: new(intstr.FromInt(5432))}},
				}},
			},
		}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		before := kubectl(ctx, suiteLab, "get", "networkpolicies,pods,services,configmaps", "-n", shop, "-o", "yaml")

		n := installNightly(ctx, "--from-policies="+shop, "--reserve", "2")
		n.begin(ctx, "claims")
		code, _ := n.end(ctx, "claims")
		Expect(code).To(BeZero())
		record := n.records(ctx)[0]
		Expect(record.Scenarios).To(ConsistOf(And(HaveField("Name", shop+"-db"), HaveField("Mark", runner.MarkPass))))
		Expect(record.Counts.Pass).To(BeNumerically(">", 10))
		Expect(kubectl(ctx, suiteLab, "get", "networkpolicies,pods,services,configmaps", "-n", shop, "-o", "yaml")).To(Equal(before))
		n.expectReserveAsItWas(ctx)
	}, SpecTimeout(3*time.Minute))

	It("keeps a record when its pod is deleted in the middle of a run", func(ctx SpecContext) {
		n := installNightly(ctx, "--suite", "internal-policy", "--reserve", "2")
		n.begin(ctx, "cut")
		podOf(ctx, "internal-policy", "mysql")
		Expect(clientset.BatchV1().Jobs(n.namespace).Delete(ctx, "cut", metav1.DeleteOptions{PropagationPolicy: new(metav1.DeletePropagationBackground)})).To(Succeed())
		Eventually(ctx, func() int { return len(n.records(ctx)) }).WithTimeout(time.Minute).Should(Equal(1))
		record := n.records(ctx)[0]
		Expect(record.ExitCode).To(Equal(runner.ExitInconclusive))
		Expect(record.Error).To(ContainSubstring("interrupted"))
		Expect(n.events(ctx)).To(ConsistOf(HaveField("Reason", series.ReasonNotAsExpected)))
		n.expectReserveAsItWas(ctx)
	}, SpecTimeout(3*time.Minute))

	It("verifies the whole cluster with the rights that are printed, in its own pod", Label("full"), func(ctx SpecContext) {
		n := installNightly(ctx)
		n.begin(ctx, "verify")
		code, log := n.end(ctx, "verify")
		Expect(code).To(BeZero())
		Expect(log).NotTo(ContainSubstring("cannot list resource"))
		Expect(log).NotTo(ContainSubstring("forbidden: User"), "pods that need the network of their node are forbidden, by Pod Security")
		record := n.records(ctx)[0]
		Expect(record.Answer).To(Equal(string(verify.ConcludedEnforced)), record.AnswerText)
		Expect(record.Counts.Pass).To(BeNumerically(">", 1000))
		Expect(record.Counts.Fail + record.Counts.Error).To(BeZero())
		Expect(len(record.Axes)).To(BeNumerically(">", 20))
		n.expectReserveAsItWas(ctx)
	}, SpecTimeout(10*time.Minute))

	It("runs the scenarios of a ConfigMap", Label("full"), func(ctx SpecContext) {
		n := installNightly(ctx, "--scenarios", "ours", "--reserve", "2")
		file := filepath.Join(GinkgoT().TempDir(), "shop.yaml")
		Expect(os.WriteFile(file, []byte(fmt.Sprintf(shopScenario, "shop", mistakes["none"].policy)), 0o644)).To(Succeed())
		kubectl(ctx, suiteLab, "create", "configmap", "ours", "-n", n.namespace, "--from-file", file)
		n.begin(ctx, "ours")
		code, _ := n.end(ctx, "ours")
		Expect(code).To(BeZero())
		Expect(n.records(ctx)[0].Scenarios).To(ConsistOf(And(HaveField("Name", "shop"), HaveField("Mark", runner.MarkPass))))
		n.expectReserveAsItWas(ctx)
	}, SpecTimeout(3*time.Minute))

	It("may do everything with namespaces only if that was asked for, and says what that means", Label("full"), func(ctx SpecContext) {
		n := installNightly(ctx, "--suite", "default-deny", "--dynamic-namespaces")
		Expect(n.says).To(ContainSubstring("may create and delete every namespace and every pod of the cluster"))
		n.begin(ctx, "dynamic")
		code, _ := n.end(ctx, "dynamic")
		Expect(code).To(BeZero())
		Expect(n.records(ctx)).To(HaveLen(1))
	}, SpecTimeout(3*time.Minute))
})
