package diagnose

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios/policy"
)

const dnsPort = 53

// nameFails: the question is about something with a name, and the name servers stay silent.
func (q *inquiry) nameFails() bool {
	udp, tcp := q.lookups()
	named := q.Question.Name != "" || q.Question.To.Kind == policy.KindService
	return named && q.wanted == ExpectConnected && udp != nil && !answered(udp) && !answered(tcp)
}

// lookups are the questions to the name servers, by UDP and by TCP.
func (q *inquiry) lookups() (udp, tcp *Knock) {
	for _, k := range q.knocks(WayLookup, RoleSource, "") {
		if k.Attempt.DNS != nil && k.Attempt.DNS.TCP {
			tcp = k
		} else {
			udp = k
		}
	}
	return udp, tcp
}

// answered tells whether any name server gave any answer.
func answered(k *Knock) bool {
	if k == nil {
		return false
	}
	return slices.ContainsFunc(k.Result.Queries, func(query probe.Query) bool {
		return query.Code != probe.DNSTimeout && query.Code != probe.DNSUnreachable
	})
}

// silent are the name servers that gave no answer.
func silent(k *Knock) []netip.Addr {
	var servers []netip.Addr
	if k == nil {
		return nil
	}
	for _, query := range k.Result.Queries {
		if (query.Code == probe.DNSTimeout || query.Code == probe.DNSUnreachable) && !slices.Contains(servers, query.Server.Addr()) {
			servers = append(servers, query.Server.Addr())
		}
	}
	return servers
}

// dnsDenied is the verdict on the way to a name server that is not open; nil if none is.
func (q *inquiry) dnsDenied(protocol corev1.Protocol) *policy.Explanation {
	for i := range q.DNS {
		if q.DNS[i].Query.Protocol == protocol && q.DNS[i].Verdict == policy.Deny {
			return &q.DNS[i]
		}
	}
	return nil
}

// lockedOut is the policy that stops the questions to the name servers by UDP, and the sentence that says so. Not ok if names do not fail, or for
// another reason.
func (q *inquiry) lockedOut() (ref policy.PolicyRef, sentence string, ok bool) {
	if !q.nameFails() {
		return policy.PolicyRef{}, "", false
	}
	return q.isolatesEgress(corev1.ProtocolUDP)
}

// isolatesEgress is the first policy that denies the way to a name server by a protocol, and the sentence that says so.
func (q *inquiry) isolatesEgress(protocol corev1.Protocol) (ref policy.PolicyRef, sentence string, ok bool) {
	denied := q.dnsDenied(protocol)
	if denied == nil {
		return policy.PolicyRef{}, "", false
	}
	for _, path := range denied.Paths {
		if path.Egress.Verdict == policy.Deny && len(path.Egress.Selecting) > 0 {
			return path.Egress.Selecting[0].Policy, path.Egress.Sentence(), true
		}
	}
	return policy.PolicyRef{}, "", false
}

// dnsForgotten: egress is locked and nothing admits DNS.
func (q *inquiry) dnsForgotten(*joined) []Finding {
	ref, sentence, ok := q.lockedOut()
	if !ok {
		return nil
	}
	weight := 90
	if q.hostResolver() != "" || q.dnsPodPort() != dnsPort {
		weight = 70
	}
	return one(Finding{
		Because: q.dnsEvidence(sentence), Advice: "whoever locks egress has to admit DNS, over UDP and TCP",
		Fix: q.dnsFix(ref, corev1.ProtocolUDP, corev1.ProtocolTCP), Weight: weight,
	})
}

// dnsEvidence adds to a sentence what the wire said, and that the address itself works, if it does.
func (q *inquiry) dnsEvidence(sentence string) []string {
	because := []string{sentence}
	udp, _ := q.lookups()
	for _, server := range silent(udp) {
		because = append(because, fmt.Sprintf("name server %s does not answer by UDP", server))
	}
	if k := q.knock(WayTarget, RoleSource, ""); k != nil && k.Result.Outcome == probe.Connected {
		because = append(because, fmt.Sprintf("the address itself works: %s", k.Result.Reason))
	}
	return because
}

// dnsFix admits DNS in the egress of a policy.
func (q *inquiry) dnsFix(ref policy.PolicyRef, protocols ...corev1.Protocol) *Fix {
	object := q.policyObject(ref)
	if object == nil {
		return nil
	}
	rule := networkingv1.NetworkPolicyEgressRule{To: q.dnsPeers()}
	for _, protocol := range protocols {
		rule.Ports = append(rule.Ports, networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: portNumber(q.dnsPodPort())})
	}
	operation := policy.Operation{Op: "add", Path: "/spec/egress/-", Value: rule}
	if len(object.Spec.Egress) == 0 {
		operation = policy.Operation{Op: "add", Path: "/spec/egress", Value: []networkingv1.NetworkPolicyEgressRule{rule}}
	}
	return policyFix(ref, "admit DNS", operation)
}

