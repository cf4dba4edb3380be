package probe

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Port is a port of one transport protocol, as a Service or a container names it.
type Port struct {
	Number   uint16
	Protocol Protocol // TCP, UDP or SCTP
}

// String returns p as kubectl writes it: 8080/TCP.
func (p Port) String() string { return fmt.Sprintf("%d/%s", p.Number, p.Protocol) }

// MarshalText implements [encoding.TextMarshaler].
func (p Port) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *Port) UnmarshalText(text []byte) error {
	port, err := ParsePort(string(text))
	if err != nil {
		return err
	}
	*p = port
	return nil
}

// ParsePort reads a port such as 8080/TCP, 53/udp or 8080, which means TCP. Port 0 is none.
func ParsePort(text string) (Port, error) {
	digits, protocol, given := strings.Cut(text, "/")
	p := Port{Protocol: TCP}
	if given {
		p.Protocol = Protocol(strings.ToUpper(protocol))
	}
	if !slices.Contains([]Protocol{TCP, UDP, SCTP}, p.Protocol) {
		return Port{}, fmt.Errorf("port %q: protocol %q is none of TCP, UDP and SCTP", text, protocol)
	}
	number, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || number == 0 {
		return Port{}, fmt.Errorf("port %q: %q is no number from 1 to 65535", text, digits)
	}
	p.Number = uint16(number)
	return p, nil
}
