package lint

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podknock/podknock/scenarios/policy"
	"github.com/podknock/podknock/scenarios/policy/inventory"
)

// checkSubject looks at which pods the policy selects.
func (c *checker) checkSubject(p *networkingv1.NetworkPolicy) {
	selector, ref, home := &p.Spec.PodSelector, refOf(p), c.pods[p.Namespace]
	if isEmpty(selector) {
		c.checkSelectsAll(p)
		return
	}
	if len(c.selected(p)) > 0 {
		return
	}
	if elsewhere := c.elsewhere(p.Namespace, selector); len(elsewhere) > 0 {
		c.found(ruleOtherNamespace, ref, "metadata.namespace",
			fmt.Sprintf("The policy selects %s, which matches no pod of its namespace %s, but %s.", spellSelector(selector), p.Namespace, listed(elsewhere)),
			fmt.Sprintf("Policies act in their own namespace: put it into namespace %s.", elsewhere[0].Namespace))
		return
	}
	if len(home) == 0 && !c.objects.Knowledge.AllPodsOf(p.Namespace) {
		c.unchecked("whether policy %s/%s selects anything: no pods of namespace %s are given", p.Namespace, p.Name, p.Namespace)
		return
	}
	what := fmt.Sprintf("The policy selects %s, which no pod of namespace %s has", spellSelector(selector), p.Namespace)
	nearest := nearestPod(selector, home)
	do := nearest.correction("Compare the selector with the labels of the pods, not with those of what makes them.")
	if owner, ok := c.labelledAbove(p); ok {
		what += fmt.Sprintf("; %s has these labels itself, but not the pods that it makes", owner)
		do = "Put the labels into spec.template.metadata.labels, or select by those that stand there."
	} else {
		what += nearest.sentence()
	}
	c.found(ruleSelectsNothing, ref, nearest.field("spec.podSelector"), what+".", do)
}

// labelledAbove finds a workload that has the labels that its pods lack.
func (c *checker) labelledAbove(p *networkingv1.NetworkPolicy) (inventory.Ref, bool) {
	for i := range c.objects.Workloads {
		workload := &c.objects.Workloads[i]
		if workload.Namespace == p.Namespace && matches(&p.Spec.PodSelector, workload.Labels) {
			return workload.Ref, true
		}
	}
	return inventory.Ref{}, false
}

// checkSelectsAll finds a policy for every pod whose ingress ports are those of some pods alone.
func (c *checker) checkSelectsAll(p *networkingv1.NetworkPolicy) {
	var fit, others []*corev1.Pod
	for _, pod := range c.pods[p.Namespace] {
		switch {
		case len(portsOf(pod)) == 0:
		case slices.ContainsFunc(p.Spec.Ingress, func(r networkingv1.NetworkPolicyIngressRule) bool { return declaresAny(pod, r.Ports) }):
			fit = append(fit, pod)
		default:
			others = append(others, pod)
		}
	}
	numbered := slices.ContainsFunc(p.Spec.Ingress, func(r networkingv1.NetworkPolicyIngressRule) bool { return len(r.Ports) == 0 })
	if len(p.Spec.Ingress) == 0 || numbered || len(fit) == 0 || len(others) == 0 {
		return
	}
	known, _ := rule(ruleSelectsAll)
	c.add(Finding{
		Rule: known.ID, Severity: known.Severity, Object: refOf(p), Field: "spec.podSelector",
		What: fmt.Sprintf("The empty podSelector selects every pod of namespace %s, and isolates %s, of whose ports it admits none.", p.Namespace, listed(others)),
		Do:   fmt.Sprintf("If only %s is meant, select its labels.", listed(fit)), Command: c.patchToSelect(p, fit),
	})
}

// patchToSelect is the command that makes a policy select some pods of its namespace and no others, by a label that tells them apart; empty if there
// is none.
func (c *checker) patchToSelect(p *networkingv1.NetworkPolicy, fit []*corev1.Pod) string {
	var of, others []map[string]string
	for _, pod := range c.pods[p.Namespace] {
		if slices.Contains(fit, pod) {
			of = append(of, pod.Labels)
		} else {
			others = append(others, pod.Labels)
		}
	}
	key, value, found := policy.TellingLabel(of, others)
	if !found {
		return ""
	}
	// Keys and values of labels need no quoting in JSON, nor in a shell's single quotes.
	return fmt.Sprintf(`kubectl patch networkpolicy %s -n %s --type=json -p '[{"op":"replace","path":"/spec/podSelector","value":{"matchLabels":{"%s":"%s"}}}]'`,
		p.Name, p.Namespace, key, value)
}

