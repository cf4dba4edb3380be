//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
)

var _ = Describe("a lab", Label("lab"), func() {
	// name is a lab of the spec's own. Nothing of it may be left in the end.
	var name string
	BeforeEach(func(ctx SpecContext) {
		name = fmt.Sprintf("spec%d", GinkgoRandomSeed()%10000)
		before := traces(name)
		DeferCleanup(func(ctx SpecContext) {
			lab(ctx, name, "down")
			Eventually(downLeaves(name, before)).WithTimeout(10 * time.Second).Should(Succeed())
			lab(ctx, name, "down") // again is harmless
		}, NodeTimeout(time.Minute))
	})

	It("says in one sentence what option it cannot have", func(ctx SpecContext) {
		for args, want := range map[string]string{
			"up --engine calico":  `engine "calico": use one of`,
			"up --ip-family ipx":  `IP family "ipx": use one of`,
			"up --nodes 99":       "a lab has 1 to 20 nodes",
			"logs kubelet":        "has no log of",
			"exec node1 -- true":  "has no machine",
			"kubeconfig":          "it is not up",
			"status":              "it is not up",
			"load /no/such/file":  "it is not up",
			"kubectl -- get pods": "it is not up",
		} {
			out, err := tryLab(ctx, name, strings.Fields(args)...)
			Expect(err).To(HaveOccurred(), args)
			Expect(out).To(ContainSubstring(want), args)
			Expect(strings.Count(out, "\n")).To(Equal(1), out)
		}
	}, SpecTimeout(tooLong))

	It("fails within seconds when a component dies, and names it with its last words", func(ctx SpecContext) {
		up := labCommand(ctx, name, "up")
		var out strings.Builder
		up.Stdout, up.Stderr = &out, &out
		Expect(up.Start()).To(Succeed())
		// Inside the machine, so that nobody else's etcd can be meant.
		etcdLog := filepath.Join("/var/lib/podknock", name, "logs", "control-plane-etcd.log")
		Eventually(ctx, func() (string, error) {
			data, err := os.ReadFile(etcdLog)
			return string(data), err
		}).WithPolling(20 * time.Millisecond).Should(ContainSubstring("serving client traffic"))
		Eventually(ctx, func() error {
			return labCommand(ctx, name, "exec", "control-plane", "--", "sh", "-c", "kill -9 $(pidof etcd)").Run()
		}).WithPolling(50 * time.Millisecond).Should(Succeed())
		killed := time.Now()
		Expect(up.Wait()).NotTo(Succeed())
		Expect(time.Since(killed)).To(BeNumerically("<", 15*time.Second))
		Expect(out.String()).To(ContainSubstring("etcd on control-plane ended: killed"))
		Expect(out.String()).To(ContainSubstring("control-plane-etcd.log"))
		Expect(out.String()).To(ContainSubstring(`"msg":`), "the log's last lines")
	}, SpecTimeout(tooLong))

	DescribeTable("comes up after a kill -9 of its start",
		func(ctx SpecContext, after time.Duration) {
			up := labCommand(ctx, name, "up", "--nodes", "1")
			Expect(up.Start()).To(Succeed())
			select {
			case <-time.After(after):
			case <-ctx.Done():
			}
			Expect(up.Process.Kill()).To(Succeed())
			_ = up.Wait()
			lab(ctx, name, "up", "--nodes", "1")
			Expect(lab(ctx, name, "status")).To(ContainSubstring("node node1: Ready"))
		},
		Entry("while its machines are made", 20*time.Millisecond, Label("full"), SpecTimeout(2*time.Minute)),
		Entry("while its control plane starts", 700*time.Millisecond, Label("full"), SpecTimeout(2*time.Minute)),
		Entry("while its nodes start", 4*time.Second, Label("full"), SpecTimeout(2*time.Minute)),
	)

	It("comes up beside another one, of IPv4 alone and without an engine; up again is harmless; and policies then block nothing", func(ctx SpecContext) {
		args := []string{"up", "--nodes", "1", "--ip-family", "ipv4", "--engine", "none"}
		lab(ctx, name, args...)
		Expect(lab(ctx, name, args...)).To(ContainSubstring("is up already"))
		out, err := tryLab(ctx, name, "up")
		Expect(err).To(HaveOccurred())
		Expect(out).To(ContainSubstring("is up with 1 nodes, IP family ipv4 and engine none; take it down first"))
		Expect(lab(ctx, name, "kubeconfig")).To(Equal(filepath.Join("/run/podknock", name, "kubeconfig") + "\n"))
		Expect(lab(ctx, name, "logs", "kubelet")).NotTo(BeEmpty())
		Expect(lab(ctx, name, "status")).To(ContainSubstring("engine none"))

		lab(ctx, name, "load", abs(*archiveFlag))
		manifest := filepath.Join(GinkgoT().TempDir(), "pods.yaml")
		Expect(os.WriteFile(manifest, []byte(openLabManifest()), 0o644)).To(Succeed())
		kubectl(ctx, name, "apply", "-f", manifest)
		kubectl(ctx, name, "wait", "--for=condition=Ready", "--timeout=30s", "pod/client", "pod/server")
		ip := kubectl(ctx, name, "get", "pod", "server", "-o", "jsonpath={.status.podIP}")
		Consistently(ctx, func() (string, error) {
			return tryLab(ctx, name, "kubectl", "--", "exec", "client", "--", "/podknock-agent", "knock", "-responder", url("tcp", ip, 8080))
		}).WithTimeout(3 * time.Second).Should(ContainSubstring(string(probe.Connected)))
	}, SpecTimeout(2*time.Minute))

	It("comes up with IPv6 alone", Label("full"), func(ctx SpecContext) {
		lab(ctx, name, "up", "--nodes", "1", "--ip-family", "ipv6")
		Expect(kubectl(ctx, name, "get", "service", "kubernetes", "-o", "jsonpath={.spec.clusterIPs}")).To(Equal(`["fd00:10:96::1"]`))
	}, SpecTimeout(2*time.Minute))
})

// openLabManifest has two agents and a policy that should keep them apart.
func openLabManifest() string {
	pod := func(name string) string {
		return fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata: {name: %s}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: agent, image: %s, imagePullPolicy: IfNotPresent, args: [serve, -listen, 8080/TCP, -control, none]}
---
`, name, *imageFlag)
	}
	return pod("client") + pod("server") + `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
`
}
