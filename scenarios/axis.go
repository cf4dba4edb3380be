package scenarios

// AxisName names one thing that an engine can get right or wrong on its own, in kebab-case. [Axes] is the closed list.
type AxisName string

// AxisGroup puts axes of one kind together.
type AxisGroup string

// The groups, in the order of [Axes].
const (
	GroupDirection AxisGroup = "direction"
	GroupSelector  AxisGroup = "selector"
	GroupPeer      AxisGroup = "peer"
	GroupPort      AxisGroup = "port"
	GroupRule      AxisGroup = "rule"
	GroupProtocol  AxisGroup = "protocol"
	GroupFamily    AxisGroup = "family"
	GroupPlacement AxisGroup = "placement"
	GroupPath      AxisGroup = "path"
	GroupLifecycle AxisGroup = "lifecycle"
	GroupTrait     AxisGroup = "trait"
)

// Values lists the closed set.
func (AxisGroup) Values() []string {
	return []string{
		string(GroupDirection), string(GroupSelector), string(GroupPeer), string(GroupPort), string(GroupRule), string(GroupProtocol),
		string(GroupFamily), string(GroupPlacement), string(GroupPath), string(GroupLifecycle), string(GroupTrait),
	}
}

// Axis describes one axis.
type Axis struct {
	Name AxisName `json:"name"`
	// Title is a few words for tables.
	Title string    `json:"title"`
	Group AxisGroup `json:"group"`
	// About is a sentence: what holds where the axis is enforced.
	About string `json:"about"`
	// Implied says that each cell shows by itself whether the axis is its own, so that no scenario declares it.
	Implied bool `json:"implied,omitempty"`
	// Unjudged says that the NetworkPolicy API leaves the answer to the plugin, so that it is reported and never judged.
	Unjudged bool `json:"unjudged,omitempty"`
	// Measured says that no scenario has the axis, because a cell is a new connection and the axis is not about those.
	Measured bool `json:"measured,omitempty"`
}

// The axes, by group. What each means stands in [Axes].
const (
	AxisIngress AxisName = "ingress"
	AxisEgress  AxisName = "egress"

	AxisPolicySelector    AxisName = "policy-selector"
	AxisPodSelector       AxisName = "pod-selector"
	AxisNamespaceSelector AxisName = "namespace-selector"
	AxisNamespaceName     AxisName = "namespace-name"
	AxisCombinedSelector  AxisName = "combined-selector"
	AxisSeveralLabels     AxisName = "several-labels"
	AxisMatchIn           AxisName = "match-in"
	AxisMatchNotIn        AxisName = "match-not-in"
	AxisMatchNotInAbsent  AxisName = "match-not-in-absent-key"
	AxisMatchExists       AxisName = "match-exists"
	AxisMatchDoesNotExist AxisName = "match-does-not-exist"

	AxisIPBlock       AxisName = "ip-block"
	AxisIPBlockExcept AxisName = "ip-block-except"
	AxisSeveralPeers  AxisName = "several-peers"

	AxisPorts             AxisName = "ports"
	AxisPortNumber        AxisName = "port-number"
	AxisSeveralPorts      AxisName = "several-ports"
	AxisNamedPort         AxisName = "named-port"
	AxisNamedPortPerPod   AxisName = "named-port-per-pod"
	AxisNamedPortProtocol AxisName = "named-port-protocol"
	AxisNamedPortSidecar  AxisName = "named-port-sidecar"
	AxisEndPort           AxisName = "end-port"
	AxisEndPortEdges      AxisName = "end-port-edges"
	AxisProtocolDefault   AxisName = "protocol-default"

	AxisDenyAll         AxisName = "deny-all"
	AxisAllowAll        AxisName = "allow-all"
	AxisPolicyTypes     AxisName = "policy-types"
	AxisSeveralRules    AxisName = "several-rules"
	AxisPeerAndPort     AxisName = "peer-and-port"
	AxisStackedPolicies AxisName = "stacked-policies"
	AxisBothEnds        AxisName = "both-ends"
	AxisReplies         AxisName = "replies"

	AxisTCP  AxisName = "tcp"
	AxisUDP  AxisName = "udp"
	AxisSCTP AxisName = "sctp"

	AxisIPv4 AxisName = "ipv4"
	AxisIPv6 AxisName = "ipv6"

	AxisSameNode  AxisName = "same-node"
	AxisOtherNode AxisName = "other-node"

	AxisPodIP       AxisName = "pod-ip"
	AxisTranslated  AxisName = "translated-address"
	AxisClusterIP   AxisName = "cluster-ip"
	AxisHeadless    AxisName = "headless"
	AxisServiceName AxisName = "service-name"
	AxisNodePort    AxisName = "node-port"
	AxisNodeIP      AxisName = "node-ip"
	AxisDNS         AxisName = "dns"
	AxisDNSUDP      AxisName = "dns-udp"
	AxisDNSTCP      AxisName = "dns-tcp"
	AxisExternal    AxisName = "external"

	AxisPolicyCreate         AxisName = "policy-create"
	AxisPolicyUpdate         AxisName = "policy-update"
	AxisPolicyDelete         AxisName = "policy-delete"
	AxisPodLabelChange       AxisName = "pod-label-change"
	AxisNamespaceLabelChange AxisName = "namespace-label-change"
	AxisPodBornLater         AxisName = "pod-born-later"

	AxisHostNetwork    AxisName = "host-network"
	AxisLoopback       AxisName = "loopback"
	AxisOwnNode        AxisName = "own-node"
	AxisHeldConnection AxisName = "held-connection"
)

