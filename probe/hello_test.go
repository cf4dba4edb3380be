package probe

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"

	. "github.com/onsi/gomega"
)

const testToken = Token("the secret of this run")

var (
	testIdentity = Identity{Pod: "payroll", Namespace: "app", UID: "3f2b8a52-9d3b-4a0e-8f0e-0a5b7f5f7f01", Node: "node-1"}
	testSource   = netip.MustParseAddrPort("10.244.1.7:40123")
)

// mustAppend returns the frame of a hello or reply that is known to be encodable.
func mustAppend(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestHelloSurvivesTheWire(t *testing.T) {
	for _, tc := range []struct {
		name    string
		token   Token
		payload []byte
	}{
		{"anonymous", "", nil},
		{"signed", testToken, nil},
		{"with 4 KiB to echo", testToken, bytes.Repeat([]byte("m"), 4<<10)},
		{"with as much to echo as is allowed", testToken, make([]byte, MaxPayload)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			hello := NewHello(tc.token, tc.payload)
			frame, err := hello.Append(nil)
			g.Expect(err).NotTo(HaveOccurred())

			parsed, err := ParseHello(frame)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(parsed).To(Equal(hello))
			g.Expect(parsed.SignedBy(testToken)).To(Equal(tc.token != ""))
			g.Expect(parsed.SignedBy("another run's secret")).To(BeFalse())
			g.Expect(parsed.SignedBy("")).To(BeFalse())

			stream := bytes.NewReader(append(bytes.Clone(frame), "what follows"...))
			read, err := ReadHello(iotest.OneByteReader(stream))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(read).To(Equal(hello))
			g.Expect(stream.Len()).To(Equal(len("what follows")), "the reader takes the frame and not a byte more")
		})
	}
}

func TestHelloKeepsTheTokenSecret(t *testing.T) {
	g := NewWithT(t)
	hello := NewHello(testToken, nil)
	frame, err := hello.Append(nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(frame)).NotTo(ContainSubstring(string(testToken)))

	hello.Nonce = NewNonce()
	g.Expect(hello.SignedBy(testToken)).To(BeFalse(), "a signature is good for one nonce only")
}

func TestHelloRefusesWhatIsNoHello(t *testing.T) {
	valid := mustAppend((&Hello{Nonce: NewNonce()}).Append(nil))
	changed := func(offset int, value byte) []byte {
		b := bytes.Clone(valid)
		b[offset] = value
		return b
	}
	reply := mustAppend((&HelloReply{Identity: Identity{Nonce: NewNonce(), Source: testSource}}).Append(nil, ""))
	for _, tc := range []struct {
		name  string
		bytes []byte
		want  string
	}{
		{"nothing", nil, ErrNotHello.Error()},
		{"an HTTP request", []byte("GET / HTTP/1.1\r\n\r\n"), ErrNotHello.Error()},
		{"half of the magic", valid[:2], ErrNotHello.Error()},
		{"a header that ends early", valid[:6], "ends inside its header"},
		{"another version", changed(4, 2), "version 2, this program speaks 1"},
		{"a reply", reply, "kind 2 where 1 was expected"},
		{"a body that ends early", valid[:len(valid)-1], "announces 40 bytes and carries 39"},
		{"a body without authenticator", append(changed(7, 16)[:frameHeaderSize], valid[8:24]...), "body of 16 bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			_, err := ParseHello(tc.bytes)
			g.Expect(err).To(MatchError(ContainSubstring(tc.want)))
		})
	}
	t.Run("a payload that is too long", func(t *testing.T) {
		g := NewWithT(t)
		_, err := (&Hello{Payload: make([]byte, MaxPayload+1)}).Append(nil)
		g.Expect(err).To(MatchError("encode hello: payload of 16385 bytes, at most 16384 are allowed"))
	})
}

