package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

var loopbacks = []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()}

// serves runs a responder until the test ends.
func serves(t *testing.T, options ResponderOptions) *Responder {
	t.Helper()
	r, err := Listen(t.Context(), options)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() {
		defer close(served)
		r.Serve(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-served:
		case <-time.After(10 * time.Second):
			t.Error("the responder still serves after its context ended")
		}
	})
	return r
}

// answers runs a responder on a free port of an address until the test ends.
func answers(t *testing.T, protocol Protocol, address netip.Addr, options ResponderOptions) netip.AddrPort {
	t.Helper()
	g := NewWithT(t)
	options.Ports = []Port{{0, protocol}}
	options.Addresses = []netip.Addr{address}
	r := serves(t, options)
	g.Expect(r.Unsupported()).To(BeEmpty())
	g.Expect(r.Listening()).To(HaveLen(1))
	return r.Listening()[0]
}

// connected dials and bounds the whole conversation.
func connected(t *testing.T, network string, to netip.AddrPort) net.Conn {
	t.Helper()
	conn, err := net.Dial(network, to.String())
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	t.Cleanup(func() { conn.Close() })
	return conn
}

func everyArrival(l *ArrivalLog) []Arrival {
	arrivals, _ := l.Find(0, 1000, func(Arrival) bool { return true })
	return arrivals
}

func TestResponderGreetsEachVisitorInHisLanguage(t *testing.T) {
	for _, address := range loopbacks {
		t.Run(address.String(), func(t *testing.T) {
			log := &ArrivalLog{}
			to := answers(t, TCP, address, ResponderOptions{Identity: testIdentity, Token: testToken, Arrivals: log})
			for _, tc := range []struct {
				name  string
				says  string
				hears string
				heard Speech
			}{
				{"who says nothing gets a line of text", "", "podknock: pod \"payroll\" in namespace \"app\"", SpeechNone},
				{"who types a line gets a line of text", "hello?\n", "podknock: pod \"payroll\"", SpeechUnknown},
				{"who speaks TLS gets a line of text", "\x16\x03\x01\x00\xa5\x01\x00\n", "podknock: pod \"payroll\"", SpeechUnknown},
				{"who asks for a page gets JSON", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n", SpeechHTTP},
				{"who sends a form gets JSON", "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na=b", "HTTP/1.1 200 OK\r\n", SpeechHTTP},
				{"who sends long fields gets JSON", "GET / HTTP/1.1\r\nCookie: " + strings.Repeat("c", 9000) + "\r\n\r\n", "HTTP/1.1 200 OK\r\n", SpeechHTTP},
				{"who never ends his fields gets nothing", "GET / HTTP/1.1\r\n" + strings.Repeat("a: b\r\n", 10000), "", SpeechHTTP},
				{"who sends a damaged hello gets nothing", helloMagic + "\x09\x01\x00\x00", "", SpeechUnknown},
			} {
				t.Run(tc.name, func(t *testing.T) {
					g := NewWithT(t)
					conn := connected(t, "tcp", to)
					_, err := io.WriteString(conn, tc.says)
					g.Expect(err).NotTo(HaveOccurred())
					heard, err := io.ReadAll(conn)
					if tc.hears == "" {
						g.Expect(heard).To(BeEmpty())
					} else {
						g.Expect(err).NotTo(HaveOccurred())
						g.Expect(string(heard)).To(HavePrefix(tc.hears))
						g.Expect(string(heard)).To(ContainSubstring(conn.LocalAddr().String()), "it says whom it sees")
					}
					arrivals := everyArrival(log)
					last := arrivals[len(arrivals)-1]
					g.Expect(last.Remote.String()).To(Equal(conn.LocalAddr().String()))
					g.Expect(last.Local).To(Equal(to))
					g.Expect(last.Protocol).To(Equal(TCP))
					g.Expect(last.Speech).To(Equal(tc.heard))
				})
			}
		})
	}
}

func TestResponderAnswersHellosOverTCP(t *testing.T) {
	for _, tc := range []struct {
		name       string
		token      Token
		payload    int
		wantSigned bool
	}{
		{"anonymous", "", 0, false},
		{"signed by another run", "another run's secret", 0, false},
		{"signed", testToken, 0, true},
		{"signed, with 64 bytes to echo", testToken, 64, true},
		{"signed, with 1,400 bytes to echo", testToken, 1400, true},
		{"signed, with 4 KiB to echo", testToken, 4 << 10, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			log := &ArrivalLog{}
			to := answers(t, TCP, loopbacks[0], ResponderOptions{Identity: testIdentity, Token: testToken, Arrivals: log})
			conn := connected(t, "tcp", to)
			for range 2 {
				hello := NewHello(tc.token, bytes.Repeat([]byte("m"), tc.payload))
				_, err := conn.Write(mustAppend(hello.Append(nil)))
				g.Expect(err).NotTo(HaveOccurred())
				reply, err := ReadHelloReply(conn)
				g.Expect(err).NotTo(HaveOccurred())

				want := testIdentity
				want.Nonce, want.Source = hello.Nonce, netip.MustParseAddrPort(conn.LocalAddr().String())
				g.Expect(reply.Identity).To(Equal(want))
				g.Expect(bytes.Equal(reply.Payload, hello.Payload)).To(BeTrue())
				g.Expect(reply.SignedBy(testToken)).To(Equal(tc.wantSigned))

				arrivals := everyArrival(log)
				g.Expect(arrivals[len(arrivals)-1].Nonce).To(Equal(hello.Nonce))
			}
			g.Expect(everyArrival(log)).To(HaveLen(2), "each hello of a held connection is logged")
		})
	}
}

