//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios/policy/lint"
)

// say runs a verb that knocks on nothing, and returns its exit code and what it says.
func say(ctx context.Context, arguments ...string) (code int, out, errOut string) {
	GinkgoHelper()
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(ctx, abs(*podknockFlag), append(arguments, "--kubeconfig", kubeconfig)...)
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		Expect(command.ProcessState).NotTo(BeNil(), "%v", err)
	}
	return command.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// applied makes a policy of a namespace from the YAML of its spec.
func applied(ctx context.Context, namespace, name, spec string) {
	GinkgoHelper()
	policy := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	Expect(yaml.UnmarshalStrict([]byte(spec), &policy.Spec)).To(Succeed())
	_, err := clientset.NetworkingV1().NetworkPolicies(namespace).Create(ctx, policy, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
}

var _ = Describe("The policies of a live cluster", func() {
	var namespace string

	BeforeEach(func(ctx SpecContext) {
		namespace = newNamespace(ctx, "baseline")
		applied(ctx, namespace, "allow-web", `{podSelector: {matchLabels: {name: db}}, policyTypes: [Ingress, Egress],
			ingress: [{from: [{podSelector: {matchLabels: {name: web}}}], ports: [{port: 8080, endPort: 8082}]}],
			egress: [{ports: [{port: 53, protocol: UDP}, {port: 53}]}]}`)
	}, NodeTimeout(tooLong))

	It("are proven by the scenarios that are generated from them", func(ctx SpecContext) {
		dir := GinkgoT().TempDir()
		code, _, errOut := say(ctx, "generate", "-n", namespace, "-o", dir)
		Expect(code).To(BeZero(), errOut)
		Expect(errOut).To(ContainSubstring("1 scenario of 1 NetworkPolicy, which prove 2 rules"))
		code, report := start(ctx, kubeconfig, dir).wait()
		Expect(code).To(Equal(runner.ExitAsExpected))
		Expect(report.Scenarios).To(HaveLen(1))
		Expect(report.Scenarios[0].Mark).To(Equal(runner.MarkPass))
	}, SpecTimeout(tooLong))

	It("are not proven where the policy that is applied is another one", func(ctx SpecContext) {
		_, out, _ := say(ctx, "generate", "-n", namespace)
		Expect(out).To(ContainSubstring("endPort: 8082"))
		file := filepath.Join(GinkgoT().TempDir(), "wrong.yaml")
		Expect(os.WriteFile(file, []byte(strings.Replace(out, "endPort: 8082", "endPort: 8083", 1)), 0o644)).To(Succeed())
		code, report := start(ctx, kubeconfig, file, "--settle-timeout", "8s").wait()
		Expect(code).To(Equal(runner.ExitMismatch))
		noticed := 0
		for _, step := range report.Scenarios[0].Steps {
			for _, cell := range step.Cells {
				if cell.Expected != "blocked" {
					continue
				}
				beyond := cell.From.Text == "ingress-0-0" && cell.Port == 8083
				Expect(cell.Mark == runner.MarkFail).To(Equal(beyond), cell.ID)
				if beyond {
					noticed++
				}
			}
		}
		Expect(noticed).To(BeNumerically(">", 0))
	}, SpecTimeout(tooLong))

	It("are accused of the mistakes that the cluster's objects show, and of no others", func(ctx SpecContext) {
		runPods(ctx, agentPod(namespace, "web", ""), agentPod(namespace, "db", ""))
		code, out, _ := say(ctx, "lint", "-n", namespace)
		Expect(code).To(BeZero(), out)
		applied(ctx, namespace, "allow-typo", `{podSelector: {matchLabels: {name: bd}}, ingress: [{}]}`)
		code, out, _ = say(ctx, "lint", "-n", namespace)
		Expect(code).To(Equal(1))
		Expect(out).To(ContainSubstring("selects-nothing"))
		Expect(out).To(ContainSubstring("the nearest, " + namespace + "/db, has name=db"))
	}, SpecTimeout(tooLong))

	It("are mended by the patch that is printed for a selector that means every pod", func(ctx SpecContext) {
		db := agentPod(namespace, "db", "")
		db.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 8080}}
		web := agentPod(namespace, "web", "")
		web.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 8081}}
		runPods(ctx, web, db)
		applied(ctx, namespace, "open", `{podSelector: {}, ingress: [{ports: [{port: 8080}]}]}`)
		look := func() []lint.Finding {
			GinkgoHelper()
			_, out, errOut := say(ctx, "lint", "-n", namespace, "-o", "json")
			var document lint.Document
			Expect(json.Unmarshal([]byte(out), &document)).To(Succeed(), errOut)
			return slices.DeleteFunc(document.Findings, func(f lint.Finding) bool { return f.Rule != "selects-all" })
		}
		found := look()
		Expect(found).To(HaveLen(1))
		Expect(found[0].Command).To(ContainSubstring(`{"name":"db"}`))
		shell(ctx, found[0].Command)
		Expect(look()).To(BeEmpty())
	}, SpecTimeout(tooLong))

	It("are judged without a knock", func(ctx SpecContext) {
		runPods(ctx, agentPod(namespace, "web", ""), agentPod(namespace, "db", ""))
		question := []string{"eval", "-n", namespace, "--from", "web", "--to", "name=db:8080"}
		code, out, _ := say(ctx, append(question, "--expect", "connected")...)
		Expect(code).To(BeZero(), out)
		code, out, _ = say(ctx, append(question, "--expect", "blocked")...)
		Expect(code).To(Equal(1), out)
		code, out, _ = say(ctx, "eval", "-n", namespace, "--from", "db", "--to", "192.0.2.0/24:443", "--expect", "blocked")
		Expect(code).To(BeZero(), out)
	}, SpecTimeout(tooLong))
})
