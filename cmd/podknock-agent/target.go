//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/podknock/podknock/probe"
)

// protocols are the schemes of targets.
var protocols = map[string]probe.Protocol{
	"tcp": probe.TCP, "udp": probe.UDP, "sctp": probe.SCTP, "http": probe.HTTP, "dns": probe.DNS,
}

// parseTarget reads a target such as tcp://10.0.0.7:8080. The error says what to write instead.
func parseTarget(text string) (probe.Attempt, error) {
	fail := func(format string, args ...any) (probe.Attempt, error) {
		return probe.Attempt{}, usageError{fmt.Errorf("target %q: "+format, append([]any{text}, args...)...)}
	}
	u, err := url.Parse(text)
	if err != nil {
		return fail("%w: write it like tcp://10.0.0.7:8080 or tcp://[2001:db8::7]:8080", reason(err))
	}
	protocol, known := protocols[u.Scheme]
	switch {
	case !known && u.Scheme == "https":
		return fail("TLS is not spoken: write tcp:// to knock on the port")
	case !known:
		return fail("it has no known scheme: begin with tcp://, udp://, sctp://, http:// or dns://")
	case u.Hostname() == "":
		return fail("it names no host: write %s://HOST", u.Scheme)
	case u.User != nil:
		return fail("it names a user, and nobody logs in: leave out %q", u.User.Username()+"@")
	case u.Fragment != "":
		return fail("it has a fragment: leave out %q", "#"+u.Fragment)
	}
	a := probe.Attempt{Protocol: protocol, Host: u.Hostname()}
	if protocol == probe.DNS {
		return dnsTarget(a, u, fail)
	}
	if protocol != probe.HTTP && (u.RawQuery != "" || strings.Trim(u.Path, "/") != "") {
		return fail("%s has no path and no query: leave out %q", u.Scheme, u.RequestURI())
	}
	port := u.Port()
	if port == "" && protocol == probe.HTTP {
		port = "80"
	}
	if port == "" {
		return fail("it names no port: write %s://%s:PORT", u.Scheme, u.Host)
	}
	if a.Port, err = parsePortNumber(port); err != nil {
		return fail("%w", err)
	}
	if protocol == probe.HTTP {
		a.HTTP = &probe.HTTPRequest{Path: u.RequestURI()}
	}
	return a, nil
}

// dnsTarget reads the rest of dns://NAME[?server=ADDRESS[:PORT]][&tcp].
func dnsTarget(a probe.Attempt, u *url.URL, fail func(string, ...any) (probe.Attempt, error)) (probe.Attempt, error) {
	if u.Port() != "" {
		return fail("a name has no port: the server's goes into ?server=ADDRESS:PORT")
	}
	if strings.Trim(u.Path, "/") != "" {
		return fail("it has a path: leave out %q", u.Path)
	}
	a.DNS = &probe.DNSQuestion{}
	for key, values := range u.Query() {
		switch key {
		case "server":
			for _, value := range values {
				server, err := parseServer(value)
				if err != nil {
					return fail("%w", err)
				}
				a.DNS.Servers = append(a.DNS.Servers, server)
			}
		case "tcp":
			a.DNS.TCP = true
		case "absolute":
			a.DNS.Absolute = true
		default:
			return fail("it has an unknown option %q: use server=ADDRESS, tcp or absolute", key)
		}
	}
	return a, nil
}

// parseServer reads the address of a DNS server, with port 53 unless it names another.
func parseServer(text string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = strings.Trim(text, "[]"), "53"
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("server %q is no address: write server=10.96.0.10 or server=[fd00::10]:53", text)
	}
	number, err := parsePortNumber(port)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("server %q: %w", text, err)
	}
	return netip.AddrPortFrom(address, number), nil
}

func parsePortNumber(text string) (uint16, error) {
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil || number == 0 {
		return 0, fmt.Errorf("port %q is no number from 1 to 65535", text)
	}
	return uint16(number), nil
}

// reason returns what url.Parse found, without the text that it repeats.
func reason(err error) error {
	var parse *url.Error
	if errors.As(err, &parse) {
		return parse.Err
	}
	return err
}