func TestResponderAnswersHTTP(t *testing.T) {
	g := NewWithT(t)
	to := answers(t, TCP, loopbacks[0], ResponderOptions{Identity: testIdentity, Token: testToken})
	hello := NewHello(testToken, nil)
	value, err := hello.HeaderValue()
	g.Expect(err).NotTo(HaveOccurred())

	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		request, err := http.NewRequest(method, fmt.Sprintf("http://%s/any/path?at=all", to), strings.NewReader("a body that nobody reads"))
		g.Expect(err).NotTo(HaveOccurred())
		request.Header.Set(HelloHeader, value)
		client := http.Client{Timeout: 10 * time.Second}
		response, err := client.Do(request)
		g.Expect(err).NotTo(HaveOccurred())
		body, err := io.ReadAll(response.Body)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(response.Body.Close()).To(Succeed())
		g.Expect(response.StatusCode).To(Equal(http.StatusOK))
		g.Expect(response.Close).To(BeTrue())

		reply, err := ParseReplyHeader(response.Header.Get(ReplyHeader))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(reply.SignedBy(testToken)).To(BeTrue())
		g.Expect(reply.Identity.Nonce).To(Equal(hello.Nonce))
		if method == http.MethodHead {
			g.Expect(body).To(BeEmpty())
			continue
		}
		var identity Identity
		g.Expect(json.Unmarshal(body, &identity)).To(Succeed())
		g.Expect(identity).To(Equal(reply.Identity))
	}
}

func TestResponderAnswersHellosOverUDP(t *testing.T) {
	for _, address := range loopbacks {
		t.Run(address.String(), func(t *testing.T) {
			log := &ArrivalLog{}
			to := answers(t, UDP, address, ResponderOptions{Identity: testIdentity, Token: testToken, Arrivals: log})
			ask := func(t *testing.T, datagram []byte) []byte {
				conn := connected(t, "udp", to)
				_, err := conn.Write(datagram)
				NewWithT(t).Expect(err).NotTo(HaveOccurred())
				// The answer to a second, good hello shows that no more is to come.
				last := NewHello(testToken, []byte("last"))
				_, err = conn.Write(mustAppend(last.Append(nil)))
				NewWithT(t).Expect(err).NotTo(HaveOccurred())
				var answer []byte
				for buffer := make([]byte, maxDatagram); ; {
					n, err := conn.Read(buffer)
					NewWithT(t).Expect(err).NotTo(HaveOccurred())
					if reply, err := ParseHelloReply(buffer[:n]); err == nil && reply.Identity.Nonce == last.Nonce {
						return answer
					}
					answer = bytes.Clone(buffer[:n])
				}
			}
			anonymous, padded, signed := NewHello("", nil), NewHello("", make([]byte, 200)), NewHello(testToken, make([]byte, 4<<10))
			reply := anonymous.Reply(testIdentity, testSource)
			for _, tc := range []struct {
				name                              string
				datagram                          []byte
				answered, named, signed, withEcho bool
			}{
				{"an empty datagram gets no answer", nil, false, false, false, false},
				{"a DNS query gets no answer", []byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01"), false, false, false, false},
				{"a reply gets no answer", mustAppend(reply.Append(nil, testToken)), false, false, false, false},
				{"a hello that is cut gets no answer", mustAppend(anonymous.Append(nil))[:40], false, false, false, false},
				{"a stranger gets an answer that is no longer than his hello", mustAppend(anonymous.Append(nil)), true, false, false, false},
				{"a stranger who pads his hello learns the name", mustAppend(padded.Append(nil)), true, true, false, false},
				{"who signs gets everything", mustAppend(signed.Append(nil)), true, true, true, true},
			} {
				t.Run(tc.name, func(t *testing.T) {
					g := NewWithT(t)
					answer := ask(t, tc.datagram)
					g.Expect(answer != nil).To(Equal(tc.answered))
					if !tc.answered {
						return
					}
					g.Expect(tc.signed || len(answer) <= len(tc.datagram)).To(BeTrue(), "%d bytes for %d", len(answer), len(tc.datagram))
					reply, err := ParseHelloReply(answer)
					g.Expect(err).NotTo(HaveOccurred())
					g.Expect(reply.Identity.Source.Addr()).To(Equal(address))
					g.Expect(reply.Identity.Pod != "").To(Equal(tc.named))
					g.Expect(reply.SignedBy(testToken)).To(Equal(tc.signed))
					g.Expect(len(reply.Payload) > 0).To(Equal(tc.withEcho))
				})
			}
			t.Run("the log has every datagram", func(t *testing.T) {
				g := NewWithT(t)
				arrivals := everyArrival(log)
				g.Expect(arrivals).To(HaveLen(14))
				g.Expect(arrivals[0].Speech).To(Equal(SpeechUnknown))
				g.Expect(arrivals[0].Local).To(Equal(to))
				g.Expect(arrivals[1].Speech).To(Equal(SpeechHello))
				g.Expect(arrivals[12].Nonce).To(Equal(signed.Nonce))
			})
		})
	}
}

func TestResponderAnswersFromTheAddressThatWasAsked(t *testing.T) {
	g := NewWithT(t)
	r := serves(t, ResponderOptions{Ports: []Port{{0, UDP}}, Addresses: []netip.Addr{netip.IPv4Unspecified()}})

	// A connected socket hears only the address that it asked: 127.0.0.2 is not the kernel's first choice.
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), r.Listening()[0].Port())
	conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}, net.UDPAddrFromAddrPort(to))
	g.Expect(err).NotTo(HaveOccurred())
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	hello := NewHello("", nil)
	_, err = conn.Write(mustAppend(hello.Append(nil)))
	g.Expect(err).NotTo(HaveOccurred())
	buffer := make([]byte, maxDatagram)
	n, err := conn.Read(buffer)
	g.Expect(err).NotTo(HaveOccurred())
	reply, err := ParseHelloReply(buffer[:n])
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(reply.Identity.Nonce).To(Equal(hello.Nonce))
}

