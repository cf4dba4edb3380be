package lint

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podknock/podknock/scenarios/policy"
	"github.com/podknock/podknock/scenarios/policy/inventory"
)

// checkServices finds what makes connections fail beside the policies.
func (c *checker) checkServices() {
	for i := range c.objects.Cluster.Services {
		service := &c.objects.Cluster.Services[i]
		ref := inventory.Ref{Kind: "Service", Namespace: service.Namespace, Name: service.Name}
		if len(service.Spec.Selector) == 0 || service.Spec.Type == corev1.ServiceTypeExternalName {
			continue
		}
		pods := c.behind(service)
		if len(pods) == 0 {
			c.checkNobodyBehind(service, ref)
			continue
		}
		for j := range service.Spec.Ports {
			port := &service.Spec.Ports[j]
			if port.TargetPort.Type != intstr.String {
				continue
			}
			if !slices.ContainsFunc(pods, func(pod *corev1.Pod) bool { _, known := targetOf(port, pod); return known }) {
				c.found(ruleServiceTarget, ref, fmt.Sprintf("spec.ports[%d].targetPort", j),
					fmt.Sprintf("No port of %s is called %s with protocol %s.", listed(pods), port.TargetPort.StrVal, protocolOrTCP(port.Protocol)),
					"Write the name or the number of a port of the pods: "+declaredPorts(pods)+".")
			}
		}
	}
	for i := range c.objects.Webhooks {
		c.checkWebhook(&c.objects.Webhooks[i])
	}
}

func (c *checker) behind(service *corev1.Service) []*corev1.Pod {
	var pods []*corev1.Pod
	for _, pod := range c.pods[service.Namespace] {
		if selectedBy(service, pod) {
			pods = append(pods, pod)
		}
	}
	return pods
}

func (c *checker) checkNobodyBehind(service *corev1.Service, ref inventory.Ref) {
	home := c.pods[service.Namespace]
	selector := &metav1.LabelSelector{MatchLabels: service.Spec.Selector}
	nearest := nearestPod(selector, home)
	what := fmt.Sprintf("The Service selects %s, which no pod of namespace %s has", spellLabels(service.Spec.Selector), service.Namespace) + nearest.sentence() + "."
	do := nearest.correction("Compare the selector with the labels of the pods.")
	switch {
	case len(home) == 0 && !c.objects.Knowledge.AllPodsOf(service.Namespace):
		c.unchecked("whether Service %s/%s selects anything: no pods of namespace %s are given", service.Namespace, service.Name, service.Namespace)
	case c.objects.Knowledge.AllPodsOf(service.Namespace), nearest.typo():
		c.found(ruleServiceNothing, ref, "spec.selector", what, do)
	default:
		c.noted(ruleServiceNothing, ref, "spec.selector", what, do)
	}
}

// someNode stands for the API server: an address that belongs to no pod. It is of the range for documentation (RFC 5737).
var someNode = netip.MustParseAddr("203.0.113.251")

// checkWebhook finds webhooks whose pods admit connections from pods alone.
func (c *checker) checkWebhook(webhook *inventory.Webhook) {
	for i := range c.objects.Cluster.Services {
		service := &c.objects.Cluster.Services[i]
		if service.Namespace != webhook.Namespace || service.Name != webhook.Service {
			continue
		}
		for _, pod := range c.behind(service) {
			for j := range service.Spec.Ports {
				number, known := targetOf(&service.Spec.Ports[j], pod)
				if known && service.Spec.Ports[j].Port == webhook.Port && c.isolatedFromNodes(pod, number) {
					c.found(ruleWebhook, refOf(c.isolating(pod)), "spec.ingress",
						fmt.Sprintf("%s serves the webhook of %s, and no rule admits addresses other than pods' to its port %d.", display(pod), webhook.Configuration, number),
						"Admit the addresses of the control plane to that port by ipBlock, or the port to everybody.")
					return
				}
			}
		}
	}
}

// isolatedFromNodes reports whether no policy admits any address but those of pods to a port.
func (c *checker) isolatedFromNodes(pod *corev1.Pod, number int32) bool {
	if c.evaluator == nil || pod.Spec.HostNetwork || c.isolating(pod) == nil {
		return false
	}
	for _, p := range c.policies {
		if p.Namespace != pod.Namespace || !matches(&p.Spec.PodSelector, pod.Labels) {
			continue
		}
		for _, r := range p.Spec.Ingress {
			if slices.ContainsFunc(r.From, func(peer networkingv1.NetworkPolicyPeer) bool { return peer.IPBlock != nil }) {
				return false // which addresses the control plane has is not known
			}
		}
	}
	verdict, err := c.evaluator.Verdict(policy.Query{From: policy.Address(someNode), To: policy.Pod(pod.Namespace, pod.Name), Port: number})
	return err == nil && verdict == policy.Deny
}

// isolating is the first policy that isolates a pod for ingress; nil if there is none.
func (c *checker) isolating(pod *corev1.Pod) *networkingv1.NetworkPolicy {
	for _, p := range c.policies {
		if p.Namespace == pod.Namespace && governs(p, networkingv1.PolicyTypeIngress) && matches(&p.Spec.PodSelector, pod.Labels) {
			return p
		}
	}
	return nil
}

// checkCluster looks at what is beside policies and Services.
func (c *checker) checkCluster() {
	for _, ref := range c.objects.Foreign {
		c.found(ruleForeign, ref, "", fmt.Sprintf("%s is a policy of another API, which may decide before or beside NetworkPolicies.", ref),
			"Take it into account where what happens differs from what the NetworkPolicies say.")
	}
	ended := map[netip.Addr]*corev1.Pod{}
	for i := range c.objects.Cluster.Pods {
		pod := &c.objects.Cluster.Pods[i]
		if (pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed) && !pod.Spec.HostNetwork {
			for _, address := range addressesOf(pod) {
				ended[address] = pod
			}
		}
	}
	for _, name := range c.names {
		for _, pod := range c.pods[name] {
			for _, address := range addressesOf(pod) {
				if other := ended[address]; other != nil && !pod.Spec.HostNetwork {
					c.found(ruleSharedAddress, inventory.Ref{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name}, "status.podIPs",
						fmt.Sprintf("The address %s was that of pod %s/%s, which has ended and is still listed.", address, other.Namespace, other.Name),
						fmt.Sprintf("Delete pod %s/%s: some plugins go on counting it.", other.Namespace, other.Name))
				}
			}
		}
	}
}
