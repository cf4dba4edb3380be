package probe

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// httpExchange makes one GET over HTTP/1.1 (RFC 9112) and reads the status, and from a responder of ours the reply to
// the hello that the request carries. No body is read.
type httpExchange struct {
	message []byte
	token   Token
	foreign bool
}

// maxHTTPAnswer bounds the status line and header fields that are waited for, in bytes.
const maxHTTPAnswer = 64 << 10

func newHTTPExchange(a *Attempt, nonce Nonce, token Token) (*httpExchange, error) {
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
	x := &httpExchange{token: token, foreign: a.Foreign}
	x.message = fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: podknock\r\nAccept: */*\r\nConnection: close\r\n", request.Path, request.Host)
	if !a.Foreign {
		hello := Hello{Nonce: nonce}
		hello.Sign(token)
		value, err := hello.HeaderValue()
		if err != nil {
			return nil, err
		}
		x.message = fmt.Appendf(x.message, "%s: %s\r\n", HelloHeader, value)
	}
	x.message = append(x.message, "\r\n"...)
	return x, nil
}

func (x *httpExchange) request() []byte { return x.message }

func (x *httpExchange) receive(b []byte, eof bool, o *Observation) progress {
	if !x.foreign && greeted(b) {
		return unheard
	}
	line, rest, ok := bytes.Cut(b, []byte("\n"))
	if !ok && couldBeHTTP(b) {
		return x.incomplete(b, eof, o)
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
	fields, ok := cutFields(rest)
	if !ok {
		return x.incomplete(b, eof, o)
	}
	reply, err := ParseReplyHeader(fieldValue(fields, ReplyHeader))
	if err != nil {
		o.ForeignAnswer = printable(b)
		return answered
	}
	o.identify(&reply, x.token)
	return answered
}

func (x *httpExchange) incomplete(b []byte, eof bool, o *Observation) progress {
	switch {
	case len(b) >= maxHTTPAnswer:
		o.ForeignAnswer = printable(b)
		return answered
	case eof && len(b) > 0:
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

// cutFields returns the header fields of what follows the status line, once the empty line has come.
func cutFields(b []byte) (fields []byte, ok bool) {
	if bytes.HasPrefix(b, []byte("\r\n")) {
		return nil, true
	}
	fields, _, ok = bytes.Cut(b, []byte("\r\n\r\n"))
	return fields, ok
}

func fieldValue(fields []byte, field string) string {
	for line := range bytes.SplitSeq(fields, []byte("\r\n")) {
		if name, value, _ := strings.Cut(string(line), ":"); strings.EqualFold(name, field) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
