package probe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// httpExchange makes one GET over HTTP/1.1 (RFC 9112) and reads the status; from a responder of ours also the body, in
// which it says who it is. It understands no chunks: our responder sends none, and a foreign server's body is not read.
type httpExchange struct {
	message []byte
	foreign bool
}

const (
	maxHTTPAnswer = 64 << 10
	// nonceHeader carries the nonce, which our responder repeats in its answer.
	nonceHeader = "Podknock-Nonce"
)

func newHTTPExchange(a *Attempt, nonce Nonce) (*httpExchange, error) {
	request := HTTPRequest{}
	if a.HTTP != nil {
		request = *a.HTTP
	}
	if request.Path == "" {
		request.Path = "/"
	}
	if request.Host == "" {
		request.Host = a.Host
		if strings.Contains(a.Host, ":") {
			request.Host = "[" + a.Host + "]"
		}
		if a.Port != 80 {
			request.Host = net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port)))
		}
	}
	for _, word := range []string{request.Path, request.Host} {
		if strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return nil, fmt.Errorf("encode HTTP request: %q holds a blank or control character", word)
		}
	}
	message := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: podknock\r\nAccept: */*\r\n%s: %s\r\nConnection: close\r\n\r\n",
		request.Path, request.Host, nonceHeader, nonce)
	return &httpExchange{message: message, foreign: a.Foreign}, nil
}

func (x *httpExchange) request() []byte { return x.message }

func (x *httpExchange) receive(b []byte, eof bool, o *Observation) progress {
	line, rest, ok := bytes.Cut(b, []byte("\n"))
	if !ok {
		switch {
		case len(b) >= maxHTTPAnswer || !couldBeHTTP(b):
			o.ForeignAnswer = printable(b)
			return answered
		case eof && len(b) > 0:
			return damaged
		}
		return unanswered
	}
	status, ok := parseStatusLine(line)
	if !ok {
		o.ForeignAnswer = printable(b)
		return answered
	}
	o.HTTPStatus = status
	if x.foreign {
		return answered
	}
	header, body, ok := cutHeader(rest)
	if !ok {
		return x.incomplete(b, eof, o)
	}
	if length, ok := contentLength(header); ok && len(body) >= length {
		body = body[:length]
	} else if !eof {
		return x.incomplete(b, eof, o)
	}
	var identity Identity
	if err := json.Unmarshal(body, &identity); err != nil {
		o.ForeignAnswer = printable(b)
		return answered
	}
	o.Identity = &identity
	return answered
}

func (x *httpExchange) incomplete(b []byte, eof bool, o *Observation) progress {
	switch {
	case len(b) >= maxHTTPAnswer:
		o.ForeignAnswer = printable(b)
		return answered
	case eof:
		return damaged
	}
	return unanswered
}

func couldBeHTTP(b []byte) bool {
	n := min(len(b), len("HTTP/"))
	return string(b[:n]) == "HTTP/"[:n]
}

// parseStatusLine reads a line such as "HTTP/1.1 200 OK".
func parseStatusLine(line []byte) (status int, ok bool) {
	version, rest, ok := strings.Cut(string(bytes.TrimRight(line, "\r")), " ")
	if !ok || !strings.HasPrefix(version, "HTTP/") {
		return 0, false
	}
	digits, _, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(digits)
	return status, err == nil && len(digits) == 3
}

// cutHeader splits what follows the status line at the empty line.
func cutHeader(b []byte) (header, body []byte, ok bool) {
	if body, ok := bytes.CutPrefix(b, []byte("\r\n")); ok {
		return nil, body, true
	}
	return bytes.Cut(b, []byte("\r\n\r\n"))
}

func contentLength(header []byte) (length int, ok bool) {
	for line := range bytes.SplitSeq(header, []byte("\r\n")) {
		name, value, _ := strings.Cut(string(line), ":")
		if strings.EqualFold(name, "Content-Length") {
			length, err := strconv.Atoi(strings.TrimSpace(value))
			return length, err == nil && length >= 0
		}
	}
	return 0, false
}
