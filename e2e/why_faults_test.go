//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// moveTo has the rest of a spec work on a lab of its own.
func moveTo(ctx context.Context, name string, up ...string) {
	GinkgoHelper()
	lab(ctx, name, append([]string{"up"}, up...)...)
	before, client := kubeconfig, clientset
	DeferCleanup(func(ctx SpecContext) {
		otherLab, kubeconfig, clientset = "", before, client
		lab(ctx, name, "down")
	}, NodeTimeout(time.Minute))
	lab(ctx, name, "load", abs(*archiveFlag))
	otherLab, kubeconfig = name, filepath.Join("/run/podknock", name, "kubeconfig")
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	clientset, err = kubernetes.NewForConfig(config)
	Expect(err).NotTo(HaveOccurred())
}

var _ = Describe("podknock why on a cluster that does not do what policies say", Serial, Label("full"), func() {
	It("says that nothing is enforced, or that it is switched off", func(ctx SpecContext) {
		if whyLab() == "" {
			Skip("it brings up a lab of its own")
		}
		moveTo(ctx, "whyopen", "--engine", "none")
		w := worldOf(ctx, whyPair+whyPolicy("NS", "deny", denyIngress))
		answer := askWhy(ctx, kubeconfig, w.words("NS/web"), w.words("NS/db:5432"), "--yes")
		Expect(answer.code).To(Equal(1))
		Expect(answer.causes()).To(HaveExactElements("not-enforced"))
		Expect(answer.report.Findings[0].Because).To(ContainElement(ContainSubstring("had no effect on nodes node1 and node2")))

		w.add(ctx, strings.Replace(fakeAgent("cilium"), "[serve, -listen", "[--enable-policy=never, -listen", 1))
		answer = askWhy(ctx, kubeconfig, w.words("NS/web"), w.words("NS/db:5432"), "--yes")
		Expect(answer.causes()).To(HaveExactElements("switched-off"))
		Expect(answer.report.Findings[0].Advice).To(ContainSubstring("--enable-policy=never"))
		expectNothingLeft(ctx)
	}, SpecTimeout(6*time.Minute))

	It("says that the answer changed meanwhile", func(ctx SpecContext) {
		if whyLab() == "" {
			Skip("it touches the nodes, which needs the lab")
		}
		w := worldOf(ctx, whyPair)
		rule := strings.Fields("FORWARD -d " + w.address(ctx, "db", false) + " -p tcp --dport 5432 -j DROP")
		change := func(how string) {
			for _, node := range []string{"node1", "node2"} {
				_, err := tryLab(ctx, whyLab(), append([]string{"exec", node, "--", "iptables", "-w", how}, rule...)...)
				Expect(err).NotTo(HaveOccurred())
			}
		}
		change("-I")
		command := exec.CommandContext(ctx, abs(*podknockFlag), "why", "--kubeconfig", kubeconfig, "--image", *imageFlag, w.words("NS/web"), w.words("NS/db:5432"), "--yes")
		var out strings.Builder
		command.Stdout = &out
		progress, err := command.StderrPipe()
		Expect(err).NotTo(HaveOccurred())
		Expect(command.Start()).To(Succeed())
		lifted := false
		for lines := bufio.NewScanner(progress); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "asking again") {
				change("-D")
				lifted = true
			}
		}
		_ = command.Wait()
		Expect(lifted).To(BeTrue())
		Expect(out.String()).To(ContainSubstring("[flapping]"))
		expectNothingLeft(ctx)
	}, SpecTimeout(whyTimeout))
})
