package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podknock/podknock/scenarios/internal/strict"
)

// checkPorts compares the ports of rules with those that the receiving pods declare.
func (c *checker) checkPorts(p *networkingv1.NetworkPolicy) {
	for _, r := range rulesOf(p) {
		if !governs(p, r.policyType) {
			continue
		}
		receivers := c.receivers(p, &r)
		for i := range r.ports {
			field := r.field(fmt.Sprintf("ports[%d]", i))
			c.checkEndPort(p, &r.ports[i], field)
			switch port := r.ports[i].Port; {
			case port == nil:
			case port.Type == intstr.String:
				c.checkNamedPort(p, &r, &r.ports[i], field, receivers)
			case len(receivers) > 0:
				c.checkNumber(p, &r.ports[i], field, receivers)
			}
		}
	}
}

// receivers are the pods at which the ports of a rule count: the selected ones for ingress, the peers for egress.
func (c *checker) receivers(p *networkingv1.NetworkPolicy, r *ruleView) []*corev1.Pod {
	if r.policyType == networkingv1.PolicyTypeIngress {
		return c.selected(p)
	}
	var pods []*corev1.Pod
	for i := range r.peers {
		pods = append(pods, c.peerPods(p, &r.peers[i])...)
	}
	return pods
}

func (c *checker) checkEndPort(p *networkingv1.NetworkPolicy, port *networkingv1.NetworkPolicyPort, field string) {
	if port.EndPort == nil || port.Port == nil {
		return
	}
	switch first, last := rangeOf(port); {
	case first == last:
		c.found(ruleEndPort, refOf(p), field+".endPort", fmt.Sprintf("The range from %d to %d is one port.", first, last), "Leave endPort out.")
	case first <= 1 && last == 65535:
		c.found(ruleEndPort, refOf(p), field+".endPort", "The range holds every port.", "Leave port and endPort out: that means every port of the protocol.")
	}
}

func (c *checker) checkNumber(p *networkingv1.NetworkPolicy, port *networkingv1.NetworkPolicyPort, field string, receivers []*corev1.Pod) {
	other := map[corev1.Protocol]bool{}
	silent := false
	for _, pod := range receivers {
		ports := portsOf(pod)
		silent = silent || len(ports) == 0
		for i := range ports {
			if admits(port, &ports[i]) {
				return
			}
			if covers(port, &ports[i]) {
				other[ports[i].Protocol] = true
			}
		}
	}
	ref, spelled := refOf(p), spellPort(port)
	if service, target := c.serviceFor(port, receivers); service != "" {
		c.found(ruleServicePort, ref, field+".port", fmt.Sprintf("Port %s is that of Service %s; the pods behind it listen on %s.", spelled, service, target),
			fmt.Sprintf("Write the port of the pod, %s: policies see connections after the Service's translation.", target))
		return
	}
	if len(other) > 0 {
		found := slices.Sorted(maps.Keys(other))[0]
		meaning := ""
		if port.Protocol == nil {
			meaning = ", which a rule without a protocol means"
		}
		c.found(ruleProtocol, ref, field, fmt.Sprintf("The rule admits %s over %s%s; %s declares it for %s alone.",
			strings.Split(spelled, "/")[0], protocolOf(port), meaning, listed(receivers), found), fmt.Sprintf("Add protocol: %s.", found))
		return
	}
	if !silent {
		c.found(rulePortUndeclared, ref, field+".port", fmt.Sprintf("No port of %s is declared as %s.", listed(receivers), spelled),
			"Compare the port with those of the pods: "+declaredPorts(receivers)+".")
	}
}

// spellPort writes a rule's port as people do.
func spellPort(port *networkingv1.NetworkPolicyPort) string {
	if port.Port.Type == intstr.String {
		return port.Port.StrVal + "/" + string(protocolOf(port))
	}
	if first, last := rangeOf(port); first != last {
		return fmt.Sprintf("%d-%d/%s", first, last, protocolOf(port))
	}
	return fmt.Sprintf("%d/%s", port.Port.IntVal, protocolOf(port))
}

// declaredPorts lists what pods declare.
func declaredPorts(pods []*corev1.Pod) string {
	var all []string
	for _, pod := range pods {
		for _, port := range portsOf(pod) {
			text := fmt.Sprintf("%d/%s", port.ContainerPort, port.Protocol)
			if port.Name != "" {
				text = port.Name + "=" + text
			}
			if !slices.Contains(all, text) {
				all = append(all, text)
			}
		}
	}
	slices.Sort(all)
	return strings.Join(all[:min(len(all), 6)], ", ")
}

