package probe_test

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
)

// startResponder serves on the loopback addresses and returns its port of the protocol.
func startResponder(t *testing.T, options probe.ResponderOptions) *probe.Responder {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	responder, err := probe.Listen(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		responder.Serve(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-served
	})
	return responder
}

var loopback = []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}

func TestAttemptsOnLoopback(t *testing.T) {
	identity := probe.Identity{Pod: "payroll", Namespace: "app", UID: "uid-1", Node: "node-1"}
	const token = probe.Token("of this run")
	tcp := startResponder(t, probe.ResponderOptions{Ports: []probe.Port{{Protocol: probe.TCP}}, Addresses: loopback[:1], Identity: identity, Token: token})
	udp := startResponder(t, probe.ResponderOptions{Ports: []probe.Port{{Protocol: probe.UDP}}, Addresses: loopback[:1], Identity: identity, Token: token})
	tcpPort, udpPort := tcp.Listening()[0].Port(), udp.Listening()[0].Port()

	closed, err := net.Listen("tcp4", "127.0.0.1:0")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	closedPort := netip.MustParseAddrPort(closed.Addr().String()).Port()
	closed.Close()

	for _, tc := range []struct {
		name    string
		token   probe.Token
		attempt probe.Attempt
		want    probe.Outcome
		reason  string
	}{
		{"no port", token, probe.Attempt{Protocol: probe.TCP, Host: "127.0.0.1"}, probe.Error, "no port"},
		{"an unknown protocol", token, probe.Attempt{Protocol: "ICMP", Host: "127.0.0.1", Port: 1}, probe.Error, "unknown protocol"},
		{"a closed TCP port", token, probe.Attempt{Protocol: probe.TCP, Host: "127.0.0.1", Port: closedPort}, probe.Refused, "RST"},
		{"a closed UDP port", token, probe.Attempt{Protocol: probe.UDP, Host: "127.0.0.1", Port: closedPort}, probe.Refused, "port unreachable"},
		{"the wrong pod over TCP", token, probe.Attempt{Protocol: probe.TCP, Host: "127.0.0.1", Port: tcpPort, UID: "uid-2"}, probe.WrongResponder, "uid-1"},
		{"a pod of another run over UDP", "of another run", probe.Attempt{Protocol: probe.UDP, Host: "127.0.0.1", Port: udpPort}, probe.WrongResponder, "signature"},
		{"the expected pod over TCP", token, probe.Attempt{Protocol: probe.TCP, Host: "127.0.0.1", Port: tcpPort, UID: "uid-1"}, probe.Connected, "app/payroll"},
		{"the expected pod over TCP with 4 KiB", token, probe.Attempt{Protocol: probe.TCP, Host: "127.0.0.1", Port: tcpPort, UID: "uid-1", Payload: 4096}, probe.Connected, "app/payroll"},
		{"the expected pod over UDP", token, probe.Attempt{Protocol: probe.UDP, Host: "127.0.0.1", Port: udpPort, UID: "uid-1"}, probe.Connected, "app/payroll"},
		{"any pod over UDP without a token", "", probe.Attempt{Protocol: probe.UDP, Host: "127.0.0.1", Port: udpPort, UID: "uid-1"}, probe.Connected, "app/payroll"},
		{"the expected pod over HTTP", token, probe.Attempt{Protocol: probe.HTTP, Host: "127.0.0.1", Port: tcpPort, UID: "uid-1"}, probe.Connected, "app/payroll"},
		{"a foreign HTTP server", token, probe.Attempt{Protocol: probe.HTTP, Host: "127.0.0.1", Port: tcpPort, Foreign: true}, probe.Connected, "HTTP 200"},
		{"a foreign TCP server", token, probe.Attempt{Protocol: probe.TCP, Host: "127.0.0.1", Port: tcpPort, Foreign: true}, probe.Connected, "handshake"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			prober := &probe.Prober{Token: tc.token}
			result := prober.Attempt(ctx, tc.attempt)
			g.Expect(result.Outcome).To(Equal(tc.want), "%s: %+v", result.Reason, result.Observation)
			g.Expect(result.Reason).To(ContainSubstring(tc.reason))
			t.Logf("%s", result.Reason)
		})
	}
}
