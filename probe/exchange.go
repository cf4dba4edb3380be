package probe

import (
	"fmt"
	"unicode/utf8"
)

// exchange is what an attempt says once it is connected, and how it understands the answer. One exchange serves all
// sockets of an attempt.
type exchange interface {
	// request returns the bytes to send. They are not changed later.
	request() []byte
	// receive judges what came: all bytes of a stream so far, or one datagram. eof says that a stream has ended. If the
	// answer is whole it is recorded in o.
	receive(b []byte, eof bool, o *Observation) progress
}

// progress is the state of an answer.
type progress int

const (
	unanswered progress = iota // wait for more
	answered
	damaged // the stream ended inside the answer
	unheard // the responder has not received the request
)

// greeting starts the line with which a responder of ours meets the silence of a visitor. Whoever has sent a request
// and is greeted knows that the request was lost.
const greeting = "podknock: "

func greeted(b []byte) bool {
	n := min(len(b), len(greeting))
	return n > 0 && string(b[:n]) == greeting[:n]
}

// foreignAnswerSize bounds Observation.ForeignAnswer.
const foreignAnswerSize = 64

// helloExchange asks a responder of ours who it is.
type helloExchange struct {
	frame    []byte
	token    Token
	datagram bool
	foreign  bool
}

// anonymousPadding makes an anonymous datagram long enough for the responder's names to fit in an answer of the same
// length. A signed hello needs none.
const anonymousPadding = 512

func newHelloExchange(a *Attempt, nonce Nonce, token Token) (*helloExchange, error) {
	x := &helloExchange{token: token, datagram: a.Protocol == UDP, foreign: a.Foreign}
	size := a.Payload
	if x.datagram && token == "" {
		size = max(size, anonymousPadding)
	}
	hello := Hello{Nonce: nonce, Payload: make([]byte, size)}
	hello.Sign(token)
	frame, err := hello.Append(nil)
	x.frame = frame
	return x, err
}

func (x *helloExchange) request() []byte { return x.frame }

func (x *helloExchange) receive(b []byte, eof bool, o *Observation) progress {
	if len(b) == 0 && !x.datagram {
		return unanswered
	}
	if x.foreign {
		return answered
	}
	if !x.datagram && greeted(b) {
		return unheard
	}
	reply, whole, err := x.parse(b)
	switch {
	case err != nil:
		o.ForeignAnswer = printable(b)
		return answered
	case !whole && eof:
		return damaged
	case !whole:
		return unanswered
	case x.datagram && reply.Identity.Nonce != o.Nonce:
		return unanswered // a stray
	}
	o.identify(&reply, x.token)
	return answered
}

func (x *helloExchange) parse(b []byte) (reply HelloReply, whole bool, err error) {
	if n := min(len(b), len(helloMagic)); string(b[:n]) != helloMagic[:n] {
		return reply, false, ErrNotHello
	}
	if !x.datagram {
		if len(b) < frameHeaderSize {
			return reply, false, nil
		}
		length, err := parseFrameHeader(b, kindReply)
		switch {
		case err != nil:
			return reply, false, err
		case length > maxReplyBody:
			return reply, false, fmt.Errorf("parse reply: body of %d bytes", length)
		case len(b) < frameHeaderSize+length:
			return reply, false, nil
		}
		b = b[:frameHeaderSize+length]
	}
	reply, err = ParseHelloReply(b)
	return reply, err == nil, err
}

// identify records who answered, without keeping the rest of the reply.
func (o *Observation) identify(reply *HelloReply, token Token) {
	identity := reply.Identity
	o.Identity = &identity
	o.Unsigned = token != "" && !reply.SignedBy(token)
}

// printable returns the start of b as text, with what is no text replaced.
func printable(b []byte) string {
	b = b[:min(len(b), foreignAnswerSize)]
	text := make([]rune, 0, len(b))
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		b = b[size:]
		text = append(text, r)
	}
	return string(text)
}
