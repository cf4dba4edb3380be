package lint

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podknock/podknock/scenarios/policy"
)

// The ports that DNS servers listen on: everywhere, and in the pods of OpenShift.
const (
	dnsPort          = 53
	dnsPortOpenShift = 5353
)

// nodeDNSAddress is where the node-local DNS cache of Kubernetes listens by default.
var nodeDNSAddress = netip.MustParseAddr("169.254.20.10")

// checkDNS looks at every pod that is isolated for egress and has rules: it can go somewhere, so it most likely needs names.
func (c *checker) checkDNS() {
	service := c.dnsService()
	for _, namespace := range c.names {
		for _, pod := range c.pods[namespace] {
			if pod.Spec.HostNetwork || pod.Labels["k8s-app"] == "kube-dns" || pod.Labels["k8s-app"] == "node-local-dns" {
				continue
			}
			if locking := c.lockingDown(pod.Namespace, pod.Labels); len(locking) > 0 {
				c.checkDNSOf(pod, locking, service)
			}
		}
	}
	for _, p := range c.policies {
		if len(c.pods[p.Namespace]) == 0 && governs(p, networkingv1.PolicyTypeEgress) && len(p.Spec.Egress) > 0 {
			c.checkDNSRules([]*networkingv1.NetworkPolicy{p}, c.sameSubjects(p), "the pods that it selects")
		}
	}
	c.tellDNS()
}

// lockingDown are the policies that isolate a pod for egress, if any of them has a rule.
func (c *checker) lockingDown(namespace string, set map[string]string) []*networkingv1.NetworkPolicy {
	var locking []*networkingv1.NetworkPolicy
	ruled := false
	for _, p := range c.policies {
		if p.Namespace == namespace && governs(p, networkingv1.PolicyTypeEgress) && matches(&p.Spec.PodSelector, set) {
			locking = append(locking, p)
			ruled = ruled || len(p.Spec.Egress) > 0
		}
	}
	if !ruled {
		return nil
	}
	return locking
}

// sameSubjects are the policies that may select what a policy does, where no pods are known: those that select as much or more.
func (c *checker) sameSubjects(p *networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
	var all []*networkingv1.NetworkPolicy
	for _, other := range c.policies {
		if other.Namespace == p.Namespace && governs(other, networkingv1.PolicyTypeEgress) && selectsMore(&other.Spec.PodSelector, &p.Spec.PodSelector) {
			all = append(all, other)
		}
	}
	return all
}

// checkDNSOf asks the evaluator where the DNS of the cluster is known, and the ports of the rules otherwise.
func (c *checker) checkDNSOf(pod *corev1.Pod, locking []*networkingv1.NetworkPolicy, service *corev1.Service) {
	if service == nil || c.evaluator == nil {
		c.checkDNSRules(blamed(locking), locking, display(pod))
		return
	}
	c.checkNodeDNS(pod, locking)
	var missing []corev1.Protocol
	for _, protocol := range []corev1.Protocol{corev1.ProtocolUDP, corev1.ProtocolTCP} {
		verdict, err := c.evaluator.Verdict(policy.Query{
			From: policy.Pod(pod.Namespace, pod.Name), To: policy.Service(service.Namespace, service.Name), Port: dnsPort, Protocol: protocol,
		})
		if err == nil && verdict == policy.Deny {
			missing = append(missing, protocol)
		}
	}
	c.reportDNS(blamed(locking), display(pod), missing, c.dnsAdvice(service))
}

// blamed are the policies to report: those with rules, which are to open something.
func blamed(locking []*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
	return slices.DeleteFunc(slices.Clone(locking), func(p *networkingv1.NetworkPolicy) bool { return len(p.Spec.Egress) == 0 })[:1]
}

// dnsAdvice says which rule opens the DNS of the cluster, with the port that its pods have.
func (c *checker) dnsAdvice(service *corev1.Service) string {
	if service == nil {
		return "Add an egress rule for port 53, UDP and TCP, to the pods k8s-app: kube-dns of namespace kube-system."
	}
	port := int32(dnsPort)
	for _, pod := range c.behind(service) {
		for i := range service.Spec.Ports {
			if number, known := targetOf(&service.Spec.Ports[i], pod); known && service.Spec.Ports[i].Port == dnsPort {
				port = number
			}
		}
	}
	return fmt.Sprintf("Add an egress rule for port %d, UDP and TCP, to the pods %s of namespace %s.", port, spellLabels(service.Spec.Selector), service.Namespace)
}

// checkDNSRules is the check without knowledge of the DNS servers: is there any rule for their port?
func (c *checker) checkDNSRules(report, locking []*networkingv1.NetworkPolicy, who string) {
	var missing []corev1.Protocol
	for _, protocol := range []corev1.Protocol{corev1.ProtocolUDP, corev1.ProtocolTCP} {
		if !slices.ContainsFunc(locking, func(p *networkingv1.NetworkPolicy) bool { return opensDNS(p, protocol) }) {
			missing = append(missing, protocol)
		}
	}
	c.reportDNS(report, who, missing, c.dnsAdvice(nil))
}