func TestReadHelloReplyTellsHowAStreamFailed(t *testing.T) {
	reply := mustAppend((&HelloReply{Identity: Identity{Nonce: NewNonce(), Source: testSource}}).Append(nil, testToken))
	for _, tc := range []struct {
		name   string
		stream io.Reader
		want   error
	}{
		{"an end before the first byte", strings.NewReader(""), io.EOF},
		{"an end inside the header", bytes.NewReader(reply[:5]), io.ErrUnexpectedEOF},
		{"an end behind the header", bytes.NewReader(reply[:frameHeaderSize]), io.ErrUnexpectedEOF},
		{"an end inside the body", bytes.NewReader(reply[:40]), io.ErrUnexpectedEOF},
		{"a greeting of two bytes that goes on never", io.MultiReader(strings.NewReader("ok"), iotest.ErrReader(errors.New("waited"))), ErrNotHello},
		{"a reset before the first byte", iotest.ErrReader(errWireReset), errWireReset},
		{"a reset inside the frame", io.MultiReader(bytes.NewReader(reply[:20]), iotest.ErrReader(errWireReset)), errWireReset},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			_, err := ReadHelloReply(tc.stream)
			g.Expect(err).To(MatchError(tc.want))
		})
	}
}

var errWireReset = errors.New("reset by peer")

func TestReplySurvivesTheWire(t *testing.T) {
	for _, tc := range []struct {
		name    string
		source  string
		token   Token
		payload []byte
	}{
		{"unsigned, IPv4", "10.244.1.7:40123", "", nil},
		{"signed, IPv6", "[2001:db8::7]:65535", testToken, nil},
		{"signed with an echo", "10.244.1.7:1", testToken, bytes.Repeat([]byte("m"), 1400)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			hello := NewHello(tc.token, tc.payload)
			source := netip.MustParseAddrPort(tc.source)
			reply := hello.Reply(testIdentity, source)
			frame, err := reply.Append(nil, tc.token)
			g.Expect(err).NotTo(HaveOccurred())

			parsed, err := ParseHelloReply(frame)
			g.Expect(err).NotTo(HaveOccurred())
			want := testIdentity
			want.Nonce, want.Source = hello.Nonce, source
			g.Expect(parsed.Identity).To(Equal(want))
			g.Expect(parsed.Payload).To(Equal(tc.payload))
			g.Expect(parsed.SignedBy(testToken)).To(Equal(tc.token != ""))
			g.Expect(parsed.SignedBy("another run's secret")).To(BeFalse())

			read, err := ReadHelloReply(iotest.OneByteReader(bytes.NewReader(frame)))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(read).To(Equal(parsed))
		})
	}
}

func TestSignedReplyCannotBeAltered(t *testing.T) {
	g := NewWithT(t)
	hello := NewHello(testToken, nil)
	reply := hello.Reply(testIdentity, testSource)
	frame := mustAppend(reply.Append(nil, testToken))
	for i := frameHeaderSize; i < len(frame); i++ {
		altered := bytes.Clone(frame)
		altered[i] ^= 1
		parsed, err := ParseHelloReply(altered)
		g.Expect(err == nil && parsed.SignedBy(testToken)).To(BeFalse(), "byte %d", i)
	}
}

func TestReplyWithinTheLengthOfTheHello(t *testing.T) {
	for _, tc := range []struct {
		name      string
		payload   int
		wantNames bool
	}{
		{"the shortest hello learns its source only", 0, false},
		{"a padded hello learns the identity too", 100, true},
		{"a payload that leaves no room for itself is not echoed", 4 << 10, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			hello := NewHello("", make([]byte, tc.payload))
			frame := mustAppend(hello.Append(nil))
			reply := hello.Reply(testIdentity, netip.MustParseAddrPort("[2001:db8::7]:40123"))
			answer, err := reply.AppendWithin(nil, len(frame))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(len(answer)).To(BeNumerically("<=", len(frame)))

			parsed, err := ParseHelloReply(answer)
			g.Expect(err).NotTo(HaveOccurred())
			want := Identity{}
			if tc.wantNames {
				want = testIdentity
			}
			want.Nonce, want.Source = hello.Nonce, netip.MustParseAddrPort("[2001:db8::7]:40123")
			g.Expect(parsed.Identity).To(Equal(want))
			g.Expect(parsed.Shortened).To(Equal(!tc.wantNames))
			g.Expect(parsed.Payload).To(BeEmpty())
		})
	}
}