// axes is the list, by group.
var axes = []Axis{
	{Name: AxisIngress, Title: "ingress", Group: GroupDirection, Implied: true,
		About: "A pod that a policy selects for ingress receives only what a rule admits."},
	{Name: AxisEgress, Title: "egress", Group: GroupDirection, Implied: true,
		About: "A pod that a policy selects for egress sends only what a rule admits."},

	{Name: AxisPolicySelector, Title: "pods of a policy", Group: GroupSelector,
		About: "A policy is about the pods of its own namespace that its podSelector matches, about all of them if it is empty, and about no others."},
	{Name: AxisPodSelector, Title: "podSelector of a peer", Group: GroupSelector,
		About: "A peer with a podSelector alone is the pods with these labels in the policy's own namespace."},
	{Name: AxisNamespaceSelector, Title: "namespaceSelector", Group: GroupSelector,
		About: "A peer with a namespaceSelector alone is every pod of the namespaces with these labels, of all of them if it is empty."},
	{Name: AxisNamespaceName, Title: "name of a namespace", Group: GroupSelector,
		About: "Every namespace has the label kubernetes.io/metadata.name, which selects it by its name."},
	{Name: AxisCombinedSelector, Title: "podSelector and namespaceSelector", Group: GroupSelector,
		About: "A peer with both selectors is the pods with these labels in the namespaces with those: both have to match."},
	{Name: AxisSeveralLabels, Title: "several labels", Group: GroupSelector,
		About: "A selector with several requirements matches what meets all of them."},
	{Name: AxisMatchIn, Title: "In", Group: GroupSelector,
		About: "An expression In matches where the label has one of the values."},
	{Name: AxisMatchNotIn, Title: "NotIn", Group: GroupSelector,
		About: "An expression NotIn does not match where the label has one of the values, and matches where it has another."},
	{Name: AxisMatchNotInAbsent, Title: "NotIn without the key", Group: GroupSelector,
		About: "An expression NotIn also matches where the label is absent."},
	{Name: AxisMatchExists, Title: "Exists", Group: GroupSelector,
		About: "An expression Exists matches where the label is there, whatever its value, even an empty one."},
	{Name: AxisMatchDoesNotExist, Title: "DoesNotExist", Group: GroupSelector,
		About: "An expression DoesNotExist matches where the label is absent."},

	{Name: AxisIPBlock, Title: "ipBlock", Group: GroupPeer,
		About: "An ipBlock admits the addresses of its range, and no others."},
	{Name: AxisIPBlockExcept, Title: "except", Group: GroupPeer,
		About: "The exceptions of an ipBlock are not admitted by it."},
	{Name: AxisSeveralPeers, Title: "several peers", Group: GroupPeer,
		About: "The peers of a rule are alternatives: any of them is enough, also a namespaceSelector and a podSelector in two items."},

	{Name: AxisPorts, Title: "ports of a rule", Group: GroupPort,
		About: "A rule with ports, however they are written, admits these alone."},
	{Name: AxisPortNumber, Title: "port number", Group: GroupPort,
		About: "A rule with a port admits that port of the pod, and no other."},
	{Name: AxisSeveralPorts, Title: "several ports", Group: GroupPort,
		About: "The ports of a rule are alternatives: each of them is admitted."},
	{Name: AxisNamedPort, Title: "named port", Group: GroupPort,
		About: "A rule with the name of a port admits the port of the receiving pod that has the name."},
	{Name: AxisNamedPortPerPod, Title: "named port with a number per pod", Group: GroupPort,
		About: "A port's name means the number that each pod gives it."},
	{Name: AxisNamedPortProtocol, Title: "named port and protocol", Group: GroupPort,
		About: "A port's name means the port that has both the name and the rule's protocol."},
	{Name: AxisNamedPortSidecar, Title: "named port of another container", Group: GroupPort,
		About: "A port's name is that of any container of the pod, not of the first alone."},
	{Name: AxisEndPort, Title: "endPort", Group: GroupPort,
		About: "A rule with an endPort admits the whole range of ports, and nothing outside."},
	{Name: AxisEndPortEdges, Title: "edges of endPort", Group: GroupPort,
		About: "The first and the last port of a range are in it, the ones before and after are not."},
	{Name: AxisProtocolDefault, Title: "protocol omitted", Group: GroupPort,
		About: "A port without a protocol is one of TCP alone."},

	{Name: AxisDenyAll, Title: "no rules", Group: GroupRule,
		About: "A policy without a rule admits nothing."},
	{Name: AxisAllowAll, Title: "an empty rule", Group: GroupRule,
		About: "An empty rule admits everything."},
	{Name: AxisPolicyTypes, Title: "policyTypes", Group: GroupRule,
		About: "A policy is about the directions in policyTypes alone; without them about ingress, and about egress if it has egress rules."},
	{Name: AxisSeveralRules, Title: "several rules", Group: GroupRule,
		About: "The rules of a policy are alternatives: any of them is enough."},
	{Name: AxisPeerAndPort, Title: "peer and port of one rule", Group: GroupRule,
		About: "A rule with peers and ports admits what fits both."},
	{Name: AxisStackedPolicies, Title: "several policies", Group: GroupRule,
		About: "Policies add up: what any policy of a pod admits is admitted."},
	{Name: AxisBothEnds, Title: "both ends", Group: GroupRule,
		About: "A connection needs the egress policies of its source and the ingress policies of its destination."},
	{Name: AxisReplies, Title: "answers", Group: GroupRule,
		About: "The answers of an admitted connection pass, whatever the policies of the other direction say."},

	{Name: AxisTCP, Title: "TCP", Group: GroupProtocol, Implied: true, About: "Policies govern TCP."},
	{Name: AxisUDP, Title: "UDP", Group: GroupProtocol, Implied: true, About: "Policies govern UDP."},
	{Name: AxisSCTP, Title: "SCTP", Group: GroupProtocol, Implied: true, About: "Policies govern SCTP."},

	{Name: AxisIPv4, Title: "IPv4", Group: GroupFamily, Implied: true, About: "Policies govern IPv4."},
	{Name: AxisIPv6, Title: "IPv6", Group: GroupFamily, Implied: true, About: "Policies govern IPv6."},

	{Name: AxisSameNode, Title: "same node", Group: GroupPlacement, Implied: true,
		About: "Policies govern the traffic between two pods of one node."},
	{Name: AxisOtherNode, Title: "across nodes", Group: GroupPlacement, Implied: true,
		About: "Policies govern the traffic between pods of different nodes."},

	{Name: AxisPodIP, Title: "pod IP", Group: GroupPath, Implied: true, About: "Policies govern knocks on a pod's address."},
	{Name: AxisTranslated, Title: "translated address", Group: GroupPath, Implied: true,
		About: "Policies govern knocks on an address that stands for a pod, that of a Service or of a node's port."},
	{Name: AxisClusterIP, Title: "ClusterIP", Group: GroupPath, Implied: true,
		About: "Policies govern knocks on a Service's address, by the pod behind it and its port."},
	{Name: AxisHeadless, Title: "headless Service", Group: GroupPath, Implied: true,
		About: "Policies govern knocks on the addresses that a headless Service's name resolves to."},
	{Name: AxisServiceName, Title: "name of a Service", Group: GroupPath, Implied: true,
		About: "Policies govern knocks by the name of a Service, which is resolved first."},
	{Name: AxisNodePort, Title: "NodePort", Group: GroupPath, Implied: true,
		About: "Policies govern knocks on a node's port that belongs to a Service, by the pod behind it."},
	{Name: AxisNodeIP, Title: "address of a node", Group: GroupPath, Implied: true,
		About: "Egress policies govern knocks on the address of another node."},
	{Name: AxisDNS, Title: "DNS", Group: GroupPath, Implied: true, About: "Egress policies govern questions to the cluster's DNS."},
	{Name: AxisDNSUDP, Title: "DNS over UDP", Group: GroupPath, Implied: true, About: "Egress policies govern DNS over UDP."},
	{Name: AxisDNSTCP, Title: "DNS over TCP", Group: GroupPath, Implied: true, About: "Egress policies govern DNS over TCP."},
	{Name: AxisExternal, Title: "outside the cluster", Group: GroupPath, Implied: true,
		About: "Egress policies govern knocks on hosts outside the cluster."},

	{Name: AxisPolicyCreate, Title: "new policy", Group: GroupLifecycle, About: "A new policy takes effect."},
	{Name: AxisPolicyUpdate, Title: "changed policy", Group: GroupLifecycle, About: "The change of a policy takes effect."},
	{Name: AxisPolicyDelete, Title: "deleted policy", Group: GroupLifecycle, About: "A deleted policy has no effect any more, and the others keep theirs."},
	{Name: AxisPodLabelChange, Title: "changed label of a pod", Group: GroupLifecycle,
		About: "Policies follow the labels that a pod has at the moment."},
	{Name: AxisNamespaceLabelChange, Title: "changed label of a namespace", Group: GroupLifecycle,
		About: "Policies follow the labels that a namespace has at the moment."},
	{Name: AxisPodBornLater, Title: "pod born after the policy", Group: GroupLifecycle,
		About: "Policies hold for pods that come into being after them, as source and as destination."},

	{Name: AxisHostNetwork, Title: "pod on the host network", Group: GroupTrait, Implied: true, Unjudged: true,
		About: "Whether selectors match pods on the host network is up to the plugin."},
	{Name: AxisLoopback, Title: "a pod to itself", Group: GroupTrait, Implied: true, Unjudged: true,
		About: "Whether a pod that policies isolate reaches itself, by its address or through a Service, is up to the plugin."},
	{Name: AxisOwnNode, Title: "a pod and its own node", Group: GroupTrait, Implied: true, Unjudged: true,
		About: "Whether policies govern the traffic between a pod and its own node is up to the plugin; that from the node cannot be blocked."},
	{Name: AxisHeldConnection, Title: "connection held across a change", Group: GroupTrait, Unjudged: true, Measured: true,
		About: "Whether a connection outlives a policy that forbids it is up to the plugin."},
}

// Axes lists all axes, by group, in a fixed order. The caller may change the result.
func Axes() []Axis { return append([]Axis(nil), axes...) }

// AxisNamed describes the axis with a name. ok is false if there is none.
func AxisNamed(name AxisName) (axis Axis, ok bool) {
	for _, axis := range axes {
		if axis.Name == name {
			return axis, true
		}
	}
	return Axis{}, false
}

// Values lists the axes that a file may declare, for the schema and for messages.
func (AxisName) Values() []string {
	var names []string
	for _, axis := range axes {
		if !axis.Implied {
			names = append(names, string(axis.Name))
		}
	}
	return names
}
