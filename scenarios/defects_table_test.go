package scenarios

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podknock/podknock/scenarios/policy"
)

// defect is an engine that is wrong in one way.
type defect struct {
	name string
	// axis is the narrowest one that all wrong cells share; empty where they share none that says it, with the reason in a comment.
	axis AxisName
	// seen is one of the cells that reveal it: SCENARIO/STEP/CELL.
	seen string
	// policy alters how a policy is read, cluster what is known of the cluster; open cells pass whatever policies say, closed ones never.
	policy  func(*networkingv1.NetworkPolicy)
	cluster func(*policy.Cluster, *past)
	open    func(Cell, []AxisName) bool
	closed  func(*ExpandedStep, *Evaluator, Cell) bool
}

var defects = []defect{
	{name: "ingress is ignored", axis: AxisIngress, seen: "deny-all/2/near -> server:8080/TCP (IPv4)",
		cluster: withoutType(networkingv1.PolicyTypeIngress)},
	{name: "egress is ignored", axis: AxisEgress, seen: "deny-all/3/server -> near:8080/TCP (IPv4)",
		cluster: withoutType(networkingv1.PolicyTypeEgress)},
	{name: "except is ignored", axis: AxisIPBlockExcept, seen: "ip-block-except/2/client -> excluded:443/TCP (IPv4)",
		policy: eachPeer(func(p *networkingv1.NetworkPolicyPeer) {
			if p.IPBlock != nil {
				p.IPBlock.Except = nil
			}
		})},
	{name: "ipBlock is ignored, so that every address fits", axis: AxisIPBlock, seen: "ip-block/2/client -> outside:443/TCP (IPv4)",
		policy: eachPeer(func(p *networkingv1.NetworkPolicyPeer) {
			if p.IPBlock != nil && p.IPBlock.CIDR[len(p.IPBlock.CIDR)-2:] != "/0" {
				p.IPBlock.CIDR, p.IPBlock.Except = map[bool]string{true: "::/0", false: "0.0.0.0/0"}[p.IPBlock.CIDR[:4] == "2001"], nil
			}
		})},
	{name: "endPort is ignored", axis: AxisEndPort, seen: "end-port/2/client -> server:8082/TCP (IPv4)",
		policy: eachPort(func(p *networkingv1.NetworkPolicyPort) { p.EndPort = nil })},
	{name: "endPort is one too low", axis: AxisEndPortEdges, seen: "end-port/2/client -> server:8083/TCP (IPv4)", policy: shiftEndPort(-1)},
	{name: "endPort is one too high", axis: AxisEndPortEdges, seen: "end-port/3/client -> server:8084/TCP (IPv4)", policy: shiftEndPort(1)},
	{name: "both selectors of a peer are alternatives", axis: AxisCombinedSelector, seen: "combined-selector/2/near -> server:8080/TCP (IPv4)",
		policy: eachPeers(splitPeers)},
	{name: "the peers of a rule are all needed", axis: AxisSeveralPeers, seen: "several-peers/2/far -> server:8080/TCP (IPv4)",
		policy: eachPeers(mergePeers)},
	{name: "namespaceSelector is ignored", axis: AxisNamespaceSelector, seen: "namespace-selector/2/near -> server:8080/TCP (IPv4)",
		policy: eachPeer(func(p *networkingv1.NetworkPolicyPeer) {
			if p.NamespaceSelector != nil {
				p.NamespaceSelector = &metav1.LabelSelector{}
			}
		})},
	{name: "podSelector of peers is ignored", axis: AxisPodSelector, seen: "combined-selector/2/odd -> server:8080/TCP (IPv4)",
		policy: eachPeer(func(p *networkingv1.NetworkPolicyPeer) {
			if p.PodSelector != nil {
				p.PodSelector = &metav1.LabelSelector{}
			}
		})},
	{name: "NotIn wants the key", axis: AxisMatchNotInAbsent, seen: "match-not-in/2/far -> server:8080/TCP (IPv4)",
		policy: eachSelector(func(s *metav1.LabelSelector) {
			for _, r := range s.MatchExpressions {
				if r.Operator == metav1.LabelSelectorOpNotIn {
					s.MatchExpressions = append(s.MatchExpressions, metav1.LabelSelectorRequirement{Key: r.Key, Operator: metav1.LabelSelectorOpExists})
				}
			}
		})},
	{name: "Exists always matches", axis: AxisMatchExists, seen: "match-exists/2/far -> server:8080/TCP (IPv4)",
		policy: eachSelector(dropOperator(metav1.LabelSelectorOpExists))},
	{name: "Exists wants a value", axis: AxisMatchExists, seen: "match-exists/2/server -> odd:8080/TCP (IPv4)",
		policy: eachRequirement(func(r *metav1.LabelSelectorRequirement) {
			if r.Operator == metav1.LabelSelectorOpExists {
				r.Operator, r.Values = metav1.LabelSelectorOpIn, []string{"web", "db"}
			}
		})},
	{name: "names of ports are looked up in the first container", axis: AxisNamedPortSidecar,
		seen: "named-port-sidecar/2/client -> server:8081/TCP (IPv4)",
		cluster: func(c *policy.Cluster, _ *past) {
			for i := range c.Pods {
				c.Pods[i].Spec.Containers = c.Pods[i].Spec.Containers[:1]
			}
		}},
	{name: "a port's name ignores the protocol", axis: AxisNamedPortProtocol, seen: "named-port-protocol/2/near -> server:8080/UDP (IPv4)",
		cluster: func(c *policy.Cluster, _ *past) {
			for i := range c.Pods {
				if containers := c.Pods[i].Spec.Containers; len(containers[0].Ports) > 0 {
					named := containers[0].Ports[0]
					named.Protocol = corev1.ProtocolUDP
					containers[0].Ports = append(containers[0].Ports, named)
				}
			}
		}},
	{name: "a port's name has one number in all pods", axis: AxisNamedPortPerPod, seen: "named-port-per-pod/2/client -> two:8081/TCP (IPv4)",
		cluster: func(c *policy.Cluster, seen *past) {
			for i := range c.Pods {
				for j := range c.Pods[i].Spec.Containers {
					for k, port := range c.Pods[i].Spec.Containers[j].Ports {
						if port.Name == "http" {
							c.Pods[i].Spec.Containers[j].Ports[k].ContainerPort = 8080
						}
					}
				}
			}
		}},
	{name: "UDP is unfiltered", axis: AxisUDP, seen: "deny-all/2/near -> server:8080/UDP (IPv4)", open: having(AxisUDP)},
	{name: "SCTP is unfiltered", axis: AxisSCTP, seen: "sctp/2/client -> server:8081/SCTP (IPv4)", open: having(AxisSCTP)},
	{name: "IPv6 is unfiltered", axis: AxisIPv6, seen: "deny-all/2/near -> server:8080/TCP (IPv6)", open: having(AxisIPv6)},
	{name: "traffic within a node is unfiltered", axis: AxisSameNode, seen: "same-node/2/client -> server:8080/TCP (IPv4)", open: having(AxisSameNode)},
	{name: "traffic between nodes is unfiltered", axis: AxisOtherNode, seen: "other-node/2/client -> server:8080/TCP (IPv4)", open: having(AxisOtherNode)},
	// Which cells a node has is known after the pods are placed: the judge sees them by node. Here it is the node of every server.
	{name: "one node enforces nothing", seen: "other-node/2/client -> server:8080/TCP (IPv4)",
		open: func(c Cell, _ []AxisName) bool { return c.To.Name == "server" || c.From.Name == "server" }},
	{name: "policies are never removed", axis: AxisPolicyDelete, seen: "policy-delete/3/far -> server:8080/TCP (IPv4)",
		cluster: func(c *policy.Cluster, seen *past) { versions(c, seen.policies) }},
	{name: "the first deletion removes all policies", axis: AxisPolicyDelete, seen: "policy-delete/3/server -> near:8080/TCP (IPv4)",
		cluster: func(c *policy.Cluster, seen *past) {
			if seen.deleted {
				c.Policies = nil
			}
		}},
	{name: "changes of policies are ignored", axis: AxisPolicyUpdate, seen: "policy-update/3/near -> server:8080/TCP (IPv4)",
		cluster: func(c *policy.Cluster, seen *past) { versions(c, seen.first) }},
	{name: "changed labels of pods are ignored", axis: AxisPodLabelChange, seen: "pod-label-change/3/near -> server:8080/TCP (IPv4)",
		cluster: func(c *policy.Cluster, seen *past) {
			for i := range c.Pods {
				if born, ok := seen.pods[c.Pods[i].Name]; ok {
					c.Pods[i].Labels = born
				}
			}
		}},
	{name: "changed labels of namespaces are ignored", axis: AxisNamespaceLabelChange,
		seen: "namespace-label-change/3/far -> server:8080/TCP (IPv4)",
		cluster: func(c *policy.Cluster, seen *past) {
			for i := range c.Namespaces {
				if born, ok := seen.namespaces[c.Namespaces[i].Name]; ok {
					c.Namespaces[i].Labels = born
				}
			}
		}},
	// At the moment of birth. Later the cells are as expected: the time is the evidence.
	{name: "new pods are open for a while", axis: AxisPodBornLater, seen: "pod-born-later/3/server -> near:8080/TCP (IPv4)", open: having(AxisPodBornLater)},
	// What changed last counts. Cells of every change are late: the time is the evidence, and no axis is narrower than all changes.
	{name: "enforcement is late", seen: "deny-all/2/near -> server:8080/TCP (IPv4)",
		open: func(_ Cell, names []AxisName) bool { return slices.Contains(names, AxisPolicyCreate) }},
	{name: "no rules are read as all", axis: AxisDenyAll, seen: "deny-all/2/near -> server:8080/TCP (IPv4)",
		policy: func(p *networkingv1.NetworkPolicy) {
			if len(p.Spec.Ingress) == 0 {
				p.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
			}
			if len(p.Spec.Egress) == 0 && len(p.Spec.PolicyTypes) > 0 {
				p.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
			}
		}},
	{name: "an empty rule is read as none", axis: AxisAllowAll, seen: "allow-all/2/near -> server:8080/TCP (IPv4)",
		policy: func(p *networkingv1.NetworkPolicy) {
			p.Spec.Ingress = slices.DeleteFunc(p.Spec.Ingress, func(r networkingv1.NetworkPolicyIngressRule) bool { return len(r.From)+len(r.Ports) == 0 })
			p.Spec.Egress = slices.DeleteFunc(p.Spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool { return len(r.To)+len(r.Ports) == 0 })
		}},
	{name: "policyTypes are ignored and inferred from the rules", axis: AxisPolicyTypes, seen: "policy-types/2/server -> near:8080/TCP (IPv4)",
		policy: func(p *networkingv1.NetworkPolicy) { p.Spec.PolicyTypes = nil }},
	{name: "policyTypes are ignored and both directions meant", axis: AxisPolicyTypes, seen: "deny-all/2/server -> near:8080/TCP (IPv4)",
		policy: func(p *networkingv1.NetworkPolicy) {
			p.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
		}},
	{name: "only the first policy of a pod counts", axis: AxisStackedPolicies, seen: "stacked-policies/2/near -> server:8080/TCP (IPv4)", cluster: firstOfEachPod},
	{name: "only the first rule of a policy counts", axis: AxisSeveralRules, seen: "several-rules/2/far -> server:8081/TCP (IPv4)",
		policy: func(p *networkingv1.NetworkPolicy) {
			p.Spec.Ingress, p.Spec.Egress = p.Spec.Ingress[:min(1, len(p.Spec.Ingress))], p.Spec.Egress[:min(1, len(p.Spec.Egress))]
		}},
	{name: "only the first peer of a rule counts", axis: AxisSeveralPeers, seen: "several-peers/2/server -> odd:8080/TCP (IPv4)",
		policy: eachPeers(func(p []networkingv1.NetworkPolicyPeer) []networkingv1.NetworkPolicyPeer { return p[:min(1, len(p))] })},
	{name: "only the first port of a rule counts", axis: AxisSeveralPorts, seen: "several-ports/2/near -> server:8080/TCP (IPv4)",
		policy: eachPorts(func(p []networkingv1.NetworkPolicyPort) []networkingv1.NetworkPolicyPort { return p[:min(1, len(p))] })},
	{name: "the ports of rules are ignored", axis: AxisPorts, seen: "port-number/2/near -> server:8081/TCP (IPv4)",
		policy: eachPorts(func([]networkingv1.NetworkPolicyPort) []networkingv1.NetworkPolicyPort { return nil })},
	{name: "what comes by a translated address is unfiltered", axis: AxisTranslated, seen: "services/2/stranger -> web:80/TCP (IPv4)", open: having(AxisTranslated)},
	{name: "DNS is unfiltered", axis: AxisDNS, seen: "dns/2/client -> dns/TCP (IPv4)", open: having(AxisDNS)},
	{name: "DNS over TCP is unfiltered", axis: AxisDNSTCP, seen: "dns/3/client -> dns/TCP (IPv4)", open: having(AxisDNSTCP)},
	{name: "traffic out of the cluster is unfiltered", axis: AxisExternal, seen: "ip-block/2/client -> outside:443/TCP (IPv4)", open: having(AxisExternal)},
	{name: "podSelector of a peer reaches all namespaces", axis: AxisPodSelector, seen: "pod-selector/2/far -> server:8080/TCP (IPv4)",
		policy: eachPeer(func(p *networkingv1.NetworkPolicyPeer) {
			if p.PodSelector != nil && p.NamespaceSelector == nil {
				p.NamespaceSelector = &metav1.LabelSelector{}
			}
		})},
	{name: "a policy is about all pods of its namespace", axis: AxisPolicySelector, seen: "deny-all/2/server -> near:8080/TCP (IPv4)",
		policy: func(p *networkingv1.NetworkPolicy) { p.Spec.PodSelector = metav1.LabelSelector{} }},
	{name: "an empty namespaceSelector matches nothing", axis: AxisNamespaceSelector, seen: "empty-selectors/2/server -> near:8080/TCP (IPv4)",
		policy: eachPeer(func(p *networkingv1.NetworkPolicyPeer) {
			if s := p.NamespaceSelector; s != nil && len(s.MatchLabels)+len(s.MatchExpressions) == 0 {
				s.MatchLabels = map[string]string{"nobody": "has-it"}
			}
		})},
	{name: "namespaces lack the label with their name", axis: AxisNamespaceName, seen: "namespace-name/2/far -> server:8080/TCP (IPv4)",
		policy: eachSelector(func(s *metav1.LabelSelector) {
			if selects(s, corev1.LabelMetadataName) {
				*s = metav1.LabelSelector{MatchLabels: map[string]string{"nobody": "has-it"}}
			}
		})},
	{name: "only the first requirement of a selector counts", axis: AxisSeveralLabels, seen: "several-labels/2/far -> server:8080/TCP (IPv4)",
		policy: eachSelector(func(s *metav1.LabelSelector) {
			if len(s.MatchLabels) > 1 {
				s.MatchLabels = map[string]string{"app": s.MatchLabels["app"]}
			}
			if len(s.MatchLabels) > 0 {
				s.MatchExpressions = nil
			}
		})},
	{name: "In knows its first value alone", axis: AxisMatchIn, seen: "match-in/2/near -> server:8080/TCP (IPv4)",
		policy: eachRequirement(func(r *metav1.LabelSelectorRequirement) {
			if r.Operator == metav1.LabelSelectorOpIn {
				r.Values = r.Values[:1]
			}
		})},
	{name: "DoesNotExist takes an empty value for none", axis: AxisMatchDoesNotExist, seen: "match-does-not-exist/2/server -> odd:8080/TCP (IPv4)",
		policy: eachRequirement(func(r *metav1.LabelSelectorRequirement) {
			if r.Operator == metav1.LabelSelectorOpDoesNotExist {
				r.Operator, r.Values = metav1.LabelSelectorOpNotIn, []string{"web", "db"}
			}
		})},
	{name: "a port without a protocol is one of all protocols", axis: AxisProtocolDefault, seen: "protocol-default/2/near -> server:8080/UDP (IPv4)",
		policy: eachPorts(func(ports []networkingv1.NetworkPolicyPort) []networkingv1.NetworkPolicyPort {
			for _, port := range ports {
				if port.Protocol == nil {
					udp := corev1.ProtocolUDP
					ports = append(ports, networkingv1.NetworkPolicyPort{Port: port.Port, EndPort: port.EndPort, Protocol: &udp})
				}
			}
			return ports
		})},
	{name: "policies of a pod have to agree", axis: AxisStackedPolicies, seen: "stacked-policies/2/near -> server:8080/TCP (IPv4)",
		closed: func(_ *ExpandedStep, e *Evaluator, c Cell) bool {
			explanation, err := e.Explain(c)
			return err == nil && slices.ContainsFunc(explanation.Paths, func(p policy.Path) bool {
				denied := func(s policy.Selection) bool { return s.Verdict == policy.Deny }
				return slices.ContainsFunc(p.Egress.Selecting, denied) || slices.ContainsFunc(p.Ingress.Selecting, denied)
			})
		}},
	{name: "the leave of one end is enough", axis: AxisBothEnds, seen: "both-ends/2/server -> near:8080/TCP (IPv4)",
		open: func(_ Cell, names []AxisName) bool { return slices.Contains(names, AxisBothEnds) }},
	{name: "answers are judged like questions", axis: AxisReplies, seen: "replies/2/near -> server:8080/TCP (IPv4)", closed: reversed},
}

