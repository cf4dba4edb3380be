package probe

import (
	"bytes"
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

// httpRequest is what a responder wants to know about a request.
type httpRequest struct {
	// head says that the answer has no body.
	head bool
	// hello is the value of HelloHeader.
	hello string
}

// parseHTTPLine reads a request line, "METHOD target HTTP/x.y" (RFC 9112, section 3).
func parseHTTPLine(line []byte) (httpRequest, bool) {
	words := bytes.Fields(line)
	if len(words) != 3 || !bytes.HasPrefix(words[2], []byte("HTTP/")) {
		return httpRequest{}, false
	}
	return httpRequest{head: string(words[0]) == "HEAD"}, true
}

// parseHTTPField takes from a field line (RFC 9112, section 5) what the request has to remember.
func (q *httpRequest) parseHTTPField(line []byte) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	if bytes.EqualFold(name, []byte(HelloHeader)) {
		q.hello = string(bytes.TrimSpace(value))
	}
}
