package diagnose

import (
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/scenarios/policy"
)

// apiServer: the API server is no pod, so no selector admits it, and its Service leads to another port.
func (q *inquiry) apiServer(j *joined) []Finding {
	if !q.denied(j) || !q.isAPIServer() {
		return nil
	}
	for _, end := range q.deniedEnds(j) {
		if end.Direction != networkingv1.PolicyTypeEgress || len(end.Selecting) == 0 {
			continue
		}
		addresses, port := q.apiEndpoints()
		if len(addresses) == 0 {
			continue
		}
		ref := end.Selecting[0].Policy
		rule := networkingv1.NetworkPolicyEgressRule{Ports: []networkingv1.NetworkPolicyPort{{Protocol: &q.Question.Protocol, Port: portNumber(port)}}}
		for _, address := range addresses {
			rule.To = append(rule.To, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: netip.PrefixFrom(address, address.BitLen()).String()}})
		}
		operation := policy.Operation{Op: "add", Path: "/spec/egress/-", Value: rule}
		if object := q.policyObject(ref); object == nil || len(object.Spec.Egress) == 0 {
			operation = policy.Operation{Op: "add", Path: "/spec/egress", Value: []networkingv1.NetworkPolicyEgressRule{rule}}
		}
		return one(Finding{
			Because: []string{end.Sentence(), fmt.Sprintf("the API server is no pod: the Service leads to %v, port %d", addresses, port)},
			Advice:  "admit the API server by ipBlocks over its endpoints (Cilium: toEntities kube-apiserver)",
			Fix:     policyFix(ref, "admit the API server's endpoints", operation), Weight: 91,
		})
	}
	return nil
}

func (q *inquiry) isAPIServer() bool {
	to := q.Question.To
	if to.Kind == policy.KindService {
		return to.Namespace == "default" && to.Name == "kubernetes"
	}
	addresses, port := q.apiEndpoints()
	for _, address := range addresses {
		if to.Kind == policy.KindAddress && to.Address == address && q.Question.Port == port {
			return true
		}
	}
	return false
}

// apiEndpoints are the addresses and the port behind the Service of the API server.
func (q *inquiry) apiEndpoints() (addresses []netip.Addr, port int32) {
	for i := range q.Snapshot.EndpointSlices {
		slice := &q.Snapshot.EndpointSlices[i]
		if slice.Namespace != "default" || slice.Labels[discoveryv1.LabelServiceName] != "kubernetes" {
			continue
		}
		for _, endpoint := range slice.Endpoints {
			for _, text := range endpoint.Addresses {
				if address, err := netip.ParseAddr(text); err == nil {
					addresses = append(addresses, address)
				}
			}
		}
		for _, offered := range slice.Ports {
			if offered.Port != nil {
				port = *offered.Port
			}
		}
	}
	return addresses, port
}

// overPods and overNodes: an ipBlock decides about addresses for which plugins differ.
func (q *inquiry) overPods(j *joined) []Finding {
	return q.byDoubt(j, policy.DoubtPodBlock, "plugins differ in whether an ipBlock matches the address of a pod: select the pod by its labels instead")
}

func (q *inquiry) overNodes(j *joined) []Finding {
	return q.byDoubt(j, policy.DoubtNodeBlock, "plugins differ in whether an ipBlock matches the address of a node (Cilium: policy-cidr-match-mode, or an entity)")
}

// byDoubt are the causes that a doubt about the plugin tells.
func (q *inquiry) byDoubt(j *joined, doubt policy.Doubt, advice string) []Finding {
	if j.verdict != policy.Depends {
		return nil
	}
	for _, end := range q.bothEnds(j) {
		if !contains(end.Doubts, doubt) {
			continue
		}
		finding := Finding{Because: []string{end.Sentence()}, Advice: advice, Weight: 82}
		if doubt == policy.DoubtPodBlock && end.Deciding != nil && end.Deciding.Peer != policy.All {
			if peer := q.selectingPeer(end); peer != nil {
				finding.Fix = policyFix(end.Deciding.Policy, "select the pod instead of its address", policy.Operation{
					Op: "replace", Value: peer,
					Path: fmt.Sprintf("/spec/%s/%d/%s/%d", direction(end.Direction), end.Deciding.Rule, peerField(end.Direction), end.Deciding.Peer),
				})
			}
		}
		return one(finding)
	}
	return nil
}

// selectingPeer selects the pod at the other side of an end by its labels.
func (q *inquiry) selectingPeer(end *policy.End) *networkingv1.NetworkPolicyPeer {
	pod := q.Snapshot.pod(end.Peer)
	if pod == nil || len(lasting(pod.Labels)) == 0 {
		return nil
	}
	peer := &networkingv1.NetworkPolicyPeer{PodSelector: selectorFrom(lasting(pod.Labels))}
	if pod.Namespace != end.Subject.Namespace {
		peer.NamespaceSelector = selectorOf(corev1.LabelMetadataName, pod.Namespace)
	}
	return peer
}

// lasting are the labels that stay when a pod is replaced.
func lasting(labels map[string]string) map[string]string {
	kept := map[string]string{}
	for key, value := range labels {
		if !strings.HasSuffix(key, "-hash") && !strings.Contains(key, "controller-uid") && !strings.Contains(key, "pod-index") && !strings.Contains(key, "pod-name") {
			kept[key] = value
		}
	}
	return kept
}