// portsOf are the ports that a pod declares, those of sidecar init containers among them.
func portsOf(pod *corev1.Pod) []corev1.ContainerPort {
	var ports []corev1.ContainerPort
	for i := range pod.Spec.Containers {
		ports = append(ports, pod.Spec.Containers[i].Ports...)
	}
	for i := range pod.Spec.InitContainers {
		if always := pod.Spec.InitContainers[i].RestartPolicy; always != nil && *always == corev1.ContainerRestartPolicyAlways {
			ports = append(ports, pod.Spec.InitContainers[i].Ports...)
		}
	}
	for i := range ports {
		if ports[i].Protocol == "" {
			ports[i].Protocol = corev1.ProtocolTCP
		}
	}
	return ports
}

// protocolOf is a rule port's protocol, by the API server's default.
func protocolOf(port *networkingv1.NetworkPolicyPort) corev1.Protocol {
	if port.Protocol == nil || *port.Protocol == "" {
		return corev1.ProtocolTCP
	}
	return *port.Protocol
}

// admits reports whether a rule's port covers a declared one.
func admits(port *networkingv1.NetworkPolicyPort, declared *corev1.ContainerPort) bool {
	return protocolOf(port) == declared.Protocol && covers(port, declared)
}

// covers is admits without regard to the protocol.
func covers(port *networkingv1.NetworkPolicyPort, declared *corev1.ContainerPort) bool {
	switch {
	case port.Port == nil:
		return true
	case port.Port.Type == intstr.String:
		return port.Port.StrVal == declared.Name
	}
	first, last := rangeOf(port)
	return first <= declared.ContainerPort && declared.ContainerPort <= last
}

// rangeOf is the numbers of a numeric port.
func rangeOf(port *networkingv1.NetworkPolicyPort) (first, last int32) {
	first, last = port.Port.IntVal, port.Port.IntVal
	if port.EndPort != nil {
		last = *port.EndPort
	}
	return first, last
}

// declaresAny reports whether a pod declares a port that one of the rule's covers.
func declaresAny(pod *corev1.Pod, ports []networkingv1.NetworkPolicyPort) bool {
	for _, declared := range portsOf(pod) {
		for i := range ports {
			if admits(&ports[i], &declared) {
				return true
			}
		}
	}
	return false
}

// The annotation by which Multus gives a pod further interfaces.
const annotationNetworks = "k8s.v1.cni.cncf.io/networks"

// sidecars are names of containers through which a mesh routes the traffic of a pod.
var sidecars = []string{"istio-proxy", "linkerd-proxy", "kuma-sidecar", "consul-dataplane", "envoy-sidecar"}

// checkSelected looks at what the selected pods are.
func (c *checker) checkSelected(p *networkingv1.NetworkPolicy) {
	var host, bare, more, meshed []*corev1.Pod
	node := ""
	selected := c.selected(p)
	for _, pod := range selected {
		if pod.Spec.HostNetwork {
			host = append(host, pod)
		}
		if why := c.uncovered(pod); why != "" {
			bare, node = append(bare, pod), why
		}
		if pod.Annotations[annotationNetworks] != "" {
			more = append(more, pod)
		}
		if hasSidecar(pod) {
			meshed = append(meshed, pod)
		}
	}
	ref, field := refOf(p), "spec.podSelector"
	if len(host) > 0 && (len(host) == len(selected) || !isEmpty(&p.Spec.PodSelector)) {
		c.found(ruleHostNetwork, ref, field, "The policy selects "+listed(host)+" on the host network: most plugins leave such pods alone.",
			"Protect the port on the node, or take the pod off the host network.")
	}
	if len(bare) > 0 {
		c.found(ruleNodeNotCovered, ref, field, "The policy selects "+listed(bare)+" on "+node+", where the policy engine often does not run.",
			"Make sure that your plugin enforces policies there; podknock run on such a node tells.")
	}
	if len(more) > 0 {
		c.found(ruleSecondInterface, ref, field, "The policy selects "+listed(more)+", which has further network interfaces that it does not govern.",
			"Use a MultiNetworkPolicy for them.")
	}
	if len(meshed) > 0 {
		c.found(ruleSidecar, ref, field, "The policy selects "+listed(meshed)+" with a proxy sidecar, which may answer handshakes itself.",
			"Test with data of the application, and admit the ports of the mesh.")
	}
}

// uncovered says on what kind of node a pod runs, or is to run, that policy engines often leave out.
func (c *checker) uncovered(pod *corev1.Pod) string {
	sets := []map[string]string{pod.Spec.NodeSelector}
	for i := range c.objects.Cluster.Nodes {
		if node := &c.objects.Cluster.Nodes[i]; node.Name == pod.Spec.NodeName {
			sets = append(sets, node.Labels)
		}
	}
	for _, set := range sets {
		switch {
		case set[corev1.LabelOSStable] == "windows":
			return "a Windows node"
		case set["eks.amazonaws.com/compute-type"] == "fargate":
			return "a Fargate node"
		case set["type"] == "virtual-kubelet":
			return "a virtual node"
		}
	}
	return ""
}

func hasSidecar(pod *corev1.Pod) bool {
	for _, container := range slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers) {
		if slices.Contains(sidecars, strings.ToLower(container.Name)) {
			return true
		}
	}
	return false
}