// having is for cells of an axis.
func having(axis AxisName) func(Cell, []AxisName) bool {
	return func(_ Cell, names []AxisName) bool { return slices.Contains(names, axis) }
}

// withoutType removes a direction from all policies, and policies that have no other.
func withoutType(direction networkingv1.PolicyType) func(*policy.Cluster, *past) {
	return func(c *policy.Cluster, _ *past) {
		var kept []networkingv1.NetworkPolicy
		for _, p := range c.Policies {
			var types []networkingv1.PolicyType
			for _, other := range []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress} {
				if governed, _ := governs(&p, other); governed && other != direction {
					types = append(types, other)
				}
			}
			if p.Spec.PolicyTypes = types; len(types) > 0 {
				kept = append(kept, p)
			}
		}
		c.Policies = kept
	}
}

// firstOfEachPod leaves each pod the first policy that selects it.
func firstOfEachPod(c *policy.Cluster, _ *past) {
	policies := c.Policies
	c.Policies = nil
	for i := range c.Pods {
		pod := &c.Pods[i]
		before := maps.Clone(pod.Labels)
		if pod.Labels = maps.Clone(before); pod.Labels == nil {
			pod.Labels = map[string]string{}
		}
		pod.Labels["pod"] = pod.Name
		for _, p := range policies {
			selector, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
			if err == nil && p.Namespace == pod.Namespace && selector.Matches(labels.Set(before)) {
				own := p.DeepCopy()
				own.Name, own.Spec.PodSelector = p.Name+"-"+pod.Name, metav1.LabelSelector{MatchLabels: map[string]string{"pod": pod.Name}}
				c.Policies = append(c.Policies, *own)
				break
			}
		}
	}
}

