package probe

import (
	"encoding/hex"
	"fmt"
)

// Over HTTP the hello and the reply travel as header fields, the frame in hexadecimal. Without them the body, an
// Identity in JSON, still tells a person who answered.
const (
	HelloHeader = "Podknock-Hello"
	ReplyHeader = "Podknock-Reply"
)

// HeaderValue returns the hello as the value of HelloHeader. It fails if the payload is too long.
func (h *Hello) HeaderValue() (string, error) {
	frame, err := h.Append(nil)
	return hex.EncodeToString(frame), err
}

// ParseHelloHeader reads the value of HelloHeader.
func ParseHelloHeader(value string) (Hello, error) {
	frame, err := hex.DecodeString(value)
	if err != nil {
		return Hello{}, fmt.Errorf("parse header %s: %w", HelloHeader, err)
	}
	return ParseHello(frame)
}

// HeaderValue returns the reply as the value of ReplyHeader, signed if token is not empty. It fails where Append does.
func (r *HelloReply) HeaderValue(token Token) (string, error) {
	frame, err := r.Append(nil, token)
	return hex.EncodeToString(frame), err
}

// ParseReplyHeader reads the value of ReplyHeader.
func ParseReplyHeader(value string) (HelloReply, error) {
	frame, err := hex.DecodeString(value)
	if err != nil {
		return HelloReply{}, fmt.Errorf("parse header %s: %w", ReplyHeader, err)
	}
	return ParseHelloReply(frame)
}
