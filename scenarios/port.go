package scenarios

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Port is a port that a pod or an external host listens on. In a file it is written NUMBER, NUMBER/PROTOCOL or NAME=NUMBER/PROTOCOL; the
// protocol is TCP if omitted.
type Port struct {
	// Name is the name that policies and Services may use, or empty.
	Name     string
	Number   int32
	Protocol corev1.Protocol
}

// String is the port as a file has it.
func (p Port) String() string {
	text := fmt.Sprintf("%d/%s", p.Number, p.Protocol)
	if p.Name != "" {
		return p.Name + "=" + text
	}
	return text
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *Port) UnmarshalText(text []byte) error {
	name, rest, named := strings.Cut(string(text), "=")
	if !named {
		name, rest = "", string(text)
	} else if faults := validation.IsValidPortName(name); len(faults) > 0 {
		return fmt.Errorf("port name %q: %s", name, faults[0])
	}
	number, protocol, err := cutProtocol(rest)
	if err != nil {
		return err
	}
	n, err := parsePortNumber(number)
	if err != nil {
		return err
	}
	*p = Port{Name: name, Number: n, Protocol: orTCP(protocol)}
	return nil
}

// Pattern is the shape of a port, for the schema.
func (Port) Pattern() string { return `^([a-z0-9-]+=)?[0-9]{1,5}(/(TCP|UDP|SCTP))?$` }

// ServicePort is a port of a Service. In a file it is written PORT, PORT:TARGET or NAME=PORT:TARGET/PROTOCOL, where TARGET is the
// number or the name of a port of the pods, PORT if omitted.
type ServicePort struct {
	Name   string
	Number int32
	// Target is the number or the name of the pods' port.
	Target   string
	Protocol corev1.Protocol
}

// String is the port as a file has it.
func (p ServicePort) String() string {
	text := fmt.Sprintf("%d:%s/%s", p.Number, p.Target, p.Protocol)
	if p.Name != "" {
		return p.Name + "=" + text
	}
	return text
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *ServicePort) UnmarshalText(text []byte) error {
	name, rest, named := strings.Cut(string(text), "=")
	if !named {
		name, rest = "", string(text)
	} else if faults := validation.IsDNS1123Label(name); len(faults) > 0 {
		return fmt.Errorf("port name %q: %s", name, faults[0])
	}
	rest, protocol, err := cutProtocol(rest)
	if err != nil {
		return err
	}
	number, target, targeted := strings.Cut(rest, ":")
	n, err := parsePortNumber(number)
	if err != nil {
		return err
	}
	if !targeted {
		target = number
	}
	if _, err := strconv.Atoi(target); err == nil {
		if _, err := parsePortNumber(target); err != nil {
			return err
		}
	} else if faults := validation.IsValidPortName(target); len(faults) > 0 {
		return fmt.Errorf("target port %q: %s", target, faults[0])
	}
	*p = ServicePort{Name: name, Number: n, Target: target, Protocol: orTCP(protocol)}
	return nil
}

// Pattern is the shape of a Service's port, for the schema.
func (ServicePort) Pattern() string {
	return `^([a-z0-9-]+=)?[0-9]{1,5}(:[a-z0-9-]+)?(/(TCP|UDP|SCTP))?$`
}

// cutProtocol splits "53/UDP". The protocol is empty if there is none.
func cutProtocol(text string) (rest string, protocol corev1.Protocol, err error) {
	rest, word, found := strings.Cut(text, "/")
	if !found {
		return rest, "", nil
	}
	switch protocol := corev1.Protocol(word); protocol {
	case corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP:
		return rest, protocol, nil
	}
	return "", "", fmt.Errorf("protocol %q: write TCP, UDP or SCTP", word)
}

// parsePortNumber reads a port's number, in plain decimal.
func parsePortNumber(text string) (int32, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != text {
		return 0, fmt.Errorf("port %q: write a number from 1 to 65535, such as 80 or 53/UDP", text)
	}
	return int32(n), nil
}

// orTCP is the default of a protocol.
func orTCP(protocol corev1.Protocol) corev1.Protocol {
	if protocol == "" {
		return corev1.ProtocolTCP
	}
	return protocol
}
