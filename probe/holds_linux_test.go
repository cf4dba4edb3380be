package probe_test

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
)

// held starts attempts that are held for a minute, and returns when all are.
func held(ctx context.Context, t *testing.T, prober *probe.Prober, attempts ...probe.Attempt) <-chan probe.Result {
	t.Helper()
	results := make(chan probe.Result, len(attempts))
	for i := range attempts {
		attempts[i].Hold = time.Minute
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		prober.Run(ctx, attempts, func(r probe.Result) { results <- r })
	}()
	t.Cleanup(func() { <-ended })
	NewWithT(t).Eventually(prober.Held).WithTimeout(10 * time.Second).Should(Equal(len(attempts)))
	return results
}

func TestReleaseAsksAgainOnHeldConnections(t *testing.T) {
	const token = probe.Token("of this run")
	for _, tc := range []struct {
		name string
		// gone says that the responder ends before the release.
		gone bool
		want probe.Outcome
	}{
		{"a connection whose responder has ended answers no more", true, probe.Closed},
		{"a connection that lives answers the second question", false, probe.Connected},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			t.Cleanup(cancel)
			serving, stop := context.WithCancel(ctx)
			responder, err := probe.Listen(serving, probe.ResponderOptions{Ports: []probe.Port{{Protocol: probe.TCP}}, Addresses: loopback[:1], Token: token})
			g.Expect(err).NotTo(HaveOccurred())
			served := make(chan struct{})
			go func() {
				defer close(served)
				responder.Serve(serving)
			}()
			prober := &probe.Prober{Token: token}
			attempt := probe.Attempt{Protocol: probe.TCP, Host: "127.0.0.1", Port: responder.Listening()[0].Port()}
			results := held(ctx, t, prober, attempt)
			if tc.gone {
				stop()
				<-served
			} else {
				t.Cleanup(stop)
			}
			prober.Release()
			var result probe.Result
			g.Eventually(results).WithTimeout(10 * time.Second).Should(Receive(&result))
			g.Expect(result.Outcome).To(BeElementOf(tc.want, probe.Reset), result.Reason)
			if !tc.gone {
				g.Expect(result.Outcome).To(Equal(tc.want), result.Reason)
			}
			g.Expect(result.Held).To(BeTrue())
			g.Expect(prober.Held()).To(BeZero())
		})
	}
}

func TestReleaseConcernsWhatIsHeldNow(t *testing.T) {
	g := NewWithT(t)
	const token = probe.Token("of this run")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	udp := startResponder(t, probe.ResponderOptions{Ports: []probe.Port{{Protocol: probe.UDP}}, Addresses: loopback[:1], Token: token})
	prober := &probe.Prober{Token: token}
	prober.Release() // before anything is held: it must not release what comes later
	results := held(ctx, t, prober, probe.Attempt{Protocol: probe.UDP, Host: "127.0.0.1", Port: udp.Listening()[0].Port()})
	g.Consistently(results).WithTimeout(300 * time.Millisecond).ShouldNot(Receive())
	prober.Release()
	var result probe.Result
	g.Eventually(results).WithTimeout(10 * time.Second).Should(Receive(&result))
	g.Expect(result.Outcome).To(Equal(probe.Connected), result.Reason)
}

func TestHeldConnectionsThatAreAbandonedAreHeldNoMore(t *testing.T) {
	g := NewWithT(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	const token = probe.Token("of this run")
	tcp := startResponder(t, probe.ResponderOptions{Ports: []probe.Port{{Protocol: probe.TCP}}, Addresses: loopback[:1], Token: token})
	prober := &probe.Prober{Token: token}
	asking, stop := context.WithCancel(ctx)
	results := held(asking, t, prober, probe.Attempt{Protocol: probe.TCP, Host: "127.0.0.1", Port: tcp.Listening()[0].Port()})
	stop()
	var result probe.Result
	g.Eventually(results).WithTimeout(10 * time.Second).Should(Receive(&result))
	g.Expect(result.Outcome).To(Equal(probe.Error))
	g.Expect(prober.Held()).To(BeZero())
}
