package matrix

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/scenarios/policy"
	"github.com/podknock/podknock/scenarios/policy/subject"
)

// guessedPort is asked about where nothing is declared.
const guessedPort = 80

// port is one that a target offers.
type port struct {
	name     string
	number   int32
	protocol corev1.Protocol
}

// podPorts are the ports that a pod declares, those of sidecar init containers among them.
func podPorts(pod *corev1.Pod) []port {
	var ports []port
	add := func(container *corev1.Container) {
		for _, declared := range container.Ports {
			one := port{declared.Name, declared.ContainerPort, orTCP(declared.Protocol)}
			if !slices.ContainsFunc(ports, func(p port) bool { return p.number == one.number && p.protocol == one.protocol }) {
				ports = append(ports, one)
			}
		}
	}
	for i := range pod.Spec.Containers {
		add(&pod.Spec.Containers[i])
	}
	for i := range pod.Spec.InitContainers {
		if always := pod.Spec.InitContainers[i].RestartPolicy; always != nil && *always == corev1.ContainerRestartPolicyAlways {
			add(&pod.Spec.InitContainers[i])
		}
	}
	return ports
}

func orTCP(protocol corev1.Protocol) corev1.Protocol {
	if protocol == "" {
		return corev1.ProtocolTCP
	}
	return protocol
}

// portsOf are the ports that an end is known to offer.
func (m *Matrix) portsOf(end party) []port {
	switch end.endpoint.Kind {
	case policy.KindPod:
		for i := range m.objects.Cluster.Pods {
			if pod := &m.objects.Cluster.Pods[i]; podParty(pod) == end {
				return podPorts(pod)
			}
		}
	case policy.KindService:
		for i := range m.objects.Cluster.Services {
			service := &m.objects.Cluster.Services[i]
			if service.Namespace != end.endpoint.Namespace || service.Name != end.endpoint.Name {
				continue
			}
			var ports []port
			for _, offered := range service.Spec.Ports {
				ports = append(ports, port{offered.Name, offered.Port, orTCP(offered.Protocol)})
			}
			return ports
		}
	}
	return nil
}

// columnsOf are the columns of a target: of the port that was asked for, or of all it offers, or of a guess. None means that it has no port of the
// name that was asked for.
func columnsOf(name string, end party, target subject.Target, offered []port) []Column {
	column := func(number int32, protocol corev1.Protocol, guessed bool) Column {
		return Column{Name: spellTarget(name, number, protocol), Port: number, Protocol: protocol, Guessed: guessed, party: end}
	}
	if target.Port != 0 {
		protocol := target.Protocol
		for _, one := range offered {
			if protocol == "" && one.number == target.Port {
				protocol = one.protocol
			}
		}
		return []Column{column(target.Port, orTCP(protocol), false)}
	}
	var columns []Column
	for _, one := range offered {
		named := target.PortName == "" || one.name == target.PortName
		if named && (target.Protocol == "" || one.protocol == target.Protocol) {
			columns = append(columns, column(one.number, one.protocol, false))
		}
	}
	if len(columns) == 0 && target.PortName == "" {
		return []Column{column(guessedPort, orTCP(target.Protocol), true)}
	}
	return columns
}

func spellTarget(name string, number int32, protocol corev1.Protocol) string {
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	return fmt.Sprintf("%s:%d/%s", name, number, protocol)
}