func eachPeers(change func([]networkingv1.NetworkPolicyPeer) []networkingv1.NetworkPolicyPeer) func(*networkingv1.NetworkPolicy) {
	return func(p *networkingv1.NetworkPolicy) {
		for i := range p.Spec.Ingress {
			p.Spec.Ingress[i].From = change(p.Spec.Ingress[i].From)
		}
		for i := range p.Spec.Egress {
			p.Spec.Egress[i].To = change(p.Spec.Egress[i].To)
		}
	}
}

func eachPeer(change func(*networkingv1.NetworkPolicyPeer)) func(*networkingv1.NetworkPolicy) {
	return eachPeers(func(peers []networkingv1.NetworkPolicyPeer) []networkingv1.NetworkPolicyPeer {
		for i := range peers {
			change(&peers[i])
		}
		return peers
	})
}

func eachPorts(change func([]networkingv1.NetworkPolicyPort) []networkingv1.NetworkPolicyPort) func(*networkingv1.NetworkPolicy) {
	return func(p *networkingv1.NetworkPolicy) {
		for i := range p.Spec.Ingress {
			p.Spec.Ingress[i].Ports = change(p.Spec.Ingress[i].Ports)
		}
		for i := range p.Spec.Egress {
			p.Spec.Egress[i].Ports = change(p.Spec.Egress[i].Ports)
		}
	}
}

