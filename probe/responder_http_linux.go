package probe

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// maxHTTPHeader bounds the header of a request, in bytes.
const maxHTTPHeader = 32 << 10

// answerRequest answers HTTP in HTTP and everything else in text.
func (r *Responder) answerRequest(v visit) {
	line, err := v.ReadSlice('\n')
	request, isHTTP := parseHTTPLine(line)
	if err != nil || !isHTTP {
		r.heard(v.arrival, SpeechUnknown, Nonce{})
		r.answerInText(v)
		return
	}
	r.heard(v.arrival, SpeechHTTP, Nonce{})
	if !readHTTPHeader(v.Reader, &request) {
		return
	}
	r.answerHTTP(v, request)
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

// readHTTPHeader reads up to the empty line and tells whether it came.
func readHTTPHeader(reader *bufio.Reader, request *httpRequest) bool {
	start := true // of a line, and not the rest of one that did not fit the buffer
	for size := 0; size <= maxHTTPHeader; {
		line, err := reader.ReadSlice('\n')
		size += len(line)
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return false
		}
		if start && len(bytes.TrimRight(line, "\r\n")) == 0 {
			return true
		}
		if start && err == nil {
			request.parseHTTPField(line)
		}
		start = err == nil
	}
	return false
}

func (r *Responder) answerHTTP(v visit, request httpRequest) {
	identity := r.options.Identity
	identity.Source = v.arrival.Remote
	var replyField string
	if hello, err := ParseHelloHeader(request.hello); err == nil {
		r.heard(v.arrival, SpeechHTTP, hello.Nonce)
		reply := hello.Reply(r.options.Identity, v.arrival.Remote)
		identity = reply.Identity
		token := r.options.Token
		if !hello.SignedBy(token) {
			token = ""
		}
		value, err := reply.HeaderValue(token)
		if err != nil {
			return
		}
		replyField = ReplyHeader + ": " + value + "\r\n"
	}
	body, err := json.Marshal(identity)
	if err != nil {
		return
	}
	body = append(body, '\n')

	var answer bytes.Buffer
	fmt.Fprintf(&answer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n",
		len(body), replyField)
	if !request.head {
		answer.Write(body)
	}
	if _, err := v.Write(answer.Bytes()); err != nil {
		return
	}
	v.part()
}