// dnsPeers are the name servers as peers: the pods of kube-dns, or the addresses where no pod has them.
func (q *inquiry) dnsPeers() []networkingv1.NetworkPolicyPeer {
	if q.hostResolver() == "" {
		if service := q.dnsService(); service != nil && len(service.Spec.Selector) > 0 {
			return []networkingv1.NetworkPolicyPeer{{
				NamespaceSelector: selectorOf(corev1.LabelMetadataName, service.Namespace), PodSelector: selectorFrom(service.Spec.Selector),
			}}
		}
	}
	if q.Snapshot.Partial && q.hostResolver() == "" {
		return []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{}}} // wherever the pods of the name service are
	}
	var peers []networkingv1.NetworkPolicyPeer
	for _, server := range q.servers() {
		peers = append(peers, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: netip.PrefixFrom(server, server.BitLen()).String()}})
	}
	return peers
}

// servers are the name servers that were asked.
func (q *inquiry) servers() []netip.Addr {
	var servers []netip.Addr
	udp, tcp := q.lookups()
	for _, k := range []*Knock{udp, tcp} {
		if k == nil {
			continue
		}
		for _, query := range k.Result.Queries {
			if !slices.Contains(servers, query.Server.Addr()) {
				servers = append(servers, query.Server.Addr())
			}
		}
	}
	return servers
}

// dnsService is the Service whose address a name server is; nil if there is none.
func (q *inquiry) dnsService() *corev1.Service {
	for _, server := range q.servers() {
		for i := range q.Snapshot.Services {
			if slices.Contains(q.Snapshot.Services[i].Spec.ClusterIPs, server.String()) {
				return &q.Snapshot.Services[i]
			}
		}
	}
	return nil
}

// dnsPodPort is the port on which the pods of the name server listen: 53 unless their EndpointSlices say otherwise.
func (q *inquiry) dnsPodPort() int32 {
	service := q.dnsService()
	if service == nil {
		return dnsPort
	}
	for i := range q.Snapshot.EndpointSlices {
		slice := &q.Snapshot.EndpointSlices[i]
		if slice.Namespace != service.Namespace || slice.Labels[discoveryv1.LabelServiceName] != service.Name {
			continue
		}
		for _, port := range slice.Ports {
			if port.Port != nil && port.Name != nil && strings.HasPrefix(*port.Name, "dns") {
				return *port.Port
			}
		}
	}
	return dnsPort
}

// hostResolver is the name server that is no pod's: of the node, or link-local as that of NodeLocal DNSCache. Empty if there is none.
func (q *inquiry) hostResolver() string {
	for _, server := range q.servers() {
		if server.IsLinkLocalUnicast() {
			return server.String() + " is a link-local address, as NodeLocal DNSCache has"
		}
		for i := range q.Snapshot.Nodes {
			for _, address := range q.Snapshot.Nodes[i].Status.Addresses {
				if address.Address == server.String() {
					return fmt.Sprintf("%s is an address of node %s", server, q.Snapshot.Nodes[i].Name)
				}
			}
		}
	}
	return ""
}

// dnsOfHost: the resolver is no pod, so that no podSelector admits it.
func (q *inquiry) dnsOfHost(*joined) []Finding {
	ref, sentence, ok := q.lockedOut()
	host := q.hostResolver()
	if !ok || host == "" {
		return nil
	}
	return one(Finding{
		Because: append(q.dnsEvidence(sentence), host), Advice: "selectors match pods alone: admit the resolver by an ipBlock",
		Fix: q.dnsFix(ref, corev1.ProtocolUDP, corev1.ProtocolTCP), Weight: 92,
	})
}

// dnsOtherPort: the DNS pods listen on another port than 53, and the policy admits 53.
func (q *inquiry) dnsOtherPort(*joined) []Finding {
	ref, sentence, ok := q.lockedOut()
	port := q.dnsPodPort()
	if !ok || port == dnsPort {
		return nil
	}
	return one(Finding{
		Because: append(q.dnsEvidence(sentence), fmt.Sprintf("the pods behind the DNS Service listen on %d", port)),
		Advice:  fmt.Sprintf("policies see the port of the pods: admit %d over UDP and TCP", port),
		Fix:     q.dnsFix(ref, corev1.ProtocolUDP, corev1.ProtocolTCP), Weight: 93,
	})
}

// dnsTCP: UDP is answered and TCP is not. It says so whatever the question, because large answers fail.
func (q *inquiry) dnsTCP(*joined) []Finding {
	udp, tcp := q.lookups()
	if tcp == nil || !answered(udp) || answered(tcp) {
		return nil
	}
	finding := Finding{
		Because: []string{"the name servers answer by UDP, and not by TCP"}, Advice: "admit port 53 by TCP too: answers that do not fit a datagram need it", Weight: 46,
	}
	if q.Question.Protocol == corev1.ProtocolTCP && q.isDNSQuestion() {
		finding.Weight = 90
	}
	if ref, sentence, ok := q.isolatesEgress(corev1.ProtocolTCP); ok {
		finding.Because, finding.Fix = append(finding.Because, sentence), q.dnsFix(ref, corev1.ProtocolTCP)
	}
	return one(finding)
}

// isDNSQuestion tells whether what is asked is the name service itself.
func (q *inquiry) isDNSQuestion() bool { return q.Question.Port == dnsPort }

// nameUnknown: the name servers answer, and do not know the name.
func (q *inquiry) nameUnknown(j *joined) []Finding {
	udp, _ := q.lookups()
	if j.outcome != probe.DNSFailure || !answered(udp) {
		return nil
	}
	return one(Finding{
		Because: []string{j.knock.Result.Reason}, Advice: "no policy stops this: correct the name, or create the Service that it means", Weight: 88,
	})
}