func eachPort(change func(*networkingv1.NetworkPolicyPort)) func(*networkingv1.NetworkPolicy) {
	return eachPorts(func(ports []networkingv1.NetworkPolicyPort) []networkingv1.NetworkPolicyPort {
		for i := range ports {
			change(&ports[i])
		}
		return ports
	})
}

func shiftEndPort(by int32) func(*networkingv1.NetworkPolicy) {
	return eachPort(func(p *networkingv1.NetworkPolicyPort) {
		if p.EndPort != nil {
			*p.EndPort += by
			p.Port = &intstr.IntOrString{IntVal: p.Port.IntVal}
		}
	})
}

// eachSelector changes the selectors of peers.
func eachSelector(change func(*metav1.LabelSelector)) func(*networkingv1.NetworkPolicy) {
	return eachPeer(func(p *networkingv1.NetworkPolicyPeer) {
		for _, selector := range []*metav1.LabelSelector{p.PodSelector, p.NamespaceSelector} {
			if selector != nil {
				change(selector)
			}
		}
	})
}

func eachRequirement(change func(*metav1.LabelSelectorRequirement)) func(*networkingv1.NetworkPolicy) {
	return eachSelector(func(s *metav1.LabelSelector) {
		for i := range s.MatchExpressions {
			change(&s.MatchExpressions[i])
		}
	})
}