// sourceOnHost: the source is in the network of its node, so that selectors do not see it. An ingress controller, most often.
func (q *inquiry) sourceOnHost(j *joined) []Finding {
	pod := q.Snapshot.pod(q.Question.From)
	if pod == nil || !pod.Spec.HostNetwork || q.wanted != ExpectConnected || j.verdict == policy.Allow {
		return nil
	}
	finding := Finding{
		Because: []string{fmt.Sprintf("pod %s/%s is in the network of node %s: to a policy it is that node, not a pod with labels", pod.Namespace, pod.Name, pod.Spec.NodeName)},
		Advice:  "admit the addresses of the nodes by ipBlocks, or what the platform offers for host traffic", Weight: 89,
	}
	for _, end := range q.bothEnds(j) {
		if end.Direction != networkingv1.PolicyTypeIngress || len(end.Selecting) == 0 {
			continue
		}
		ref := end.Selecting[0].Policy
		finding.Because = append(finding.Because, end.Sentence())
		rule := networkingv1.NetworkPolicyIngressRule{Ports: []networkingv1.NetworkPolicyPort{{Protocol: &q.Question.Protocol, Port: portNumber(q.Question.PodPort)}}}
		for _, address := range q.nodeAddresses(pod.Spec.NodeName) {
			rule.From = append(rule.From, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: netip.PrefixFrom(address, address.BitLen()).String()}})
		}
		if object := q.policyObject(ref); object != nil && len(object.Spec.Ingress) > 0 && len(rule.From) > 0 {
			finding.Fix = policyFix(ref, "admit the node's addresses", policy.Operation{Op: "add", Path: "/spec/ingress/-", Value: rule})
		}
	}
	return one(finding)
}

// nodeAddresses are the internal addresses of a node.
func (q *inquiry) nodeAddresses(name string) []netip.Addr {
	node := q.Snapshot.node(name)
	if node == nil {
		return nil
	}
	var addresses []netip.Addr
	for _, listed := range node.Status.Addresses {
		if address, err := netip.ParseAddr(listed.Address); err == nil && listed.Type == corev1.NodeInternalIP {
			addresses = append(addresses, address)
		}
	}
	return addresses
}

// targetOnHost: the destination is in the network of its node, which no NetworkPolicy protects.
func (q *inquiry) targetOnHost(j *joined) []Finding {
	pod := q.Snapshot.pod(q.Question.Pod)
	if pod == nil || !pod.Spec.HostNetwork || q.wanted != ExpectBlocked && j.agrees() {
		return nil
	}
	if !passed(j.outcome) && j.outcome != "" {
		return nil
	}
	finding := Finding{
		Because: []string{fmt.Sprintf("pod %s/%s is in the network of node %s", pod.Namespace, pod.Name, pod.Spec.NodeName)},
		Advice:  "what a policy does to hostNetwork pods is left to the plugin, and most do nothing: protect the node's port by other means", Weight: 92,
	}
	for _, end := range q.bothEnds(j) {
		if end.Direction == networkingv1.PolicyTypeIngress {
			finding.Because = append(finding.Because, end.Sentence())
		}
	}
	return one(finding)
}

// ownNode: traffic from the pod's own node is always admitted.
func (q *inquiry) ownNode(j *joined) []Finding {
	if q.wanted != ExpectBlocked || !passed(j.outcome) && j.outcome != "" {
		return nil
	}
	for _, end := range q.bothEnds(j) {
		if end.Basis == policy.BasisOwnNode {
			return one(Finding{
				Because: []string{end.Sentence()},
				Advice:  "that is so by specification, so that kubelets can probe: no policy changes it", Weight: 90,
			})
		}
	}
	return nil
}

// webhook: the destination serves an admission webhook, and does not admit the API server.
func (q *inquiry) webhook(j *joined) []Finding {
	if q.Question.Pod.Kind != policy.KindPod {
		return nil
	}
	name := q.webhookOf(q.Question.Pod)
	if name == "" || !q.denied(j) || q.Question.From.Kind == policy.KindPod && !q.isHost(q.Question.From) {
		return nil
	}
	for _, end := range q.deniedEnds(j) {
		if end.Direction == networkingv1.PolicyTypeIngress {
			finding := Finding{
				Because: []string{end.Sentence(), name + " calls this pod from the API server, which no selector matches"},
				Advice:  "admit the addresses of the control plane to the webhook's port", Weight: 93,
			}
			if len(end.Misses) > 0 {
				finding.Fix = q.changeFix(end.Misses[0].Change)
			}
			return one(finding)
		}
	}
	return nil
}

func (q *inquiry) isHost(e policy.Endpoint) bool {
	pod := q.Snapshot.pod(e)
	return pod != nil && pod.Spec.HostNetwork
}

// webhookOf is the webhook whose Service leads to a pod; empty if there is none.
func (q *inquiry) webhookOf(e policy.Endpoint) string {
	pod := q.Snapshot.pod(e)
	if pod == nil {
		return ""
	}
	leads := func(namespace, name string) bool {
		service := q.Snapshot.service(policy.Service(namespace, name))
		return service != nil && namespace == pod.Namespace && selectsPod(service.Spec.Selector, pod)
	}
	for i := range q.Snapshot.Validating {
		for _, hook := range q.Snapshot.Validating[i].Webhooks {
			if s := hook.ClientConfig.Service; s != nil && leads(s.Namespace, s.Name) {
				return "validating webhook " + hook.Name
			}
		}
	}
	for i := range q.Snapshot.Mutating {
		for _, hook := range q.Snapshot.Mutating[i].Webhooks {
			if s := hook.ClientConfig.Service; s != nil && leads(s.Namespace, s.Name) {
				return "mutating webhook " + hook.Name
			}
		}
	}
	return ""
}

// selectsPod tells whether a Service's selector matches a pod.
func selectsPod(selector map[string]string, pod *corev1.Pod) bool {
	for key, value := range selector {
		if pod.Labels[key] != value {
			return false
		}
	}
	return len(selector) > 0
}
