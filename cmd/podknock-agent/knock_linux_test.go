package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
)

// said runs a command line and returns its exit code and what it printed.
func said(t *testing.T, args ...string) (code int, out, err string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), args, streams{in: os.Stdin, out: &stdout, err: &stderr})
	return code, stdout.String(), stderr.String()
}

func TestParseTarget(t *testing.T) {
	for _, tc := range []struct {
		name, text, failure string
		want                probe.Attempt
	}{
		{"no scheme", "10.0.0.7:8080", "", probe.Attempt{}},
		{"a word", "web", `it has no known scheme: begin with tcp://, udp://, sctp://, http:// or dns://`, probe.Attempt{}},
		{"TLS", "https://web", `TLS is not spoken: write tcp:// to knock on the port`, probe.Attempt{}},
		{"no host", "tcp://:80", `it names no host: write tcp://HOST`, probe.Attempt{}},
		{"no port", "udp://10.0.0.7", `it names no port: write udp://10.0.0.7:PORT`, probe.Attempt{}},
		{"port zero", "tcp://10.0.0.7:0", `port "0" is no number from 1 to 65535`, probe.Attempt{}},
		{"too large a port", "tcp://10.0.0.7:65536", `port "65536" is no number from 1 to 65535`, probe.Attempt{}},
		{"a path where there is none", "tcp://10.0.0.7:80/index", `tcp has no path and no query: leave out "/index"`, probe.Attempt{}},
		{"a user", "http://me@web", `it names a user, and nobody logs in: leave out "me@"`, probe.Attempt{}},
		{"a fragment", "http://web/#top", `it has a fragment: leave out "#top"`, probe.Attempt{}},
		{"an unknown DNS option", "dns://web?type=A", `it has an unknown option "type": use server=ADDRESS, tcp or absolute`, probe.Attempt{}},
		{"a DNS server by name", "dns://web?server=ns", `server "ns" is no address: write server=10.96.0.10 or server=[fd00::10]:53`, probe.Attempt{}},
		{"a DNS server with a bad port", "dns://web?server=10.96.0.10:x", `server "10.96.0.10:x": port "x" is no number from 1 to 65535`, probe.Attempt{}},
		{"a name with a port", "dns://web:53", `a name has no port: the server's goes into ?server=ADDRESS:PORT`, probe.Attempt{}},
		{"TCP", "tcp://10.0.0.7:8080", "", probe.Attempt{Protocol: probe.TCP, Host: "10.0.0.7", Port: 8080}},
		{"UDP to IPv6", "udp://[2001:db8::7]:53/", "", probe.Attempt{Protocol: probe.UDP, Host: "2001:db8::7", Port: 53}},
		{"SCTP to a name", "sctp://amf.core:38412", "", probe.Attempt{Protocol: probe.SCTP, Host: "amf.core", Port: 38412}},
		{"HTTP has a default port", "http://web.app", "",
			probe.Attempt{Protocol: probe.HTTP, Host: "web.app", Port: 80, HTTP: &probe.HTTPRequest{Path: "/"}}},
		{"HTTP with path and query", "http://web.app:8080/a?b=c", "",
			probe.Attempt{Protocol: probe.HTTP, Host: "web.app", Port: 8080, HTTP: &probe.HTTPRequest{Path: "/a?b=c"}}},
		{"DNS", "dns://web.app.svc", "", probe.Attempt{Protocol: probe.DNS, Host: "web.app.svc", DNS: &probe.DNSQuestion{}}},
		{"DNS of chosen servers", "dns://web?server=10.96.0.10&server=[fd00::10]:5353&tcp&absolute", "",
			probe.Attempt{Protocol: probe.DNS, Host: "web", DNS: &probe.DNSQuestion{
				Servers: []netip.AddrPort{netip.MustParseAddrPort("10.96.0.10:53"), netip.MustParseAddrPort("[fd00::10]:5353")},
				TCP:     true, Absolute: true,
			}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			a, err := parseTarget(tc.text)
			if tc.want.Protocol == "" {
				g.Expect(err).To(MatchError(And(HavePrefix("target %q: ", tc.text), HaveSuffix(tc.failure))))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(a).To(Equal(tc.want))
		})
	}
}

func TestMistakesAreNamedInOneSentence(t *testing.T) {
	t.Setenv(tokenVariable, "")
	for _, tc := range []struct {
		name string
		args string
		want string
	}{
		{"an unknown verb", "listen", `unknown verb "listen": use serve, stdio, knock or version`},
		{"no target", "knock", "knock: no target: name one such as tcp://10.0.0.7:8080"},
		{"an unknown flag", "knock tcp://127.0.0.1:1 -udp", "knock: flag provided but not defined: -udp: see podknock-agent knock -help"},
		{"an unknown format", "knock tcp://127.0.0.1:1 -o yaml", `knock: -o "yaml": use text or json`},
		{"a negative timeout", "knock tcp://127.0.0.1:1 -timeout -1s", "knock: -timeout -1s: use a duration up to 1h, such as 800ms"},
		{"too large a payload", "knock tcp://127.0.0.1:1 -payload 100000", "knock: -payload 100000: use 0 to 16384 bytes"},
		{"an unknown family", "knock tcp://127.0.0.1:1 -family 6", `knock: -family "6": use IPv4 or IPv6`},
		{"a token that nobody needs", "knock tcp://127.0.0.1:1 -token-file x", "knock: -token-file is for -responder: add that or leave it out"},
		{"a token file that is missing", "knock tcp://127.0.0.1:1 -responder -token-file /nowhere",
			"read token: open /nowhere: no such file or directory: name an existing file with -token-file or set PODKNOCK_TOKEN"},
		{"the second target is wrong", "knock tcp://127.0.0.1:1 nonsense",
			`knock: target "nonsense": it has no known scheme: begin with tcp://, udp://, sctp://, http:// or dns://`},
		{"an argument of serve", "serve 8080", `serve: unexpected argument "8080": it takes flags alone, see podknock-agent serve -help`},
		{"a port that is none", "serve -listen http", `serve: -listen: port "http": "http" is no number from 1 to 65535: write ports such as 8080/TCP,53/UDP`},
		{"a port named twice", "serve -listen 80,80/tcp", "serve: -listen: port 80/TCP is named twice: name it once"},
		{"a control port without token", "serve -listen 80",
			"serve: the control port needs a token: set PODKNOCK_TOKEN, name a file with -token-file, or switch it off with -control=none"},
		{"a control port for everybody", "serve -control 0.0.0.0:7665",
			"serve: -control: 0.0.0.0:7665 is no loopback address: the control port must not be reachable from the pod network, use 127.0.0.1:7665"},
		{"a control address that is none", "serve -control 7665", "serve: -control: not an ip:port: write an address such as 127.0.0.1:7665"},
		{"nothing to serve", "serve -control none", "serve: there is nothing to serve: name ports with -listen or a control address with -control"},
		{"the control port is under test", "serve -listen 7665", "serve: -control: port 7665 is in -listen too: choose another with -control"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			code, out, stderr := said(t, strings.Fields(tc.args)...)
			g.Expect(code).To(Equal(exitUsage))
			g.Expect(out).To(BeEmpty())
			g.Expect(stderr).To(Equal("podknock-agent: " + tc.want + "\n"))
		})
	}
}

