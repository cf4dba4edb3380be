package scenarios

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Source is where knocks come from. In a file it is written POD, EXTERNAL, NAMESPACE/* or *.
type Source struct {
	// Name is that of a pod or an external host. Empty for a wildcard.
	Name string
	// Namespace restricts a wildcard to the pods of one namespace.
	Namespace string
}

// Wildcard reports whether the source stands for several pods.
func (s Source) Wildcard() bool { return s.Name == "" }

// String is the source as a file has it.
func (s Source) String() string {
	switch {
	case s.Name != "":
		return s.Name
	case s.Namespace != "":
		return s.Namespace + "/*"
	}
	return "*"
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *Source) UnmarshalText(text []byte) error {
	name, namespace, err := parseWho(string(text))
	if err != nil {
		return err
	}
	*s = Source{Name: name, Namespace: namespace}
	return nil
}

// Pattern is the shape of a source, for the schema.
func (Source) Pattern() string { return `^(\*|` + namePattern + `(/\*)?)$` }

// TargetKind says what a target names.
type TargetKind string

// The kinds of targets.
const (
	// TargetAll are pods: all, or those of a namespace.
	TargetAll TargetKind = "all"
	// TargetNamed is a pod, a Service or an external host; which one is found when the scenario is loaded.
	TargetNamed TargetKind = "named"
	// TargetName is a DNS name: that of a Service, or any other.
	TargetName TargetKind = "name"
	// TargetNode is the node that a pod runs on.
	TargetNode TargetKind = "node"
	// TargetDNS is the DNS service of the cluster itself, as the source's resolv.conf has it.
	TargetDNS TargetKind = "dns"
)

// Target is what is knocked on. In a file it is written
//
//	POD:PORT, SERVICE:PORT, EXTERNAL:PORT    its address; without :PORT, each port that it declares
//	*:PORT, NAMESPACE/*:PORT                 all pods but the source itself that declare the port; without :PORT, each declared port
//	name(SERVICE):PORT                       the DNS name of the Service in the cluster, resolved first; also name(www.example.com):PORT
//	node(POD):PORT                           the node that the pod runs on
//	node(POD)/SERVICE:PORT                   the node port of the Service's port, at that node
//	dns                                      a question to the cluster's DNS, by UDP and by TCP; dns/UDP or dns/TCP for one of them
//
// PORT is NUMBER, NUMBER/PROTOCOL, or the name of a declared port. Without a protocol it means that of the declared ports with that
// number, or else TCP.
type Target struct {
	Kind TargetKind
	// Namespace restricts TargetAll to the pods of one namespace.
	Namespace string
	// Name is that of the pod, Service or external host, or the DNS name. For a node it is the Service whose node port is meant, or empty.
	Name string
	// Node is the pod whose node is meant.
	Node string
	// Number and PortName are both zero for all declared ports.
	Number   int32
	PortName string
	// Protocol is empty if omitted.
	Protocol corev1.Protocol
}

const namePattern = `[a-z0-9]([-a-z0-9]*[a-z0-9])?`

var callShape = regexp.MustCompile(`^(name|node)\(([^()]*)\)(.*)$`)

// String is the target as a file has it.
func (t Target) String() string {
	text := t.who()
	switch {
	case t.Number != 0:
		text += ":" + strconv.Itoa(int(t.Number))
	case t.PortName != "":
		text += ":" + t.PortName
	}
	if t.Protocol != "" {
		text += "/" + string(t.Protocol)
	}
	return text
}

// who is the target without its port.
func (t Target) who() string {
	switch t.Kind {
	case TargetDNS:
		return "dns"
	case TargetName:
		return "name(" + t.Name + ")"
	case TargetNode:
		if t.Name != "" {
			return "node(" + t.Node + ")/" + t.Name
		}
		return "node(" + t.Node + ")"
	case TargetAll:
		return Source{Namespace: t.Namespace}.String()
	}
	return t.Name
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (t *Target) UnmarshalText(text []byte) error {
	who, port, hasPort := string(text), "", false
	if i := strings.LastIndexByte(who, ':'); i >= 0 {
		who, port, hasPort = who[:i], who[i+1:], true
	}
	target, err := parseTargetName(who)
	if err != nil {
		return err
	}
	if hasPort {
		if target.Kind == TargetDNS {
			return fmt.Errorf("%q has a port: write dns, dns/UDP or dns/TCP", text)
		}
		if err := target.setPort(port); err != nil {
			return err
		}
	}
	*t = target
	return nil
}

// Pattern is the shape of a target, for the schema.
func (Target) Pattern() string {
	return `^(dns(/(UDP|TCP))?|(\*|` + namePattern + `(/\*)?|name\([^()]+\)|node\([^()]+\)(/` + namePattern +
		`)?)(:([0-9]{1,5}|[a-z0-9-]+)(/(TCP|UDP|SCTP))?)?)$`
}

// setPort reads what follows the colon.
func (t *Target) setPort(text string) error {
	number, protocol, err := cutProtocol(text)
	if err != nil {
		return err
	}
	t.Protocol = protocol
	if number != "" && strings.Trim(number, "0123456789") != "" {
		t.PortName = number
		return nil
	}
	t.Number, err = parsePortNumber(number)
	return err
}

// parseTargetName reads what precedes the colon.
func parseTargetName(who string) (Target, error) {
	switch who {
	case "dns", "dns/UDP", "dns/TCP":
		_, protocol, _ := cutProtocol(who)
		return Target{Kind: TargetDNS, Protocol: protocol}, nil
	}
	call := callShape.FindStringSubmatch(who)
	if call == nil {
		name, namespace, err := parseWho(who)
		if err != nil {
			return Target{}, err
		}
		if name == "" {
			return Target{Kind: TargetAll, Namespace: namespace}, nil
		}
		return Target{Kind: TargetNamed, Name: name}, nil
	}
	word, argument, rest := call[1], call[2], call[3]
	if argument == "" {
		return Target{}, fmt.Errorf("%q names nothing: write %s(NAME)", who, word)
	}
	service, hasService := strings.CutPrefix(rest, "/")
	switch {
	case word == "name" && rest == "":
		return Target{Kind: TargetName, Name: argument}, nil
	case word == "node" && (rest == "" || hasService && service != ""):
		return Target{Kind: TargetNode, Node: argument, Name: service}, nil
	}
	return Target{}, fmt.Errorf("%q is no target: write name(SERVICE):PORT, node(POD):PORT or node(POD)/SERVICE:PORT", who)
}

// parseWho reads NAME, NAMESPACE/* or *. Both results are empty for the last.
func parseWho(text string) (name, namespace string, err error) {
	if text == "*" {
		return "", "", nil
	}
	if namespace, ok := strings.CutSuffix(text, "/*"); ok && namespace != "" {
		return "", namespace, nil
	}
	if text == "" || strings.ContainsAny(text, "*/()") {
		return "", "", fmt.Errorf("%q names nobody: write a name, NAMESPACE/* or *", text)
	}
	return text, "", nil
}
