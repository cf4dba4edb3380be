package probe

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The hello is what an attempt says to a responder, and the reply is what the
// responder answers. Both are one frame, the same over TCP, SCTP and UDP:
//
//	size  hello                                reply
//	4     F5 'P' 'K' 'N'                       the same
//	1     version, 1                           the same
//	1     kind: 1                              kind: 2
//	2     length of what follows, big endian   the same
//	len   nonce, of the length of [Nonce]      the hello's nonce
//
// A hello goes on with
//
//	32    authenticator, zeros if anonymous
//	n     payload, to be echoed
//
// and a reply with
//
//	1     flags: 1 signed, 2 shortened
//	32    authenticator, only if signed
//	1+a   source address, a is 4 or 16
//	2     source port
//	1+n   each of pod, namespace, UID and node, only if not shortened
//	n     payload
//
// The first byte is no ASCII and starts no UTF-8 text, so a hello is never taken
// for HTTP or for something that a person typed. The kind keeps a reply from being
// a valid hello: two responders cannot keep each other busy. The anonymous hello
// spends 32 bytes on an empty authenticator so that the shortest reply to it is
// shorter than the hello: over UDP a stranger who forges his source address
// gains nothing.
const (
	helloMagic      = "\xf5PKN"
	helloVersion    = 1
	kindHello       = 1
	kindReply       = 2
	frameHeaderSize = 8
	// helloSize is the length of a hello without payload.
	helloSize = frameHeaderSize + len(Nonce{}) + authenticatorSize

	helloPurpose = "podknock hello 1"
	replyPurpose = "podknock reply 1"
)

// ErrNotHello says that the bytes read are no frame of ours at all, in contrast
// to a frame that is damaged or of an unknown version.
var ErrNotHello = errors.New("not a podknock hello")

// Hello is the question of an attempt: whoever you are, repeat my nonce.
type Hello struct {
	// Nonce marks this hello.
	Nonce Nonce
	// Payload is echoed by the responder, at most MaxPayload bytes. A
	// payload beyond the path's MTU shows a black hole for large packets.
	Payload []byte

	authenticator [authenticatorSize]byte
}

// NewNonce returns a nonce that nobody can guess.
func NewNonce() Nonce {
	var n Nonce
	rand.Read(n[:]) // never fails: crypto/rand ends the program instead
	return n
}

// NewHello returns a hello with a fresh nonce, signed with the token if there is one.
func NewHello(token Token, payload []byte) Hello {
	h := Hello{Nonce: NewNonce(), Payload: payload}
	h.Sign(token)
	return h
}

// Sign proves to a responder of the same run that the hello is of that run. The
// empty token makes the hello anonymous.
func (h *Hello) Sign(token Token) {
	h.authenticator = [authenticatorSize]byte{}
	if token != "" {
		h.authenticator = token.sign(helloPurpose, h.Nonce[:])
	}
}

// SignedBy tells whether the hello was signed with the token.
func (h *Hello) SignedBy(token Token) bool {
	return token.verifies(h.authenticator, helloPurpose, h.Nonce[:])
}

// Append appends the hello's frame to b. It fails if the payload is too long.
func (h *Hello) Append(b []byte) ([]byte, error) {
	if len(h.Payload) > MaxPayload {
		return nil, fmt.Errorf("encode hello: payload of %d bytes, at most %d are allowed", len(h.Payload), MaxPayload)
	}
	b = appendFrameHeader(b, kindHello, helloSize-frameHeaderSize+len(h.Payload))
	b = append(b, h.Nonce[:]...)
	b = append(b, h.authenticator[:]...)
	return append(b, h.Payload...), nil
}

// ParseHello reads the hello that fills b, such as a datagram. The payload is a
// part of b. It fails with ErrNotHello if b does not start like one of our
// frames.
func ParseHello(b []byte) (Hello, error) {
	body, err := frameBody(b, kindHello)
	if err != nil {
		return Hello{}, fmt.Errorf("parse hello: %w", err)
	}
	return parseHelloBody(body)
}

// ReadHello reads one hello from a stream and not a byte more.
func ReadHello(r io.Reader) (Hello, error) {
	body, err := readFrame(r, kindHello, helloSize-frameHeaderSize+MaxPayload)
	if err != nil {
		return Hello{}, fmt.Errorf("read hello: %w", err)
	}
	return parseHelloBody(body)
}

func parseHelloBody(body []byte) (Hello, error) {
	if len(body) < helloSize-frameHeaderSize || len(body) > helloSize-frameHeaderSize+MaxPayload {
		return Hello{}, fmt.Errorf("parse hello: body of %d bytes", len(body))
	}
	var h Hello
	body = body[copy(h.Nonce[:], body):]
	body = body[copy(h.authenticator[:], body):]
	if len(body) > 0 {
		h.Payload = body
	}
	return h, nil
}

func appendFrameHeader(b []byte, kind byte, length int) []byte {
	b = append(b, helloMagic...)
	b = append(b, helloVersion, kind)
	return binary.BigEndian.AppendUint16(b, uint16(length))
}

// parseFrameHeader returns the length of the body that the header announces.
func parseFrameHeader(header []byte, kind byte) (int, error) {
	if len(header) < len(helloMagic) || string(header[:len(helloMagic)]) != helloMagic {
		return 0, ErrNotHello
	}
	if len(header) < frameHeaderSize {
		return 0, fmt.Errorf("frame ends inside its header: %w", io.ErrUnexpectedEOF)
	}
	if header[4] != helloVersion {
		return 0, fmt.Errorf("frame of version %d, this program speaks %d", header[4], helloVersion)
	}
	if header[5] != kind {
		return 0, fmt.Errorf("frame of kind %d where %d was expected", header[5], kind)
	}
	return int(binary.BigEndian.Uint16(header[6:])), nil
}

// frameBody returns the body of the frame that fills b exactly.
func frameBody(b []byte, kind byte) ([]byte, error) {
	length, err := parseFrameHeader(b, kind)
	if err != nil {
		return nil, err
	}
	if body := b[frameHeaderSize:]; len(body) != length {
		return nil, fmt.Errorf("frame announces %d bytes and carries %d", length, len(body))
	}
	return b[frameHeaderSize:], nil
}

// readFrame reads one frame from a stream. It looks at every byte of the header
// as it comes, so that a stranger's greeting is recognised at once instead of
// being waited for.
func readFrame(r io.Reader, kind byte, limit int) ([]byte, error) {
	var header [frameHeaderSize]byte
	for n := 0; n < len(header); {
		m, err := r.Read(header[n:])
		n += m
		if start := min(n, len(helloMagic)); string(header[:start]) != helloMagic[:start] {
			return nil, ErrNotHello
		}
		if err == io.EOF && 0 < n && n < len(header) {
			return nil, fmt.Errorf("frame ends inside its header: %w", io.ErrUnexpectedEOF)
		}
		if err != nil && n < len(header) {
			return nil, err
		}
	}
	length, err := parseFrameHeader(header[:], kind)
	if err != nil {
		return nil, err
	}
	if length > limit {
		return nil, fmt.Errorf("frame announces %d bytes, at most %d are allowed", length, limit)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("frame ends inside its body: %w", err)
	}
	return body, nil
}