// serviceFor finds a Service in front of the receivers that has the rule's port where the pods have another.
func (c *checker) serviceFor(port *networkingv1.NetworkPolicyPort, receivers []*corev1.Pod) (name, target string) {
	first, last := rangeOf(port)
	for i := range c.objects.Cluster.Services {
		service := &c.objects.Cluster.Services[i]
		for _, pod := range receivers {
			if !selectedBy(service, pod) {
				continue
			}
			for _, offered := range service.Spec.Ports {
				number, known := targetOf(&offered, pod)
				if !known || protocolOrTCP(offered.Protocol) != protocolOf(port) || offered.Port < first || offered.Port > last {
					continue
				}
				if number < first || number > last {
					return service.Namespace + "/" + service.Name, fmt.Sprint(number)
				}
			}
		}
	}
	return "", ""
}

func protocolOrTCP(protocol corev1.Protocol) corev1.Protocol {
	if protocol == "" {
		return corev1.ProtocolTCP
	}
	return protocol
}

// selectedBy reports whether a pod is behind a Service.
func selectedBy(service *corev1.Service, pod *corev1.Pod) bool {
	if service.Namespace != pod.Namespace || len(service.Spec.Selector) == 0 {
		return false
	}
	for key, value := range service.Spec.Selector {
		if found, ok := pod.Labels[key]; !ok || found != value {
			return false
		}
	}
	return true
}

// targetOf is the port of a pod that a Service's port leads to. Not known is the number of a name that the pod does not declare.
func targetOf(offered *corev1.ServicePort, pod *corev1.Pod) (number int32, known bool) {
	switch target := offered.TargetPort; {
	case target.Type == intstr.Int && target.IntVal == 0:
		return offered.Port, true
	case target.Type == intstr.Int:
		return target.IntVal, true
	default:
		for _, declared := range portsOf(pod) {
			if declared.Name == target.StrVal && declared.Protocol == protocolOrTCP(offered.Protocol) {
				return declared.ContainerPort, true
			}
		}
	}
	return 0, false
}

func (c *checker) checkNamedPort(
	p *networkingv1.NetworkPolicy, r *ruleView, port *networkingv1.NetworkPolicyPort, field string, receivers []*corev1.Pod,
) {
	name, ref := port.Port.StrVal, refOf(p)
	if onlyBlocks(r) && r.policyType == networkingv1.PolicyTypeEgress {
		c.found(ruleNamedPort, ref, field+".port", fmt.Sprintf("The port name %s is looked up on a pod, and the peers are all ipBlocks, which have none.", name),
			"Write the number of the port.")
		return
	}
	numbers, other, names := map[int32]bool{}, map[corev1.Protocol]bool{}, []string{}
	for _, pod := range receivers {
		for _, declared := range portsOf(pod) {
			switch {
			case declared.Name == name && declared.Protocol == protocolOf(port):
				numbers[declared.ContainerPort] = true
			case declared.Name == name:
				other[declared.Protocol] = true
			case declared.Name != "" && !slices.Contains(names, declared.Name):
				names = append(names, declared.Name)
			}
		}
	}
	slices.Sort(names)
	switch {
	case len(receivers) == 0 || len(numbers) == 1:
	case len(numbers) > 1:
		c.found(ruleNamedPortDiffers, ref, field+".port", fmt.Sprintf("The port name %s is a different number on different pods of %s.", name, listed(receivers)),
			"Find out whether your plugin resolves it for each pod, or write numbers.")
	case len(other) > 0:
		c.found(ruleNamedPort, ref, field+".port", fmt.Sprintf("%s declares the port name %s for %s, and the rule asks for %s.",
			listed(receivers), name, slices.Sorted(maps.Keys(other))[0], protocolOf(port)),
			fmt.Sprintf("Add protocol: %s.", slices.Sorted(maps.Keys(other))[0]))
	default:
		what := fmt.Sprintf("No port of %s is called %s", listed(receivers), name)
		do := "Write the number, or name the port in the pod's containers."
		if service := c.serviceNaming(name, receivers); service != "" {
			what += "; that is the name of a port of Service " + service + ", which policies do not know"
		} else if nearest := strict.Nearest(name, names); nearest != "" {
			do = fmt.Sprintf("Write %s if that is meant.", nearest)
		}
		c.found(ruleNamedPort, ref, field+".port", what+".", do)
	}
}

func onlyBlocks(r *ruleView) bool {
	return len(r.peers) > 0 && !slices.ContainsFunc(r.peers, func(peer networkingv1.NetworkPolicyPeer) bool { return peer.IPBlock == nil })
}

// serviceNaming finds a Service in front of pods one of whose ports has the name.
func (c *checker) serviceNaming(name string, pods []*corev1.Pod) string {
	for i := range c.objects.Cluster.Services {
		service := &c.objects.Cluster.Services[i]
		named := slices.ContainsFunc(service.Spec.Ports, func(port corev1.ServicePort) bool { return port.Name == name })
		if named && slices.ContainsFunc(pods, func(pod *corev1.Pod) bool { return selectedBy(service, pod) }) {
			return service.Namespace + "/" + service.Name
		}
	}
	return ""
}

// spellLabels spells labels as kubectl takes them for -l.
func spellLabels(set map[string]string) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(set)) {
		parts = append(parts, key+"="+set[key])
	}
	return strings.Join(parts, ",")
}
