//go:build linux && wire

package probe_test

import (
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/probe/internal/wirebed"
)

const agentControl = "127.0.0.1:7665"

// runAgent starts the program path at the place, with the responder of the pod, and returns a control stream to it.
func runAgent(t *testing.T, bed *wirebed.Bed, place wirebed.Place, path, pod string) *probe.ControlClient {
	t.Helper()
	g := NewWithT(t)
	agent := exec.Command(path, "serve", "-listen", "8080,8080/UDP", "-control", agentControl)
	agent.Env = []string{"PODKNOCK_TOKEN=" + string(wireToken), "POD_NAME=" + pod, "POD_UID=uid-of-" + pod}
	agent.Stderr = t.Output()
	bed.In(place, func() { g.Expect(agent.Start()).To(Succeed()) })
	t.Cleanup(func() {
		agent.Process.Kill()
		agent.Wait()
	})
	var stream net.Conn
	g.Eventually(func() (err error) {
		bed.In(place, func() { stream, err = net.Dial("tcp4", agentControl) })
		return err
	}, 20*time.Second).Should(Succeed())
	client, err := probe.OpenControl(t.Context(), stream, wireToken)
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { client.Close() })
	return client
}

// Two agents and nothing but their control streams tell who refused and where packets were lost.
func TestAgentsTellWhatHappenedBetweenThem(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "podknock-agent")
	output, err := exec.Command("go", "build", "-o", path, "../cmd/podknock-agent").CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), "%s", output)

	for _, tc := range []struct {
		name  string
		apply func(*wirebed.Bed)
		port  uint16
		tcp   probe.Reading
		udp   probe.Reading
	}{
		{"nothing is in the way", func(*wirebed.Bed) {}, 8080, connected, connected},
		{"nothing listens", func(*wirebed.Bed) {}, closedPort, podRefused, podRefused},
		{"a box on the way forges the refusal", func(b *wirebed.Bed) {
			b.Forward(wirebed.Node1, "tcp dport 8080 reject with tcp reset", "udp dport 8080 reject with icmpx port-unreachable")
		}, 8080, rejected, rejected},
		{"a box on the way drops what comes", func(b *wirebed.Bed) {
			b.Forward(wirebed.Node2, tested+" drop")
		}, 8080, lostThere, lostThere},
		{"a box on the way drops what comes to a closed port", func(b *wirebed.Bed) {
			b.Forward(wirebed.Node2, "meta l4proto { tcp, udp } th dport 7070 drop")
		}, closedPort, lostThere, lostThere},
		{"a box on the way drops what goes back", func(b *wirebed.Bed) {
			b.Forward(wirebed.Node1, answered+" drop")
		}, 8080, lostBack, lostBack},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			bed := wirebed.New(t)
			source := runAgent(t, bed, wirebed.Client, path, "client")
			destination := runAgent(t, bed, wirebed.Server, path, "server")
			tc.apply(bed)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			for _, family := range bothFamilies {
				for protocol, want := range map[probe.Protocol]probe.Reading{probe.TCP: tc.tcp, probe.UDP: tc.udp} {
					g := NewWithT(t)
					result, err := probe.AskQuietly(ctx, source, destination, probe.Attempt{
						Protocol: protocol, Host: serverAddress(family).String(), Port: tc.port, UID: "uid-of-server",
					}, 0)
					g.Expect(err).NotTo(HaveOccurred())
					got := probe.Reading{Outcome: result.Outcome, Where: result.Where, Origin: result.Origin, Inconclusive: result.Inconclusive}
					g.Expect(got).To(Equal(want), "%s over %s: %s", protocol, family, result.Reason)
				}
			}
		})
	}
}
