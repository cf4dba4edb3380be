package generate

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// rule is one rule of either direction.
type rule struct {
	policyType networkingv1.PolicyType
	governed   bool
	index      int
	peers      []networkingv1.NetworkPolicyPeer
	ports      []networkingv1.NetworkPolicyPort
}

func (r *rule) ingress() bool { return r.policyType == networkingv1.PolicyTypeIngress }

// word is ingress or egress.
func (r *rule) word() string {
	if r.ingress() {
		return "ingress"
	}
	return "egress"
}

func (r *rule) field() string { return fmt.Sprintf("spec.%s[%d]", r.word(), r.index) }

// peerField is the path of a peer.
func (r *rule) peerField(i int) string {
	if r.ingress() {
		return fmt.Sprintf("%s.from[%d]", r.field(), i)
	}
	return fmt.Sprintf("%s.to[%d]", r.field(), i)
}

// rulesOf lists the rules of a policy, ingress first.
func rulesOf(object *networkingv1.NetworkPolicy) []rule {
	var rules []rule
	for i, r := range object.Spec.Ingress {
		rules = append(rules, rule{networkingv1.PolicyTypeIngress, governs(object, networkingv1.PolicyTypeIngress), i, r.From, r.Ports})
	}
	for i, r := range object.Spec.Egress {
		rules = append(rules, rule{networkingv1.PolicyTypeEgress, governs(object, networkingv1.PolicyTypeEgress), i, r.To, r.Ports})
	}
	return rules
}

// governs applies the API server's default of policyTypes.
func governs(object *networkingv1.NetworkPolicy, policyType networkingv1.PolicyType) bool {
	if len(object.Spec.PolicyTypes) > 0 {
		return slices.Contains(object.Spec.PolicyTypes, policyType)
	}
	return policyType == networkingv1.PolicyTypeIngress || len(object.Spec.Egress) > 0
}

// port is one that a pod of the scenario listens on.
type port struct {
	name     string
	number   int32
	protocol corev1.Protocol
}

func (p port) String() string {
	text := fmt.Sprintf("%d/%s", p.number, p.protocol)
	if p.name != "" {
		return p.name + "=" + text
	}
	return text
}

// anyPort is knocked on where a rule admits every port.
const anyPort = 80

// firstNamed is where the numbers of named ports begin that no pod of the cluster declares.
const firstNamed = 8000

// portsOf are the ports to knock on for a rule: those that it admits, with both edges of each range, and those beside them.
func (m *maker) portsOf(r *rule) []port {
	if len(r.ports) == 0 {
		return []port{{number: anyPort, protocol: corev1.ProtocolTCP}, {number: anyPort, protocol: corev1.ProtocolUDP}}
	}
	var ports []port
	for i := range r.ports {
		one := &r.ports[i]
		protocol, other := corev1.ProtocolTCP, corev1.ProtocolUDP
		if one.Protocol != nil && *one.Protocol != "" {
			protocol = *one.Protocol
		}
		if protocol != corev1.ProtocolTCP {
			other = corev1.ProtocolTCP
		}
		switch {
		case one.Port == nil:
			ports = append(ports, port{number: anyPort, protocol: protocol}, port{number: anyPort, protocol: other})
		case one.Port.Type == intstr.String:
			number := m.numberOf(one.Port.StrVal, protocol)
			ports = append(ports, port{one.Port.StrVal, number, protocol}, port{number: number + 1, protocol: protocol}, port{number: number, protocol: other})
		default:
			first, last := one.Port.IntVal, one.Port.IntVal
			if one.EndPort != nil {
				last = *one.EndPort
			}
			ports = append(ports, port{number: first, protocol: protocol})
			if last != first {
				ports = append(ports, port{number: last, protocol: protocol}, port{number: first - 1, protocol: protocol})
			}
			ports = append(ports, port{number: last + 1, protocol: protocol}, port{number: first, protocol: other})
		}
	}
	return slices.DeleteFunc(ports, func(p port) bool { return p.number < 1 || p.number > 65535 })
}

// numberOf is what a port name stands for in the scenario: the number that pods of the cluster declare, or else a free one.
func (m *maker) numberOf(name string, protocol corev1.Protocol) int32 {
	key := name + "/" + string(protocol)
	if number, known := m.numbers[key]; known {
		return number
	}
	number := int32(firstNamed + 10*len(m.numbers))
	for i := range m.options.Pods {
		for _, container := range m.options.Pods[i].Spec.Containers {
			for _, declared := range container.Ports {
				same := declared.Protocol == protocol || declared.Protocol == "" && protocol == corev1.ProtocolTCP
				if declared.Name == name && same {
					number = declared.ContainerPort
				}
			}
		}
	}
	m.numbers[key] = number
	return number
}

// listen adds ports to a pod. A name is kept for its first protocol alone: a scenario's pod has each name once.
func (p *pod) listen(ports []port) {
	for _, one := range ports {
		i := slices.IndexFunc(p.ports, func(there port) bool { return there.number == one.number && there.protocol == one.protocol })
		named := one.name != "" && slices.ContainsFunc(p.ports, func(there port) bool { return there.name == one.name })
		switch {
		case i < 0:
			if named {
				one.name = ""
			}
			p.ports = append(p.ports, one)
		case p.ports[i].name == "" && !named:
			p.ports[i].name = one.name
		}
	}
}
