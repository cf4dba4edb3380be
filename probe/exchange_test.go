package probe

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// helloFrame returns the whole reply of a responder to the exchange's request.
func helloFrame(t *testing.T, x *helloExchange, token Token) []byte {
	t.Helper()
	hello, err := ParseHello(x.request())
	if err != nil {
		t.Fatal(err)
	}
	reply := hello.Reply(testIdentity, testSource)
	return mustAppend(reply.Append(nil, token))
}

func TestHelloExchange(t *testing.T) {
	nonce := Nonce{7}
	newExchange := func(a Attempt) *helloExchange {
		x, err := newHelloExchange(&a, nonce, testToken)
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		return x
	}
	tcp, udp := newExchange(Attempt{Protocol: TCP, Payload: 100}), newExchange(Attempt{Protocol: UDP})
	foreign := newExchange(Attempt{Protocol: UDP, Foreign: true})
	reply := helloFrame(t, tcp, testToken)
	stray, err := newHelloExchange(&Attempt{Protocol: UDP}, Nonce{8}, testToken)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())

	for _, tc := range []struct {
		name     string
		exchange *helloExchange
		b        []byte
		eof      bool
		want     progress
		foreign  string
		signed   bool
	}{
		{"nothing yet", tcp, nil, false, unanswered, "", false},
		{"an end before anything", tcp, nil, true, unanswered, "", false},
		{"half of the magic", tcp, reply[:2], false, unanswered, "", false},
		{"half of the reply", tcp, reply[:40], false, unanswered, "", false},
		{"half of the reply, and the end", tcp, reply[:40], true, damaged, "", false},
		{"a greeting that has begun", tcp, []byte("pod"), false, unheard, "", false},
		{"a greeting: our request was lost", tcp, []byte("podknock: pod \"a\""), false, unheard, "", false},
		{"another protocol", tcp, []byte("SSH-2.0-x\r\n"), false, answered, "SSH-2.0-x\r\n", false},
		{"bytes that are no text", tcp, []byte{0xff, 0xfe, 'a'}, false, answered, "��a", false},
		{"another version of ours", tcp, append([]byte(helloMagic), 9, kindReply, 0, 0), false, answered, "�PKN\t\x02\x00\x00", false},
		{"the reply", tcp, reply, false, answered, "", true},
		{"the reply of another run", tcp, helloFrame(t, tcp, "another"), false, answered, "", false},
		{"the reply and more", tcp, append(append([]byte{}, reply...), "more"...), false, answered, "", true},
		{"a datagram", udp, helloFrame(t, udp, testToken), false, answered, "", true},
		{"the datagram of another attempt", udp, helloFrame(t, stray, testToken), false, unanswered, "", false},
		{"a foreign datagram", foreign, []byte("anything"), false, answered, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			o := Observation{Nonce: nonce}
			g.Expect(tc.exchange.receive(tc.b, tc.eof, &o)).To(Equal(tc.want))
			g.Expect(o.ForeignAnswer).To(Equal(tc.foreign))
			if tc.signed {
				g.Expect(o.Identity.UID).To(Equal(testIdentity.UID))
				g.Expect(o.Unsigned).To(BeFalse())
			} else if o.Identity != nil {
				g.Expect(o.Unsigned).To(BeTrue())
			}
		})
	}
}

func TestAnonymousDatagramLeavesRoomForTheNames(t *testing.T) {
	g := NewWithT(t)
	x, err := newHelloExchange(&Attempt{Protocol: UDP}, Nonce{7}, "")
	g.Expect(err).NotTo(HaveOccurred())
	hello, err := ParseHello(x.request())
	g.Expect(err).NotTo(HaveOccurred())
	reply := hello.Reply(testIdentity, testSource)
	answer, err := reply.AppendWithin(nil, len(x.request()))
	g.Expect(err).NotTo(HaveOccurred())
	o := Observation{Nonce: Nonce{7}}
	g.Expect(x.receive(answer, false, &o)).To(Equal(answered))
	g.Expect(o.Identity.Pod).To(Equal(testIdentity.Pod))
	g.Expect(o.Unsigned).To(BeFalse(), "there is no token to sign with")
}

