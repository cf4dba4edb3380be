//go:build e2e

package e2e

import (
	"context"
	"flag"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/runner"
)

var pushgatewayFlag = flag.String("pushgateway", "../dist/pushgateway", "Prometheus' Pushgateway, which the nightly job pushes to")

// pushgateway runs a Pushgateway outside the cluster until the end of the spec.
func pushgateway(ctx context.Context, host string) (address string) {
	GinkgoHelper()
	address = host + ":9091"
	// It ends with its standard input, so also when this program is killed.
	command := labCommand(ctx, suiteLab, "exec", "world", "--", "sh", "-c", `"$0" --web.listen-address="$1" & cat; kill $!; wait`,
		abs(*pushgatewayFlag), address)
	command.Stdout, command.Stderr = GinkgoWriter, GinkgoWriter
	input, err := command.StdinPipe()
	Expect(err).NotTo(HaveOccurred())
	Expect(command.Start()).To(Succeed())
	DeferCleanup(func() {
		Expect(input.Close()).To(Succeed())
		_ = command.Wait() // how a program that was told to end ends does not matter
	})
	return address
}

// scrape reads the metrics page of a Pushgateway, as Prometheus does.
func scrape(ctx context.Context, host string) (string, error) {
	out, err := labCommand(ctx, suiteLab, "exec", "world", "--", "timeout", "5", "bash", "-c",
		`exec 3<>"/dev/tcp/$0/9091" && printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3 && cat <&3`, host).Output()
	return string(out), err
}

var _ = Describe("the metrics of the nightly job", Label("lab", "full"), Serial, func() {
	It("reach a Pushgateway through the job's own NetworkPolicy", func(ctx SpecContext) {
		const host = "192.0.2.10"
		lab(ctx, suiteLab, "load", abs(*runnerArchiveFlag))
		leavesNothing(ctx, restConfig)
		address := pushgateway(ctx, host)
		Eventually(ctx, func() error { _, err := scrape(ctx, host); return err }).WithTimeout(20 * time.Second).Should(Succeed())
		n := installNightly(ctx, "--suite", "default-deny", "--reserve", "2", "--push", "http://"+address)
		n.begin(ctx, "pushed")
		code, _ := n.end(ctx, "pushed")
		Expect(code).To(BeZero())
		page, err := scrape(ctx, host)
		Expect(err).NotTo(HaveOccurred())
		record := n.records(ctx)[0]
		Expect(page).To(And(
			ContainSubstring(`podknock_run_exit_code{instance="",job="podknock",series="nightly"} 0`),
			ContainSubstring(`podknock_cells{instance="",job="podknock",mark="pass",series="nightly"} %d`, record.Counts.Pass),
			MatchRegexp(`push_failure_time_seconds\{[^}]*\} 0\n`),
		))

		By("saying which address does not answer, though the verdict is kept")
		n = installNightly(ctx, "--suite", "default-deny", "--reserve", "2", "--push", "http://"+host+":9092")
		n.begin(ctx, "unheard")
		code, log := n.end(ctx, "unheard")
		Expect(code).To(Equal(runner.ExitInconclusive))
		Expect(n.records(ctx)[0].ExitCode).To(BeZero())
		Expect(log).To(ContainSubstring(fmt.Sprintf("push metrics to %q", "http://"+host+":9092")))
	}, SpecTimeout(6*time.Minute))
})
