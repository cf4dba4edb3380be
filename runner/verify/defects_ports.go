package verify

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podknock/podknock/scenarios"
)

type (
	policyPort = networkingv1.NetworkPolicyPort
	policyPeer = networkingv1.NetworkPolicyPeer
)

// blockDefects are engines that misunderstand ipBlocks.
func blockDefects() []hypothesis {
	return []hypothesis{
		{Defect{"ignores-except", "It ignores the exceptions of an ipBlock.", scenarios.AxisIPBlockExcept},
			misreadBlocks(func(b *networkingv1.IPBlock) bool { b.Except = nil; return true }), nil},
		{Defect{"first-except-only", "It applies only the first of the exceptions of an ipBlock.", scenarios.AxisIPBlockExcept},
			misreadBlocks(func(b *networkingv1.IPBlock) bool { b.Except = first(b.Except); return true }), nil},
		{Defect{"blocks-ignored", "It lets an ipBlock match nothing.", scenarios.AxisIPBlock},
			misreadBlocks(func(*networkingv1.IPBlock) bool { return false }), nil},
		{Defect{"ipv4-blocks-ignored", "It lets an ipBlock of IPv4 match nothing.", scenarios.AxisIPBlock},
			misreadBlocks(func(b *networkingv1.IPBlock) bool { return strings.Contains(b.CIDR, ":") }), nil},
		{Defect{"ipv6-blocks-ignored", "It lets an ipBlock of IPv6 match nothing.", scenarios.AxisIPBlock},
			misreadBlocks(func(b *networkingv1.IPBlock) bool { return !strings.Contains(b.CIDR, ":") }), nil},
	}
}

// misreadBlocks is an engine that reads every ipBlock wrongly; keep says whether it still matches something.
func misreadBlocks(read func(*networkingv1.IPBlock) (keep bool)) engine {
	return misreadPeers(func(peer policyPeer) []policyPeer {
		if peer.IPBlock != nil && !read(peer.IPBlock) {
			return nil
		}
		return []policyPeer{peer}
	})
}

// portDefects are engines that misunderstand which ports a rule names.
func portDefects() []hypothesis {
	return []hypothesis{
		{Defect{"ignores-ports", "It ignores the ports of a rule: it admits all of them.", scenarios.AxisPortNumber},
			misreadRule(func(r *rule) bool { r.ports = nil; return true }), nil},
		{Defect{"first-port-only", "It applies only the first of a rule's ports.", scenarios.AxisSeveralPorts},
			misreadRule(func(r *rule) bool { r.ports = first(r.ports); return true }), nil},
		{Defect{"ignores-endport", "It ignores endPort: of a range it admits only the first port.", scenarios.AxisEndPort},
			misreadRanges(func(from, _ int32) (int32, int32) { return from, from }), nil},
		{Defect{"endport-off-by-one", "It lets a range end one port too early.", scenarios.AxisEndPortEdges},
			misreadRanges(func(from, to int32) (int32, int32) { return from, to - 1 }), nil},
		{Defect{"endport-one-too-far", "It lets a range end one port too late.", scenarios.AxisEndPortEdges},
			misreadRanges(func(from, to int32) (int32, int32) { return from, to + 1 }), nil},
		{Defect{"range-starts-late", "It lets a range start one port too late.", scenarios.AxisEndPortEdges},
			misreadRanges(func(from, to int32) (int32, int32) { return from + 1, to }), nil},
		{Defect{"range-without-end", "It lets a range go on to the last port there is.", scenarios.AxisEndPort},
			misreadRanges(func(from, _ int32) (int32, int32) { return from, 65535 }), nil},
		{Defect{"ignores-protocol", "It ignores the protocol of a port: every protocol is admitted.", scenarios.AxisProtocolDefault},
			misreadPorts(func(p policyPort) []policyPort { return inProtocols(p, allProtocols...) }), nil},
		{Defect{"no-protocol-is-any", "It takes a port without a protocol for one of every protocol.", scenarios.AxisProtocolDefault},
			misreadPorts(func(p policyPort) []policyPort {
				if p.Protocol != nil {
					return []policyPort{p}
				}
				return inProtocols(p, allProtocols...)
			}), nil},
		{Defect{"udp-as-tcp", "It reads the UDP port of a rule as the TCP port of that number.", scenarios.AxisUDP},
			misreadPorts(func(p policyPort) []policyPort {
				if p.Protocol != nil && *p.Protocol == corev1.ProtocolUDP {
					return inProtocols(p, corev1.ProtocolTCP)
				}
				return []policyPort{p}
			}), nil},
		{Defect{"named-ports-ignored", "It lets a port given by name match nothing.", scenarios.AxisNamedPort},
			misreadPorts(func(p policyPort) []policyPort {
				if named(p) {
					return nil
				}
				return []policyPort{p}
			}), nil},
		{Defect{"named-ports-match-all", "It lets a port given by name match every port.", scenarios.AxisNamedPort},
			misreadPorts(func(p policyPort) []policyPort {
				if named(p) {
					p.Port = nil
				}
				return []policyPort{p}
			}), nil},
		{Defect{"named-port-first-container", "It looks a port's name up in a pod's first container only.", scenarios.AxisNamedPortSidecar},
			naming(func(pod *corev1.Pod, _ []corev1.Pod) []corev1.ContainerPort {
				return pod.Spec.Containers[0].Ports
			}), nil},
		{Defect{"named-port-any-protocol", "It takes a port's name for its number, whatever the protocol.", scenarios.AxisNamedPortProtocol},
			naming(func(pod *corev1.Pod, _ []corev1.Pod) []corev1.ContainerPort {
				return each(declaredPorts(pod), func(p corev1.ContainerPort) []corev1.ContainerPort {
					var ports []corev1.ContainerPort
					for _, protocol := range allProtocols {
						p.Protocol = protocol
						ports = append(ports, p)
					}
					return ports
				})
			}), nil},
		{Defect{"named-port-one-number", "It takes a port's name for the number that the namespace's first pod gives it, in all its pods.",
			scenarios.AxisNamedPortPerPod}, naming(portsOfFirst), nil},
	}
}