func TestHTTPRequest(t *testing.T) {
	for _, tc := range []struct {
		name    string
		attempt Attempt
		want    string
		err     string
	}{
		{"a path with a blank", Attempt{HTTP: &HTTPRequest{Path: "/a b"}}, "", "holds a blank or control character"},
		{"a host with a line end", Attempt{HTTP: &HTTPRequest{Host: "a\r\nX: y"}}, "", "holds a blank or control character"},
		{"the defaults", Attempt{Host: "db", Port: 80}, "GET / HTTP/1.1\r\nHost: db\r\n", ""},
		{"another port", Attempt{Host: "db", Port: 8080}, "GET / HTTP/1.1\r\nHost: db:8080\r\n", ""},
		{"an IPv6 address", Attempt{Host: "2001:db8::1", Port: 80}, "GET / HTTP/1.1\r\nHost: [2001:db8::1]\r\n", ""},
		{"an IPv6 address and another port", Attempt{Host: "2001:db8::1", Port: 81}, "GET / HTTP/1.1\r\nHost: [2001:db8::1]:81\r\n", ""},
		{"a path and a host", Attempt{Host: "10.0.0.7", Port: 80, HTTP: &HTTPRequest{Path: "/healthz?x=1", Host: "shop"}}, "GET /healthz?x=1 HTTP/1.1\r\nHost: shop\r\n", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			x, err := newHTTPExchange(&tc.attempt, Nonce{1}, "")
			if tc.err != "" {
				g.Expect(err).To(MatchError(ContainSubstring(tc.err)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(x.request())).To(HavePrefix(tc.want))
			g.Expect(string(x.request())).To(HaveSuffix("\r\n\r\n"))
			g.Expect(string(x.request())).To(ContainSubstring(HelloHeader))
		})
	}
}

func TestHTTPAnswer(t *testing.T) {
	attempt := Attempt{Host: "db", Port: 80}
	ours, err := newHTTPExchange(&attempt, Nonce{7}, testToken)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	attempt.Foreign = true
	foreign, err := newHTTPExchange(&attempt, Nonce{7}, testToken)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	NewWithT(t).Expect(string(foreign.request())).NotTo(ContainSubstring(HelloHeader), "strangers are not told")
	hello := Hello{Nonce: Nonce{7}}
	reply := hello.Reply(testIdentity, testSource)
	value, err := reply.HeaderValue(testToken)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	whole := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\npodknock-reply:  " + value + "\r\n\r\n"

	for _, tc := range []struct {
		name     string
		exchange *httpExchange
		b        string
		eof      bool
		want     progress
		status   int
		foreign  string
		uid      string
	}{
		{"nothing yet", ours, "", false, unanswered, 0, "", ""},
		{"an end before anything", ours, "", true, unanswered, 0, "", ""},
		{"half a status line", ours, "HTTP/1.1 20", false, unanswered, 0, "", ""},
		{"half a status line, and the end", ours, "HTTP/1.1 20", true, damaged, 0, "", ""},
		{"half the fields", ours, whole[:40], false, unanswered, 200, "", ""},
		{"fields without end", ours, "HTTP/1.1 200 OK\r\n" + strings.Repeat("x", maxHTTPAnswer), false, answered, 200, "HTTP/1.1 200 OK\r\n" + strings.Repeat("x", 47), ""},
		{"a greeting: our request was lost", ours, greeting, false, unheard, 0, "", ""},
		{"another protocol", ours, "220 mail", false, answered, 0, "220 mail", ""},
		{"a status of two digits", ours, "HTTP/1.1 20 OK\r\n", false, answered, 0, "HTTP/1.1 20 OK\r\n", ""},
		{"a server that is none of ours", ours, "HTTP/1.1 404 Not Found\r\n\r\n", false, answered, 404, "HTTP/1.1 404 Not Found\r\n\r\n", ""},
		{"our responder", ours, whole, false, answered, 200, "", testIdentity.UID},
		{"a foreign server", foreign, "HTTP/1.0 503 \r\n", false, answered, 503, "", ""},
		{"a foreign server of another protocol", foreign, "220 mail\r\n", false, answered, 0, "220 mail\r\n", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			var o Observation
			g.Expect(tc.exchange.receive([]byte(tc.b), tc.eof, &o)).To(Equal(tc.want))
			g.Expect(o.HTTPStatus).To(Equal(tc.status))
			g.Expect(o.ForeignAnswer).To(Equal(tc.foreign))
			if tc.uid != "" {
				g.Expect(o.Identity.UID).To(Equal(tc.uid))
				g.Expect(o.Unsigned).To(BeFalse())
			}
		})
	}
}
