package probe

import (
	"encoding/binary"
	"errors"
)

// dnsExchange asks one question over UDP, or over TCP with the length in front (RFC 1035 4.2.2).
type dnsExchange struct {
	question dnsQuestion
	message  []byte
	stream   bool
	// answer is what came; the code is DNSMalformed if it cannot be read.
	answer dnsAnswer
}

func newDNSExchange(question dnsQuestion, stream bool) (*dnsExchange, error) {
	var prefix []byte
	if stream {
		prefix = []byte{0, 0}
	}
	message, err := question.append(prefix)
	if err != nil {
		return nil, err
	}
	if stream {
		binary.BigEndian.PutUint16(message, uint16(len(message)-2))
	}
	return &dnsExchange{question: question, message: message, stream: stream}, nil
}

func (x *dnsExchange) request() []byte { return x.message }

func (x *dnsExchange) receive(b []byte, eof bool, _ *Observation) progress {
	if x.stream {
		if len(b) < 2 || len(b) < 2+int(binary.BigEndian.Uint16(b)) {
			if eof && len(b) > 0 {
				return damaged
			}
			return unanswered
		}
		b = b[2 : 2+int(binary.BigEndian.Uint16(b))]
	}
	answer, err := x.question.parse(b)
	switch {
	case errors.Is(err, errNotOurs) && !x.stream:
		return unanswered // a stray, or somebody who guesses
	case err != nil:
		answer = dnsAnswer{code: DNSMalformed}
	}
	x.answer = answer
	return answered
}
