package policy

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Verdict is what the policies say about a connection. It is no statement about the wire.
type Verdict string

// The verdicts.
const (
	// Allow: every conforming plugin lets the connection pass.
	Allow Verdict = "allow"
	// Deny: every conforming plugin stops it.
	Deny Verdict = "deny"
	// Depends: the API leaves the answer to the plugin, or to a fact that the cluster snapshot does not hold.
	Depends Verdict = "depends"
)

// Explanation is the trace of a verdict.
type Explanation struct {
	// Query is as it was asked, with the protocol and the family that were meant.
	Query   Query   `json:"query"`
	Verdict Verdict `json:"verdict"`
	// Paths are the ways that the connection can take, in a fixed order: one for each backend of a Service, exactly one for any other
	// target. There is none if a Service has no backend for the port.
	Paths []Path `json:"paths,omitempty"`
	// Doubts say what a Depends verdict depends on; sorted, without repetition. Empty otherwise.
	Doubts []Doubt `json:"doubts,omitempty"`
}

// Path is one way of a connection after the Service address, if any, was translated.
type Path struct {
	// To is who receives the connection: a pod, a node or an address; never a Service.
	To Endpoint `json:"to"`
	// Port is the port at the receiver.
	Port    int32   `json:"port"`
	Verdict Verdict `json:"verdict"`
	// Egress is the source's end, Ingress the destination's.
	Egress  End     `json:"egress"`
	Ingress End     `json:"ingress"`
	Doubts  []Doubt `json:"doubts,omitempty"`
}

// End is what the policies of one side say.
type End struct {
	Direction networkingv1.PolicyType `json:"direction"`
	// Subject is the side whose policies count: the source for egress, the destination for ingress.
	Subject Endpoint `json:"subject"`
	// Peer is the other side.
	Peer    Endpoint `json:"peer"`
	Verdict Verdict  `json:"verdict"`
	// Basis says which rule of the API gave the verdict.
	Basis Basis `json:"basis"`
	// Selecting are the policies that select the subject in this direction, sorted by name. Any of them isolates it; one that admits
	// is enough.
	Selecting []Selection `json:"selecting,omitempty"`
	// Deciding is the rule that admits the connection, or may (verdict Depends). Nil if there is none.
	Deciding *Match `json:"deciding,omitempty"`
	// Misses are the rules that came near, closest first. Only for a denial.
	Misses []Miss `json:"misses,omitempty"`
	// Hints are likely mistakes in policies that decided, or did not apply, sorted by policy.
	Hints []Hint `json:"hints,omitempty"`
	// Doubts say what a Depends verdict depends on.
	Doubts []Doubt `json:"doubts,omitempty"`
}

// Basis is the rule of the NetworkPolicy API that gives an end its verdict.
type Basis string

// The bases.
const (
	// BasisNotPod: the subject is not a pod; policies select pods only. Allowed.
	BasisNotPod Basis = "not-a-pod"
	// BasisNotIsolated: no policy selects the subject in this direction. Allowed.
	BasisNotIsolated Basis = "not-isolated"
	// BasisSelf: a pod cannot block access to itself. Allowed.
	BasisSelf Basis = "self"
	// BasisOwnNode: a pod cannot block its own node. Allowed.
	BasisOwnNode Basis = "own-node"
	// BasisRule: Deciding admits the connection, or may.
	BasisRule Basis = "rule"
	// BasisNoRule: policies select the subject and no rule of theirs admits the connection. Denied.
	BasisNoRule Basis = "no-rule"
)

// PolicyRef names a NetworkPolicy.
type PolicyRef struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// String is namespace/name.
func (r PolicyRef) String() string { return r.Namespace + "/" + r.Name }

// Selection is a policy that selects a subject, and what it would say if it were the only one.
type Selection struct {
	Policy  PolicyRef `json:"policy"`
	Verdict Verdict   `json:"verdict"`
}

// All stands for an index where the list is empty: an empty list of peers or ports admits every one.
const All = -1

// Match is the place in a policy that admits a connection.
type Match struct {
	Policy PolicyRef `json:"policy"`
	// Rule is the index in spec.ingress or spec.egress.
	Rule int `json:"rule"`
	// Peer is the index in from or to, Port the index in ports; All where the list is empty.
	Peer int `json:"peer"`
	Port int `json:"port"`
	// Doubts are empty if the match is certain.
	Doubts []Doubt `json:"doubts,omitempty"`
}

// Miss is a rule that does not admit the connection, and what that is due to.
type Miss struct {
	Policy PolicyRef `json:"policy"`
	// Rule, Peer and Port are indexes as in Match; Rule is All for a policy without any rule in this direction.
	Rule int `json:"rule"`
	Peer int `json:"peer"`
	Port int `json:"port"`
	// Terms are what failed, at least one, in the order of the fields in a policy.
	Terms []Term `json:"terms"`
	// Distance orders misses: 0 would be a match.
	Distance int `json:"distance"`
	// Change is the smallest edit here that admits the connection at this end.
	Change Change `json:"change"`
}

// TermKind names the part of a policy that failed.
type TermKind string