func dropOperator(operator metav1.LabelSelectorOperator) func(*metav1.LabelSelector) {
	return func(s *metav1.LabelSelector) {
		s.MatchExpressions = slices.DeleteFunc(s.MatchExpressions, func(r metav1.LabelSelectorRequirement) bool { return r.Operator == operator })
	}
}

// splitPeers makes two peers of one with both selectors.
func splitPeers(peers []networkingv1.NetworkPolicyPeer) []networkingv1.NetworkPolicyPeer {
	var split []networkingv1.NetworkPolicyPeer
	for _, peer := range peers {
		if peer.PodSelector == nil || peer.NamespaceSelector == nil {
			split = append(split, peer)
			continue
		}
		split = append(split, networkingv1.NetworkPolicyPeer{PodSelector: peer.PodSelector},
			networkingv1.NetworkPolicyPeer{NamespaceSelector: peer.NamespaceSelector})
	}
	return split
}

// mergePeers makes one peer of several, with the last selector of each kind.
func mergePeers(peers []networkingv1.NetworkPolicyPeer) []networkingv1.NetworkPolicyPeer {
	if len(peers) < 2 || peers[0].IPBlock != nil {
		return peers[:min(1, len(peers))]
	}
	merged := networkingv1.NetworkPolicyPeer{}
	for _, peer := range peers {
		if peer.PodSelector != nil {
			merged.PodSelector = peer.PodSelector
		}
		if peer.NamespaceSelector != nil {
			merged.NamespaceSelector = peer.NamespaceSelector
		}
	}
	return []networkingv1.NetworkPolicyPeer{merged}
}
