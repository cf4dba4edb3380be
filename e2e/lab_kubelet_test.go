//go:build e2e

package e2e

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/probe"
)

// All of this goes over the API server and the kubelet, which no
// NetworkPolicy stands between.
var _ = Describe("the lab's kubelets serve a pod that a policy isolates", Label("lab"), Ordered, func() {
	var server *corev1.Pod

	BeforeAll(func(ctx SpecContext) {
		namespace := newNamespace(ctx, "baseline")
		nodes := nodeNames(ctx)
		pod := agentPod(namespace, "server", nodes[1])
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{
			Name: "listener", Image: *imageFlag, ImagePullPolicy: corev1.PullIfNotPresent, Args: []string{"stdio"}, Stdin: true, StdinOnce: true,
		})
		pods := runPods(ctx, agentPod(namespace, "client", nodes[0]), pod)
		server = pods[1]
		newPolicy(ctx, namespace, networkingv1.NetworkPolicySpec{
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
		})
		// The knock itself goes by exec, and its silence proves the isolation.
		expectKnock(ctx, pods[0], probe.Timeout, podTargets(server)...)
	}, NodeTimeout(tooLong))

	It("with exec", func(ctx SpecContext) {
		expectKnock(ctx, server, probe.Connected, url("tcp", "127.0.0.1", 8080))
	}, SpecTimeout(tooLong))

	It("with logs", func(ctx SpecContext) {
		Expect(kubectl(ctx, suiteLab, "logs", "-n", server.Namespace, server.Name, "-c", "agent")).To(ContainSubstring("answers on 8080/TCP"))
	}, SpecTimeout(tooLong))

	It("with attach", func(ctx SpecContext) {
		cmd := labCommand(ctx, suiteLab, "kubectl", "--", "attach", "-i", "-n", server.Namespace, server.Name, "-c", "listener")
		cmd.Stdin = strings.NewReader("this is no request\n")
		Expect(cmd.Run()).To(Succeed())
		Eventually(ctx, func() (string, error) {
			return tryLab(ctx, suiteLab, "kubectl", "--", "logs", "-n", server.Namespace, server.Name, "-c", "listener")
		}).Should(ContainSubstring("malformed"), "the agent has read what the attached client wrote")
	}, SpecTimeout(tooLong))

	It("with port-forward", func(ctx SpecContext) {
		response, err := http.Get("http://" + forwardPort(ctx, server))
		Expect(err).NotTo(HaveOccurred())
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(body)).To(ContainSubstring(string(server.UID)))
	}, SpecTimeout(tooLong))

	It("with ephemeral containers", func(ctx SpecContext) {
		kubectl(ctx, suiteLab, "debug", "-n", server.Namespace, server.Name, "--image="+*imageFlag, "--image-pull-policy=IfNotPresent",
			"--container=visitor", "--profile=restricted", "--attach=false", "--", "/podknock-agent", "knock", url("tcp", "127.0.0.1", 8080))
		Eventually(ctx, func() (string, error) {
			return tryLab(ctx, suiteLab, "kubectl", "--", "logs", "-n", server.Namespace, server.Name, "-c", "visitor")
		}).Should(ContainSubstring(string(probe.Connected)))
	}, SpecTimeout(tooLong))
})

// forwardPort runs kubectl port-forward to an agent's port until the spec
// ends, and returns where it listens.
func forwardPort(ctx context.Context, pod *corev1.Pod) string {
	GinkgoHelper()
	cmd := labCommand(ctx, suiteLab, "kubectl", "--", "-n", pod.Namespace, "port-forward", "--address=127.0.0.1", "pod/"+pod.Name, ":8080")
	out, err := cmd.StdoutPipe()
	Expect(err).NotTo(HaveOccurred())
	Expect(cmd.Start()).To(Succeed())
	DeferCleanup(func() {
		_ = cmd.Cancel()
		_ = cmd.Wait()
	})
	line := make([]byte, 200)
	n, err := out.Read(line)
	Expect(err).NotTo(HaveOccurred())
	found := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(string(line[:n]))
	Expect(found).NotTo(BeEmpty(), string(line[:n]))
	return found
}