func TestHelp(t *testing.T) {
	g := NewWithT(t)
	for _, verb := range []string{"serve", "stdio", "knock"} {
		code, out, stderr := said(t, verb, "-help")
		g.Expect(code).To(Equal(0))
		g.Expect(out).To(HavePrefix("Usage: podknock-agent " + verb))
		g.Expect(stderr).To(BeEmpty())
	}
	code, out, _ := said(t, "version")
	g.Expect(code).To(Equal(0))
	g.Expect(strings.TrimSpace(out)).NotTo(BeEmpty())
	code, _, stderr := said(t)
	g.Expect(code).To(Equal(exitUsage))
	g.Expect(stderr).To(Equal(usage))
}

func TestEveryOutcomeHasItsExitCode(t *testing.T) {
	g := NewWithT(t)
	seen := map[int]bool{exitDiffer: true, exitUsage: true}
	for _, o := range probe.Outcomes() {
		code, known := outcomeCodes[o]
		g.Expect(known).To(BeTrue(), "%s", o)
		g.Expect(seen[code]).To(BeFalse(), "the code of %s is taken", o)
		seen[code] = true
		if o != probe.Error {
			g.Expect(exitTable()).To(ContainSubstring("%2d  %s", code, o))
		}
	}
}

func TestExitCode(t *testing.T) {
	result := func(o probe.Outcome, inconclusive bool) probe.Result {
		return probe.Result{Reading: probe.Reading{Outcome: o, Inconclusive: inconclusive}}
	}
	for _, tc := range []struct {
		name    string
		results []probe.Result
		want    int
	}{
		{"could not ask", []probe.Result{result(probe.Error, false)}, 3},
		{"inconclusive", []probe.Result{result(probe.Timeout, true)}, 3},
		{"one of several proves nothing", []probe.Result{result(probe.Connected, false), result(probe.Refused, false), result(probe.Timeout, true)}, 3},
		{"different answers", []probe.Result{result(probe.Connected, false), result(probe.Refused, false), result(probe.Connected, false)}, 1},
		{"the same answers", []probe.Result{result(probe.Refused, false), result(probe.Refused, false)}, 11},
		{"connected", []probe.Result{result(probe.Connected, false)}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			NewWithT(t).Expect(exitCode(tc.results)).To(Equal(tc.want))
		})
	}
}

