package probe

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
)

// HelloReply is a responder's answer to a hello.
type HelloReply struct {
	// Identity says who answered, which nonce, and where the hello came from.
	Identity Identity
	// Shortened says that the names in Identity were left out to keep the
	// reply from being longer than the hello.
	Shortened bool
	// Payload is the hello's payload. It is the first thing to be left out.
	Payload []byte

	signed        bool
	authenticator [authenticatorSize]byte
	// message is what the authenticator of a parsed reply covers.
	message []byte
}

const (
	flagSigned    = 1 << 0
	flagShortened = 1 << 1

	maxReplyBody = len(Nonce{}) + 1 + authenticatorSize + 1 + 16 + 2 + 4*(1+255) + MaxPayload
)

// Reply returns the answer to h of the responder that identity names, which saw
// the hello come from source.
func (h *Hello) Reply(identity Identity, source netip.AddrPort) HelloReply {
	identity.Nonce, identity.Source = h.Nonce, source
	return HelloReply{Identity: identity, Payload: h.Payload}
}

// Append appends the reply's frame to b, signed if token is not empty. It fails if
// the source is no address, a word of the identity is longer than 255 bytes or
// the payload too long.
func (r *HelloReply) Append(b []byte, token Token) ([]byte, error) {
	rest, err := r.appendRest(nil)
	if err != nil {
		return nil, fmt.Errorf("encode reply: %w", err)
	}
	var flags byte
	if r.Shortened {
		flags |= flagShortened
	}
	length := len(r.Identity.Nonce) + 1 + len(rest)
	if token != "" {
		flags |= flagSigned
		length += authenticatorSize
	}
	b = appendFrameHeader(b, kindReply, length)
	b = append(b, r.Identity.Nonce[:]...)
	b = append(b, flags)
	if token != "" {
		sum := token.sign(replyPurpose, r.Identity.Nonce[:], []byte{flags}, rest)
		b = append(b, sum[:]...)
	}
	return append(b, rest...), nil
}

func (r *HelloReply) appendRest(b []byte) ([]byte, error) {
	address := r.Identity.Source.Addr().Unmap().WithZone("")
	if !address.IsValid() {
		return nil, errors.New("source is no address")
	}
	if len(r.Payload) > MaxPayload {
		return nil, fmt.Errorf("payload of %d bytes, at most %d are allowed", len(r.Payload), MaxPayload)
	}
	b = append(b, byte(address.BitLen()/8))
	b = append(b, address.AsSlice()...)
	b = append(b, byte(r.Identity.Source.Port()>>8), byte(r.Identity.Source.Port()))
	if !r.Shortened {
		for _, word := range [...]string{r.Identity.Pod, r.Identity.Namespace, r.Identity.UID, r.Identity.Node} {
			if len(word) > 255 {
				return nil, fmt.Errorf("identity holds %d bytes in one word, at most 255 are allowed", len(word))
			}
			b = append(b, byte(len(word)))
			b = append(b, word...)
		}
	}
	return append(b, r.Payload...), nil
}

// AppendWithin appends the unsigned reply to b in at most limit bytes: it leaves
// out the payload if it must, and the identity too if that is not enough. A limit
// of the hello's own length is always enough.
func (r *HelloReply) AppendWithin(b []byte, limit int) ([]byte, error) {
	whole, err := r.Append(b, "")
	if err != nil || len(whole)-len(b) <= limit {
		return whole, err
	}
	shorter := *r
	shorter.Payload = nil
	whole, err = shorter.Append(b, "")
	if err != nil || len(whole)-len(b) <= limit {
		return whole, err
	}
	shorter.Shortened = true
	whole, err = shorter.Append(b, "")
	if err == nil && len(whole)-len(b) > limit {
		return nil, fmt.Errorf("encode reply: it needs %d bytes, at most %d are allowed", len(whole)-len(b), limit)
	}
	return whole, err
}

// SignedBy tells whether the reply was made by a responder that knows the token.
// Only such a reply proves who answered: anybody can invent an identity, and a
// proxy can repeat what it heard. Only a parsed reply can be signed.
func (r *HelloReply) SignedBy(token Token) bool {
	return r.signed && token.verifies(r.authenticator, replyPurpose, r.message)
}

// ParseHelloReply reads the reply that fills b, such as a datagram. The payload is
// a part of b. It fails with ErrNotHello if b does not start like one of our
// frames.
func ParseHelloReply(b []byte) (HelloReply, error) {
	body, err := frameBody(b, kindReply)
	if err != nil {
		return HelloReply{}, fmt.Errorf("parse reply: %w", err)
	}
	return parseReplyBody(body)
}

// ReadHelloReply reads one reply from a stream and not a byte more. It fails with
// io.EOF if the stream ends before the first byte, with io.ErrUnexpectedEOF if it
// ends later, with ErrNotHello at the first byte that is not ours, and with the
// stream's own error otherwise.
func ReadHelloReply(r io.Reader) (HelloReply, error) {
	body, err := readFrame(r, kindReply, maxReplyBody)
	if err != nil {
		return HelloReply{}, fmt.Errorf("read reply: %w", err)
	}
	return parseReplyBody(body)
}

var errShortReply = errors.New("parse reply: it ends inside a field")

func parseReplyBody(body []byte) (HelloReply, error) {
	var r HelloReply
	if len(body) < len(r.Identity.Nonce)+1 || len(body) > maxReplyBody {
		return HelloReply{}, fmt.Errorf("parse reply: body of %d bytes", len(body))
	}
	body = body[copy(r.Identity.Nonce[:], body):]
	flags := body[0]
	if flags&^(flagSigned|flagShortened) != 0 {
		return HelloReply{}, fmt.Errorf("parse reply: unknown flags %#x", flags)
	}
	r.Shortened = flags&flagShortened != 0
	rest := body[1:]
	if flags&flagSigned != 0 {
		if len(rest) < authenticatorSize {
			return HelloReply{}, errShortReply
		}
		r.signed = true
		rest = rest[copy(r.authenticator[:], rest):]
		r.message = append(append(append(r.message, r.Identity.Nonce[:]...), flags), rest...)
	}
	address, rest, ok := cutWord(rest)
	source, valid := netip.AddrFromSlice(address)
	if !ok || !valid || len(rest) < 2 {
		return HelloReply{}, errShortReply
	}
	r.Identity.Source = netip.AddrPortFrom(source.Unmap(), uint16(rest[0])<<8|uint16(rest[1]))
	rest = rest[2:]
	if !r.Shortened {
		for _, word := range [...]*string{&r.Identity.Pod, &r.Identity.Namespace, &r.Identity.UID, &r.Identity.Node} {
			var text []byte
			if text, rest, ok = cutWord(rest); !ok {
				return HelloReply{}, errShortReply
			}
			*word = string(text)
		}
	}
	if len(rest) > MaxPayload {
		return HelloReply{}, fmt.Errorf("parse reply: payload of %d bytes", len(rest))
	}
	if len(rest) > 0 {
		r.Payload = rest
	}
	return r, nil
}

// cutWord takes the word in front of b, whose first byte is its length.
func cutWord(b []byte) (word, rest []byte, ok bool) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return nil, nil, false
	}
	return b[1 : 1+int(b[0])], b[1+int(b[0]):], true
}
