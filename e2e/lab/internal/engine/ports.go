package engine

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/kube-network-policies/pkg/api"
)

// eachPort alters every port of a policy's rules; one for which edit returns
// false matches nothing, and a rule without another port goes with it: without
// any port it would admit all of them.
func eachPort(edit func(*networkingv1.NetworkPolicyPort) bool) func(*networkingv1.NetworkPolicy) {
	return eachRule(func(r *rule) bool {
		had := len(r.ports) > 0
		var kept []networkingv1.NetworkPolicyPort
		for _, port := range r.ports {
			if edit(&port) {
				kept = append(kept, port)
			}
		}
		r.ports = kept
		return !had || len(r.ports) > 0
	})
}

func shortenRange(p *networkingv1.NetworkPolicyPort) bool {
	if p.EndPort != nil {
		end := *p.EndPort - 1
		p.EndPort = &end
	}
	return true
}

func udpToTCP(p *networkingv1.NetworkPolicyPort) bool {
	if p.Protocol != nil && *p.Protocol == corev1.ProtocolUDP {
		tcp := corev1.ProtocolTCP
		p.Protocol = &tcp
	}
	return true
}

func firstContainerPorts(pod *corev1.Pod) {
	for i := range pod.Spec.Containers {
		if i > 0 {
			pod.Spec.Containers[i].Ports = nil
		}
	}
}

// portsOfAnyProtocol declares every named port with all protocols.
func portsOfAnyProtocol(pod *corev1.Pod) {
	for i, c := range pod.Spec.Containers {
		var ports []corev1.ContainerPort
		for _, port := range c.Ports {
			for _, protocol := range []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP} {
				port.Protocol = protocol
				ports = append(ports, port)
			}
		}
		pod.Spec.Containers[i].Ports = ports
	}
}

// portsOfFirstPod gives each port name the number that the first pod of the
// namespace with that name and protocol gives it.
func portsOfFirstPod(s *state, pod *corev1.Pod, info *api.PodInfo) {
	pods := s.podsOf(pod.Namespace)
	for _, port := range info.ContainerPorts {
		for _, other := range pods {
			if number, ok := declared(other, port); ok {
				port.Port = number
				break
			}
		}
	}
}

func declared(pod *corev1.Pod, like *api.ContainerPort) (int32, bool) {
	for _, c := range pod.Spec.Containers {
		i := slices.IndexFunc(c.Ports, func(p corev1.ContainerPort) bool {
			return p.Name != "" && p.Name == like.Name && string(p.Protocol) == like.Protocol
		})
		if i >= 0 {
			return c.Ports[i].ContainerPort, true
		}
	}
	return 0, false
}
