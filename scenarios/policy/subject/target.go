package subject

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Target is what is knocked on: a reference and a port.
type Target struct {
	Reference
	// Port is the number, 0 if a name or nothing was given. It is what the client dials: the Service's own port where the reference is a Service.
	Port int32 `json:"port,omitempty"`
	// PortName is the name of a port: of the Service where the reference is a Service, or else of the pod.
	PortName string `json:"portName,omitempty"`
	// Protocol is empty if none was given: TCP, unless a declared port says otherwise.
	Protocol corev1.Protocol `json:"protocol,omitempty"`
}

// String spells the target so that [ParseTarget] reads it again.
func (t Target) String() string {
	text := t.Reference.String()
	port := t.PortName
	if t.Port != 0 {
		port = strconv.Itoa(int(t.Port))
	}
	if port == "" {
		return text
	}
	if strings.Contains(text, ":") {
		text = "[" + text + "]"
	}
	text += ":" + port
	if t.Protocol != "" {
		text += "/" + string(t.Protocol)
	}
	return text
}

// ParseTarget reads REFERENCE[:PORT[/PROTOCOL]].
func ParseTarget(text string, options Options) (Target, error) {
	spelled, port := splitPort(text)
	reference, err := options.parse(spelled)
	if err != nil {
		return Target{}, fmt.Errorf("target %q: %w", text, err)
	}
	target := Target{Reference: reference}
	if port == "" {
		return target, nil
	}
	if err := target.setPort(port[1:]); err != nil {
		return Target{}, fmt.Errorf("target %q: %w", text, err)
	}
	return target, nil
}

// splitPort cuts a text before the colon of its port. A text that is an address or a range as a whole has none.
func splitPort(text string) (reference, port string) {
	if _, ok, err := parseAddress(text); ok || err != nil {
		return text, ""
	}
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 {
		return text, ""
	}
	return text[:colon], text[colon:]
}

// errPort says how a port is written.
var errPort = errors.New("write a port as NUMBER, NAME, NUMBER/PROTOCOL or NAME/PROTOCOL, with TCP, UDP or SCTP")

func (t *Target) setPort(text string) error {
	port, protocol, given := strings.Cut(text, "/")
	if given {
		t.Protocol = corev1.Protocol(strings.ToUpper(protocol))
		switch t.Protocol {
		case corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP:
		default:
			return errPort
		}
	}
	number, err := strconv.ParseInt(port, 10, 64)
	switch {
	case err == nil && (number < 1 || number > 65535):
		return fmt.Errorf("port %d is not from 1 to 65535", number)
	case err == nil:
		t.Port = int32(number)
		return nil
	case len(validation.IsDNS1123Label(port)) > 0:
		return errPort
	}
	t.PortName = port
	return nil
}