// opensDNS reports whether any rule admits a port that DNS servers listen on.
func opensDNS(p *networkingv1.NetworkPolicy, protocol corev1.Protocol) bool {
	for _, r := range p.Spec.Egress {
		if len(r.Ports) == 0 && reachesBeyond(r.To) {
			return true
		}
		for i := range r.Ports {
			port := &r.Ports[i]
			if protocolOf(port) != protocol {
				continue
			}
			if port.Port == nil && reachesBeyond(r.To) {
				return true
			}
			if port.Port == nil {
				continue
			}
			if port.Port.Type == intstr.String {
				if port.Port.StrVal == "dns" || port.Port.StrVal == "dns-tcp" {
					return true
				}
				continue
			}
			first, last := rangeOf(port)
			if first <= dnsPort && dnsPort <= last || first <= dnsPortOpenShift && dnsPortOpenShift <= last {
				return true
			}
		}
	}
	return false
}

// reachesBeyond reports whether peers may hold the DNS servers: everybody, other namespaces, or a wide range.
func reachesBeyond(peers []networkingv1.NetworkPolicyPeer) bool {
	for i := range peers {
		b := newBlock(peers[i].IPBlock)
		switch {
		case b != nil && b.prefix.Bits() <= b.prefix.Addr().BitLen()/4:
			return true
		case peers[i].NamespaceSelector == nil:
		case isEmpty(peers[i].NamespaceSelector), peers[i].NamespaceSelector.MatchLabels[corev1.LabelMetadataName] == "kube-system":
			return true
		}
	}
	return len(peers) == 0
}

// dnsGap is what the policies leave out, for which pods.
type dnsGap struct {
	policy  *networkingv1.NetworkPolicy
	missing string
	advice  string
	pods    []string
}

// reportDNS notes a gap; pods with the same one share a finding.
func (c *checker) reportDNS(report []*networkingv1.NetworkPolicy, who string, missing []corev1.Protocol, advice string) {
	if len(missing) == 0 {
		return
	}
	spelled := fmt.Sprint(missing)
	for _, p := range report {
		i := slices.IndexFunc(c.gaps, func(gap dnsGap) bool { return gap.policy == p && gap.missing == spelled })
		if i < 0 {
			i = len(c.gaps)
			c.gaps = append(c.gaps, dnsGap{policy: p, missing: spelled, advice: advice})
		}
		if !slices.Contains(c.gaps[i].pods, who) {
			c.gaps[i].pods = append(c.gaps[i].pods, who)
		}
	}
}

// tellDNS makes findings of the gaps.
func (c *checker) tellDNS() {
	for _, gap := range c.gaps {
		p, who := gap.policy, someNames(gap.pods)
		named := slices.ContainsFunc(rulesOf(p), func(r ruleView) bool { return r.policyType == networkingv1.PolicyTypeEgress && !onlyBlocks(&r) })
		switch {
		case gap.missing == fmt.Sprint([]corev1.Protocol{corev1.ProtocolTCP}):
			c.found(ruleDNSProtocol, refOf(p), "spec.egress", "DNS is admitted over UDP and not over TCP for "+who+".", gap.advice)
		case !named:
			c.noted(ruleDNS, refOf(p), "spec.egress", "The policy admits addresses alone, and no rule admits DNS for "+who+".", gap.advice)
		default:
			c.found(ruleDNS, refOf(p), "spec.egress", "The policy locks egress down, and no rule admits DNS for "+who+".", gap.advice)
		}
	}
}

// dnsService is the Service of the cluster's DNS, known by its name or label; nil if it is not given with its pods.
func (c *checker) dnsService() *corev1.Service {
	for i := range c.objects.Cluster.Services {
		service := &c.objects.Cluster.Services[i]
		byName := service.Namespace == "kube-system" && service.Name == "kube-dns" || service.Namespace == "openshift-dns" && service.Name == "dns-default"
		if (byName || service.Labels["k8s-app"] == "kube-dns" && service.Namespace == "kube-system") && len(c.behind(service)) > 0 {
			return service
		}
	}
	return nil
}

// checkNodeDNS is about the DNS cache that listens on each node.
func (c *checker) checkNodeDNS(pod *corev1.Pod, locking []*networkingv1.NetworkPolicy) {
	cached := slices.ContainsFunc(c.pods["kube-system"], func(pod *corev1.Pod) bool { return pod.Labels["k8s-app"] == "node-local-dns" })
	if !cached {
		return
	}
	verdict, err := c.evaluator.Verdict(policy.Query{
		From: policy.Pod(pod.Namespace, pod.Name), To: policy.Address(nodeDNSAddress), Port: dnsPort, Protocol: corev1.ProtocolUDP,
	})
	if err != nil || verdict != policy.Deny {
		return
	}
	for _, p := range blamed(locking) {
		c.found(ruleNodeDNS, refOf(p), "spec.egress",
			fmt.Sprintf("The nodes have a DNS cache (node-local-dns), and no rule admits its address %s for %s.", nodeDNSAddress, display(pod)),
			fmt.Sprintf("If pods' resolv.conf names that address, add an egress rule for ipBlock %s/32, port 53, UDP and TCP.", nodeDNSAddress))
	}
}