func TestKnock(t *testing.T) {
	g := NewWithT(t)
	t.Setenv(tokenVariable, "of this run")
	ctx, cancel := context.WithCancel(t.Context())
	responder, err := probe.Listen(ctx, probe.ResponderOptions{
		Ports: []probe.Port{{Protocol: probe.TCP}, {Protocol: probe.UDP}}, Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")},
		Identity: probe.Identity{Pod: "payroll", Namespace: "app", UID: "uid-1", Node: "node-1"}, Token: "of this run",
	})
	g.Expect(err).NotTo(HaveOccurred())
	served := make(chan struct{})
	go func() {
		defer close(served)
		responder.Serve(ctx)
	}()
	defer func() { cancel(); <-served }()
	open := responder.Listening()[0].String()
	datagram := responder.Listening()[1].String()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	closed := listener.Addr().String()
	g.Expect(listener.Close()).To(Succeed())

	for _, tc := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"a closed port", []string{"tcp://" + closed}, 11, []string{"tcp://" + closed + ": refused\n", "  error     ECONNREFUSED from "}},
		{"an open port", []string{"tcp://" + open}, 0, []string{"tcp://" + open + ": connected\n", "  reason    handshake with " + open}},
		{"an open and a closed port", []string{"tcp://" + open, "tcp://" + closed}, 1, []string{": connected\n", ": refused\n"}},
		{"a responder over TCP", []string{"-responder", "tcp://" + open}, 0, []string{`  answer    pod "payroll" in namespace "app", uid "uid-1", node "node-1", which saw 127.0.0.1:`}},
		{"a responder over UDP, with an echo", []string{"udp://" + datagram, "-payload", "1400"}, 0, []string{`pod "payroll"`}},
		{"another pod than expected", []string{"tcp://" + open, "-uid=uid-2"}, 18, []string{": wrong-responder\n", `want UID "uid-2"`}},
		{"a page", []string{"http://" + open + "/index"}, 0, []string{"  http      status 200\n"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			code, out, stderr := said(t, append([]string{"knock"}, tc.args...)...)
			g.Expect(stderr).To(BeEmpty())
			g.Expect(code).To(Equal(tc.code), out)
			for _, text := range tc.want {
				g.Expect(out).To(ContainSubstring(text))
			}
		})
	}

	t.Run("results for machines are lines of JSON", func(t *testing.T) {
		g := NewWithT(t)
		_, out, _ := said(t, "knock", "-o", "json", "tcp://"+open, "tcp://"+closed)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		g.Expect(lines).To(HaveLen(2))
		for i, want := range []probe.Outcome{probe.Connected, probe.Refused} {
			var r probe.Result
			g.Expect(json.Unmarshal([]byte(lines[i]), &r)).To(Succeed())
			g.Expect(r.Outcome).To(Equal(want))
			g.Expect(r.ID).To(Equal([]string{"tcp://" + open, "tcp://" + closed}[i]), "in the order of the targets")
		}
	})
}