// The kinds of terms.
const (
	// TermNamespace: the policy is in another namespace than the pod that it would select.
	TermNamespace TermKind = "policy-namespace"
	// TermPolicyTypes: the policy has rules for the direction but its policyTypes lack it, so they are ignored.
	TermPolicyTypes TermKind = "policy-types"
	// TermSubjectLabel: spec.podSelector does not select the subject.
	TermSubjectLabel TermKind = "subject-label"
	// TermNoRules: the policy has no rule in this direction.
	TermNoRules TermKind = "no-rules"
	// TermPodLabel: a peer's podSelector does not match the labels of the pod.
	TermPodLabel TermKind = "pod-label"
	// TermNamespaceLabel: a peer's namespaceSelector does not match the labels of the pod's namespace.
	TermNamespaceLabel TermKind = "namespace-label"
	// TermPeerNamespace: a podSelector without namespaceSelector reaches pods of the policy's own namespace only.
	TermPeerNamespace TermKind = "peer-namespace"
	// TermPeerKind: selectors match pods only, and the peer is not one.
	TermPeerKind TermKind = "peer-kind"
	// TermBlock: the address is not in the ipBlock's cidr, or the cidr is of the other family.
	TermBlock TermKind = "cidr"
	// TermExcept: the address is in the cidr and in one of its exceptions.
	TermExcept TermKind = "except"
	// TermPlugin: the ipBlock covers the address, but the plugin is known not to match ipBlocks against such addresses.
	TermPlugin TermKind = "plugin"
	// TermProtocol: the protocol differs. A port without a protocol means TCP.
	TermProtocol TermKind = "protocol"
	// TermPort: the port number is not in the range.
	TermPort TermKind = "port"
	// TermServicePort: the rule gives the Service's port, but policies see the port of the pod.
	TermServicePort TermKind = "service-port"
	// TermNamedPort: the receiver declares no port of that name and protocol with the number.
	TermNamedPort TermKind = "named-port"
)

// Term is one part of a policy that failed for a connection.
type Term struct {
	Kind TermKind `json:"kind"`
	// Field is the path of the part, as in API errors: "spec.ingress[0].from[1].podSelector.matchLabels[app]".
	Field string `json:"field"`
	// Key and Operator are set for labels. A matchLabels entry is an In.
	Key      string                       `json:"key,omitempty"`
	Operator metav1.LabelSelectorOperator `json:"operator,omitempty"`
	// Wanted is what the policy asks for: label values, a cidr, a port such as "80/TCP" or "8000-8080/TCP", a namespace, a direction.
	Wanted []string `json:"wanted,omitempty"`
	// Found is what there is instead. Absent means that there is nothing: no such label, no such named port.
	Found  string `json:"found,omitempty"`
	Absent bool   `json:"absent,omitempty"`
}

// HintKind names a likely mistake.
type HintKind string

// The kinds of hints.
const (
	// HintOtherNamespace: the policy would select the subject if it were in the subject's namespace, and selects nothing in its own.
	HintOtherNamespace HintKind = "other-namespace"
	// HintNearlySelects: the policy selects no pod at all and the subject misses it by a few labels.
	HintNearlySelects HintKind = "nearly-selects"
	// HintPolicyTypes: the policy selects the subject and has rules for this direction, but its policyTypes lack it.
	HintPolicyTypes HintKind = "policy-types"
	// HintSplitPeer: two items of one rule, one with only a namespaceSelector and one with only a podSelector, admit more than the one
	// item that has both.
	HintSplitPeer HintKind = "split-peer"
	// HintDefaultedIngress: the policy has no ingress rules and no policyTypes, so it isolates ingress too.
	HintDefaultedIngress HintKind = "defaulted-ingress"
)

// Hint is a likely mistake in a policy that touches an end.
type Hint struct {
	Kind   HintKind  `json:"kind"`
	Policy PolicyRef `json:"policy"`
	// Field is the place in the policy.
	Field string `json:"field"`
	// Terms are what keeps the policy from applying, if that is the mistake.
	Terms []Term `json:"terms,omitempty"`
}

// Doubt is what a Depends verdict depends on.
type Doubt string

// The doubts.
const (
	// DoubtHostNetwork: whether policies and selectors apply to hostNetwork pods.
	DoubtHostNetwork Doubt = "host-network"
	// DoubtPodBlock: whether an ipBlock matches pod addresses.
	DoubtPodBlock Doubt = "ip-block-over-pod"
	// DoubtNodeBlock: whether an ipBlock matches node addresses.
	DoubtNodeBlock Doubt = "ip-block-over-node"
	// DoubtServiceBlock: whether an ipBlock matches a Service address (filtering before address translation).
	DoubtServiceBlock Doubt = "ip-block-over-service"
	// DoubtAddress: an address that an ipBlock is compared with is not known.
	DoubtAddress Doubt = "address-unknown"
	// DoubtHairpin: whether policies apply to a pod that reaches itself through a Service.
	DoubtHairpin Doubt = "hairpin"
	// DoubtOwnNode: whether egress policies apply towards the pod's own node.
	DoubtOwnNode Doubt = "own-node"
	// DoubtNodeUnknown: which node the pod runs on is not known, and its own node could not be blocked.
	DoubtNodeUnknown Doubt = "node-unknown"
	// DoubtSource: whether the receiver still sees the client's address, or that of a node (NodePort, load balancer).
	DoubtSource Doubt = "source-translation"
	// DoubtPortName: several containers declare the port name with different numbers.
	DoubtPortName Doubt = "port-name-ambiguous"
	// DoubtBackend: the backends of the Service have different verdicts.
	DoubtBackend Doubt = "backend"
	// DoubtNoBackend: the Service has no backend for this port, or its backends are not known.
	DoubtNoBackend Doubt = "no-backend"
	// DoubtUnread: whose address it is, of all that could not be read ([Cluster.Partial]).
	DoubtUnread Doubt = "unread"
)

// protocolOrTCP is the API server's default for a protocol.
func protocolOrTCP(protocol corev1.Protocol) corev1.Protocol {
	if protocol == "" {
		return corev1.ProtocolTCP
	}
	return protocol
}