func TestReplyRefusesWhatItCannotSay(t *testing.T) {
	for _, tc := range []struct {
		name  string
		reply HelloReply
		want  string
	}{
		{"no source", HelloReply{}, "encode reply: source is no address"},
		{"a word of 256 bytes", HelloReply{Identity: Identity{Source: testSource, Pod: strings.Repeat("p", 256)}},
			"encode reply: identity holds 256 bytes in one word, at most 255 are allowed"},
		{"a payload that is too long", HelloReply{Identity: Identity{Source: testSource}, Payload: make([]byte, MaxPayload+1)},
			"encode reply: payload of 16385 bytes, at most 16384 are allowed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			_, err := tc.reply.Append(nil, "")
			g.Expect(err).To(MatchError(tc.want))
			_, err = tc.reply.AppendWithin(nil, 1000)
			g.Expect(err).To(MatchError(tc.want))
		})
	}
}

func TestTokenIsNotPrinted(t *testing.T) {
	g := NewWithT(t)
	g.Expect(testToken.String()).To(Equal("hidden token"))
	g.Expect(testToken.GoString()).To(Equal("hidden token"))
	g.Expect(Token("").String()).To(Equal("no token"))
	g.Expect(Token("").Equal("")).To(BeFalse(), "no secret proves nothing")
	g.Expect(testToken.Equal(testToken)).To(BeTrue())
}

func FuzzParseHello(f *testing.F) {
	signed := NewHello(testToken, []byte("echo"))
	f.Add(mustAppend(signed.Append(nil)))
	f.Add(mustAppend((&Hello{}).Append(nil)))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		hello, err := ParseHello(b)
		fromStream, streamErr := ReadHello(bytes.NewReader(b))
		if err != nil {
			return
		}
		again, err := hello.Append(nil)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x parsed and encoded again is %x, %v", b, again, err)
		}
		if streamErr != nil || fromStream.Nonce != hello.Nonce {
			t.Fatalf("%x is a hello as a datagram, but not as a stream: %v", b, streamErr)
		}
		reply := hello.Reply(testIdentity, testSource)
		answer, err := reply.AppendWithin(nil, len(b))
		if err != nil || len(answer) > len(b) {
			t.Fatalf("unsigned answer of %d bytes to %d, %v", len(answer), len(b), err)
		}
		if _, err := ParseHello(answer); err == nil {
			t.Fatalf("the answer %x is a valid hello", answer)
		}
	})
}

func FuzzParseHelloReply(f *testing.F) {
	hello := NewHello(testToken, []byte("echo"))
	reply := hello.Reply(testIdentity, testSource)
	f.Add(mustAppend(reply.Append(nil, testToken)))
	f.Add(mustAppend(reply.Append(nil, "")))
	f.Add(mustAppend(reply.AppendWithin(nil, helloSize)))
	f.Fuzz(func(t *testing.T, b []byte) {
		reply, err := ParseHelloReply(b)
		fromStream, streamErr := ReadHelloReply(bytes.NewReader(b))
		if err != nil {
			return
		}
		if streamErr != nil || fromStream.Identity != reply.Identity {
			t.Fatalf("%x is a reply as a datagram, but not as a stream: %v", b, streamErr)
		}
		if _, err := ParseHello(b); err == nil {
			t.Fatalf("the reply %x is a valid hello", b)
		}
		again, err := reply.Append(nil, "")
		if err != nil {
			t.Fatalf("encode %+v again: %v", reply, err)
		}
		if second, err := ParseHelloReply(again); err != nil || second.Identity != reply.Identity {
			t.Fatalf("%+v encoded again is %+v, %v", reply, second, err)
		}
	})
}