func TestResponderServesMoreVisitorsThanItHasRoomFor(t *testing.T) {
	g := NewWithT(t)
	to := answers(t, TCP, loopbacks[0], ResponderOptions{Connections: 1})
	for range 3 { // three who say nothing, each for 300 ms
		connected(t, "tcp", to)
	}
	conn := connected(t, "tcp", to)
	hello := NewHello("", nil)
	_, err := conn.Write(mustAppend(hello.Append(nil)))
	g.Expect(err).NotTo(HaveOccurred())
	_, err = ReadHelloReply(conn)
	g.Expect(err).NotTo(HaveOccurred())
}

func TestResponderKeepsNoRoomForPortsThatNobodyVisits(t *testing.T) {
	g := NewWithT(t)
	r := serves(t, ResponderOptions{
		Ports: []Port{{0, TCP}, {0, TCP}, {0, TCP}}, Addresses: loopbacks[:1], Connections: 1,
	})
	for _, to := range r.Listening() {
		conn := connected(t, "tcp", to)
		hello := NewHello("", nil)
		_, err := conn.Write(mustAppend(hello.Append(nil)))
		g.Expect(err).NotTo(HaveOccurred())
		_, err = ReadHelloReply(conn)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(conn.Close()).To(Succeed())
	}
}

func TestListenSaysWhatCannotBeOpened(t *testing.T) {
	g := NewWithT(t)
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).AddrPort().Port()
	_, err = Listen(t.Context(), ResponderOptions{Ports: []Port{{port, TCP}}, Addresses: loopbacks[:1]})
	g.Expect(err).To(MatchError(And(HavePrefix(fmt.Sprintf("listen on %d/TCP: ", port)), ContainSubstring("address already in use"))))

	_, err = Listen(t.Context(), ResponderOptions{Ports: []Port{{80, DNS}}})
	g.Expect(err).To(MatchError(`listen on 80/DNS: protocol "DNS" has no ports`))
}

// The test proves what the kernel at hand allows: either the responder answers over SCTP, or it says that it cannot.
func TestResponderOverSCTP(t *testing.T) {
	g := NewWithT(t)
	r, err := Listen(t.Context(), ResponderOptions{Ports: []Port{{38412, SCTP}}, Addresses: loopbacks})
	g.Expect(err).NotTo(HaveOccurred())
	defer r.close()
	if len(r.Unsupported()) > 0 {
		g.Expect(r.Unsupported()).To(Equal([]Port{{38412, SCTP}}))
		g.Expect(r.Listening()).To(BeEmpty())
		return
	}
	g.Expect(r.Listening()).To(HaveLen(2))
}

// Whatever somebody says over TCP, the responder ends the conversation and never answers with a hello.
func FuzzResponderConnection(f *testing.F) {
	signed := NewHello(testToken, []byte("echo"))
	f.Add(mustAppend(signed.Append(nil)))
	f.Add([]byte("GET / HTTP/1.1\r\nPodknock-Hello: f5504b4e\r\n\r\n"))
	f.Add([]byte("HEAD / HTTP/1.0\r\n\r\n"))
	f.Add([]byte("hello?\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		r := &Responder{options: ResponderOptions{Identity: testIdentity, Token: testToken, Arrivals: &ArrivalLog{}}}
		visitor, conn := net.Pipe()
		go func() {
			visitor.Write(said)
			visitor.Close()
		}()
		heard := make(chan []byte)
		go func() {
			b, _ := io.ReadAll(visitor)
			heard <- b
		}()
		r.serveConnection(conn, TCP)
		if answer := <-heard; len(answer) > 0 {
			if _, err := ParseHello(answer); err == nil {
				t.Fatalf("the answer %q is a hello", answer)
			}
		}
	})
}
