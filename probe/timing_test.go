package probe

import (
	"math"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestAttemptsThatCannotBeMade(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Attempt)
		want   string
	}{
		{"no host", func(a *Attempt) { a.Host = "" }, "no host"},
		{"no port", func(a *Attempt) { a.Port = 0 }, "no port"},
		{"an unknown protocol", func(a *Attempt) { a.Protocol = "tcp" }, `unknown protocol "tcp"`},
		{"an unknown family", func(a *Attempt) { a.Family = "6" }, `unknown family "6"`},
		{"a negative payload", func(a *Attempt) { a.Payload = -1 }, "payload of -1 bytes"},
		{"a payload that fits no datagram", func(a *Attempt) { a.Payload = MaxPayload + 1 }, "payload of 16385 bytes"},
		{"a negative timeout", func(a *Attempt) { a.Timeout = -1 }, "out of range"},
		{"a timeout of days", func(a *Attempt) { a.Timeout = 48 * time.Hour }, "out of range"},
		{"a round trip of hours", func(a *Attempt) { a.RTT = time.Hour }, "out of range"},
		{"more sockets than SYNs are allowed", func(a *Attempt) { a.Sockets = MaxSYNs + 1 }, "25 sockets"},
		{"a negative stagger", func(a *Attempt) { a.Stagger = -1 }, "out of range"},
		{"a loss above one", func(a *Attempt) { a.Loss = 1.1 }, "no probability"},
		{"a loss that is no number", func(a *Attempt) { a.Loss = math.NaN() }, "no probability"},
		{"a hold longer than responders wait", func(a *Attempt) { a.Hold = time.Hour }, "hold of 1h0m0s out of range"},
		{"a hold of a foreign host", func(a *Attempt) { a.Hold, a.Foreign = time.Second, true }, "only a responder of ours can be held"},
		{"a link-local address without its zone", func(a *Attempt) { a.Host = "fe80::1" }, "needs its zone"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			a := Attempt{Protocol: TCP, Host: "10.0.0.7", Port: 80}
			g.Expect(a.Validate()).To(Succeed())
			tc.change(&a)
			g.Expect(a.Validate()).To(MatchError(ContainSubstring(tc.want)))
		})
	}
}

func TestDefaultTiming(t *testing.T) {
	g := NewWithT(t)
	a := Attempt{}
	g.Expect(a.timing()).To(Equal(Timing{
		Timeout: 800 * time.Millisecond, Sockets: 3, Stagger: 100 * time.Millisecond, Confirm: 1200 * time.Millisecond, ICMPWait: 90 * time.Second,
	}))
	a.RTT = 300 * time.Millisecond
	g.Expect(a.timing().Timeout).To(Equal(1200*time.Millisecond), "four round trips")
	a.Timeout = 3 * time.Second
	g.Expect(a.timing().Timeout).To(Equal(3 * time.Second))
	a.Confirm = -1
	g.Expect(a.timing().Confirm).To(BeNumerically("<", 0), "off stays off")
}
