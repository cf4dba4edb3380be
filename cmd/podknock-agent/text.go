//go:build linux

package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/podknock/podknock/probe"
)

// printText prints the outcome with its reason, and below it the evidence.
func printText(w io.Writer, r probe.Result) error {
	var b strings.Builder
	outcome := string(r.Outcome)
	if r.Inconclusive {
		outcome += " (inconclusive)"
	}
	fmt.Fprintf(&b, "%s: %s\n", r.ID, outcome)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-9s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("reason", "%s", r.Reason)
	if r.Remote.IsValid() {
		line("address", "%s", r.Remote)
	}
	if r.Local.IsValid() {
		line("from", "%s", r.Local)
	}
	if asked := describeAsking(r); asked != "" {
		line("asked", "%s", asked)
	}
	if r.Errno != "" {
		line("error", "%s from %s", r.Errno, r.Call)
	}
	if m := r.ICMP; m != nil && m.Version != 0 {
		line("icmp", "version %d, type %d, code %d, from %s", m.Version, m.Type, m.Code, m.Offender)
	}
	if h := r.ResetHops; h != nil {
		line("hops", "the reset arrived with hop limit %d, answers with %d", h.Reset, h.Answer)
	}
	if id := r.Identity; id != nil {
		line("answer", "pod %q in namespace %q, uid %q, node %q, which saw %s", id.Pod, id.Namespace, id.UID, id.Node, id.Source)
	}
	if r.HTTPStatus != 0 {
		line("http", "status %d", r.HTTPStatus)
	}
	if r.ForeignAnswer != "" {
		line("heard", "%q", r.ForeignAnswer)
	}
	for _, q := range r.Queries {
		line("dns", "%s", describeQuery(q))
	}
	if r.ErrorProbability > 0 {
		line("chance", "%.1g that packet loss alone made this silence", r.ErrorProbability)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// describeAsking tells how often was asked and how long it took.
func describeAsking(r probe.Result) string {
	var words []string
	if r.Tries > 0 {
		words = append(words, fmt.Sprintf("packets sent: %d", r.Tries))
	}
	if r.Rounds > 1 {
		words = append(words, fmt.Sprintf("rounds: %d", r.Rounds))
	}
	for _, d := range []struct {
		name string
		time time.Duration
	}{{"handshake", r.Connect}, {"answer", r.Exchange}, {"all", r.Elapsed}} {
		if d.time > 0 {
			words = append(words, fmt.Sprintf("%s: %s", d.name, d.time.Round(10*time.Microsecond)))
		}
	}
	return strings.Join(words, ", ")
}

func describeQuery(q probe.Query) string {
	text := fmt.Sprintf("%s %s from %s: %s", q.Type, q.Name, q.Server, q.Code)
	if q.TCP {
		text += " over TCP"
	}
	if q.Errno != "" {
		text += ", " + q.Errno
	}
	if len(q.Addresses) > 0 {
		addresses := make([]string, len(q.Addresses))
		for i, a := range q.Addresses {
			addresses[i] = a.String()
		}
		text += ", " + strings.Join(addresses, " ")
	}
	return text
}