var allProtocols = []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}

func inProtocols(p policyPort, protocols ...corev1.Protocol) []policyPort {
	var ports []policyPort
	for _, protocol := range protocols {
		p.Protocol = &protocol
		ports = append(ports, p)
	}
	return ports
}

func named(p policyPort) bool { return p.Port != nil && p.Port.Type == intstr.String }

// misreadRanges is an engine that reads the ends of every range wrongly. A range that is empty then matches nothing.
func misreadRanges(read func(from, to int32) (int32, int32)) engine {
	return misreadPorts(func(p policyPort) []policyPort {
		if p.EndPort == nil {
			return []policyPort{p}
		}
		from, to := read(p.Port.IntVal, *p.EndPort)
		if to < from {
			return nil
		}
		number := intstr.FromInt32(from)
		p.Port, p.EndPort = &number, &to
		return []policyPort{p}
	})
}

// enginePrefix is in front of the names of ports as the engine knows them, so that Services keep theirs.
const enginePrefix = "engine-"

// naming is an engine with an idea of its own of the names of a pod's ports. It gets the pods of the pod's namespace, by name.
func naming(namesOf func(pod *corev1.Pod, all []corev1.Pod) []corev1.ContainerPort) engine {
	return now(func(seen *cluster) {
		real := slices.Clone(seen.Pods)
		slices.SortFunc(real, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
		for i := range seen.Pods {
			pod := seen.Pods[i].DeepCopy()
			neighbours := slices.DeleteFunc(slices.Clone(real), func(p corev1.Pod) bool { return p.Namespace != pod.Namespace })
			for _, port := range namesOf(&seen.Pods[i], neighbours) {
				if port.Name != "" {
					port.Name = enginePrefix + port.Name
					pod.Spec.Containers[0].Ports = append(pod.Spec.Containers[0].Ports, port)
				}
			}
			seen.Pods[i] = *pod
		}
		for i := range seen.Policies {
			rewriteRules(&seen.Policies[i], func(rules []rule) []rule {
				for _, r := range rules {
					for _, p := range r.ports {
						if named(p) {
							p.Port.StrVal = enginePrefix + p.Port.StrVal
						}
					}
				}
				return rules
			})
		}
	})
}

// declaredPorts are those of all containers of a pod.
func declaredPorts(pod *corev1.Pod) []corev1.ContainerPort {
	var ports []corev1.ContainerPort
	for _, container := range pod.Spec.Containers {
		ports = append(ports, container.Ports...)
	}
	return ports
}

// portsOfFirst gives each name the number that the first of all pods with this name and protocol gives it.
func portsOfFirst(pod *corev1.Pod, all []corev1.Pod) []corev1.ContainerPort {
	ports := declaredPorts(pod)
	for i := range ports {
		for j := range all {
			declared := declaredPorts(&all[j])
			at := slices.IndexFunc(declared, func(p corev1.ContainerPort) bool {
				return p.Name == ports[i].Name && p.Protocol == ports[i].Protocol
			})
			if ports[i].Name != "" && at >= 0 {
				ports[i].ContainerPort = declared[at].ContainerPort
				break
			}
		}
	}
	return ports
}
