package lint

// Rule is one kind of finding.
type Rule struct {
	ID string `json:"id"`
	// Severity is that of its findings; some are only a note where too little is known for a warning.
	Severity Severity `json:"severity"`
	// About says in one sentence what is found, Why what it leads to.
	About string `json:"about"`
	Why   string `json:"why"`
}

// The IDs of the rules.
const (
	ruleInvalid           = "invalid-object"
	ruleSpelling          = "ambiguous-cidr"
	ruleForeign           = "other-policy-api"
	ruleEmptyKey          = "empty-key"
	ruleOtherNamespace    = "other-namespace"
	ruleSelectsNothing    = "selects-nothing"
	ruleSelectsAll        = "selects-all"
	ruleHostNetwork       = "host-network"
	ruleNodeNotCovered    = "node-not-covered"
	ruleSecondInterface   = "second-interface"
	ruleSidecar           = "sidecar-proxy"
	ruleTypesMissing      = "types-missing"
	ruleTypesDefaulted    = "types-defaulted"
	ruleNamespaceLabel    = "namespace-label"
	rulePeerNamespace     = "peer-namespace"
	rulePeerNothing       = "peer-matches-nothing"
	ruleSplitPeer         = "split-peer"
	ruleHostNetworkPeer   = "host-network-peer"
	ruleBlockOverPods     = "ip-block-over-pods"
	ruleBlockOverNodes    = "ip-block-over-nodes"
	ruleBlockOverServices = "ip-block-over-services"
	ruleOneFamily         = "one-family"
	ruleServicePort       = "service-port"
	ruleNamedPort         = "named-port"
	ruleNamedPortDiffers  = "named-port-differs"
	ruleProtocol          = "protocol"
	rulePortUndeclared    = "port-undeclared"
	ruleEndPort           = "end-port"
	ruleDNS               = "dns-forgotten"
	ruleDNSProtocol       = "dns-over-tcp"
	ruleNodeDNS           = "node-local-dns"
	ruleNoEffect          = "no-effect"
	ruleDeny              = "deny-without-effect"
	ruleOneEnd            = "one-end-only"
	ruleSourceTranslated  = "source-translated"
	ruleServiceNothing    = "service-selects-nothing"
	ruleServiceTarget     = "service-target"
	ruleWebhook           = "webhook-isolated"
	ruleSharedAddress     = "shared-address"
)

// rules are in the order of the parts of a policy.
var rules = []Rule{
	{ruleInvalid, Error, "The API server would reject the object, or an object is given twice.", "It is never applied."},
	{ruleSpelling, Warning, "A cidr is spelled in a way that not all read alike.", "The API server warns; plugins may match other addresses."},
	{ruleForeign, Note, "A policy of another API is there.", "It may decide before or beside NetworkPolicies, and is not looked at."},
	{ruleEmptyKey, Warning, "A key is written without a value.", "The API server drops it, and what is left often means everything."},
	{ruleOtherNamespace, Warning, "A policy selects nothing where it is, and would select pods of another namespace.", "Policies act in their own namespace alone: those pods stay open."},
	{ruleSelectsNothing, Warning, "A policy selects no pod of its namespace.", "It has no effect: the pods that it means stay open."},
	{ruleSelectsAll, Note, "A policy selects every pod, and its ports fit only some of them.", "The others are isolated too."},
	{ruleHostNetwork, Warning, "A policy selects pods on the host network.", "Most plugins cannot enforce it there."},
	{ruleNodeNotCovered, Warning, "A policy selects pods on Windows, Fargate or virtual nodes.", "The policy engine often does not run there."},
	{ruleSecondInterface, Note, "A selected pod has further network interfaces.", "NetworkPolicies govern the first alone."},
	{ruleSidecar, Note, "A selected pod has a proxy sidecar.", "The proxy may answer handshakes that never arrive, and re-source traffic."},
	{ruleTypesMissing, Warning, "A policy has rules of a type that its policyTypes lacks.", "These rules are ignored."},
	{ruleTypesDefaulted, Warning, "A policy has egress rules alone and no policyTypes.", "It isolates the pods for ingress, too."},
	{ruleNamespaceLabel, Warning, "A namespaceSelector asks for a label or a name that no namespace has.", "The peer admits nobody."},
	{rulePeerNamespace, Warning, "A podSelector without a namespaceSelector means pods of another namespace.", "It matches pods of the policy's own namespace alone, so it admits nobody."},
	{rulePeerNothing, Warning, "The selectors of a peer match no pod.", "The peer admits nobody. A note where not all pods are known."},
	{ruleSplitPeer, Warning, "A namespaceSelector and a podSelector are two items of a list where one item with both seems meant.", "Either admits alone: far more than both together. A note where both make sense alone."},
	{ruleHostNetworkPeer, Warning, "A peer matches pods on the host network alone.", "Their traffic comes from the address of a node, which selectors do not match."},
	{ruleBlockOverPods, Warning, "An ipBlock covers addresses of pods.", "Plugins differ on whether it matches them."},
	{ruleBlockOverNodes, Warning, "An ipBlock covers addresses of nodes.", "Plugins differ on whether it matches them."},
	{ruleBlockOverServices, Warning, "An ipBlock covers the address of a Service and not what is behind it.", "Most plugins see the address after its translation."},
	{ruleOneFamily, Note, "A rule opens all addresses of one IP family, and the pods have both.", "Connections of the other family are blocked."},
	{ruleServicePort, Warning, "A rule gives the port of a Service that its pods do not listen on.", "Policies see the port of the pod, the Service's targetPort."},
	{ruleNamedPort, Warning, "A named port that the pods do not declare, or not with this protocol.", "The rule admits nothing there."},
	{ruleNamedPortDiffers, Note, "A named port is another number on different pods.", "Some plugins resolve it once for all."},
	{ruleProtocol, Warning, "A port is admitted for one protocol, and the pods declare it for another alone.", "A rule without a protocol means TCP."},
	{rulePortUndeclared, Note, "A port that none of the pods declares.", "Often a port of something else, or a mistyped one."},
	{ruleEndPort, Note, "An endPort that says nothing.", "The rule is harder to read than it need be."},
	{ruleDNS, Warning, "Pods are isolated for egress, have rules, and cannot ask the cluster's DNS.", "Names do not resolve, and what is admitted cannot be reached by name."},
	{ruleDNSProtocol, Note, "DNS is admitted over one protocol alone.", "Large answers come over TCP; without it such names fail now and then."},
	{ruleNodeDNS, Warning, "The cluster has a DNS cache on each node that the policies do not admit.", "Where pods ask it at its own address, names do not resolve."},
	{ruleNoEffect, Note, "A policy adds nothing to another one.", "Without it the same connections would be admitted."},
	{ruleDeny, Warning, "A policy without rules means to deny what another one admits to everybody.", "Policies add up, none overrides another: everything stays admitted."},
	{ruleOneEnd, Warning, "A rule admits a peer whose own policies stop the connection.", "A connection needs the egress of its source and the ingress of its destination."},
	{ruleSourceTranslated, Warning, "An ipBlock is to match clients that come through a node port or load balancer.", "With externalTrafficPolicy Cluster the pod may see the address of a node instead."},
	{ruleServiceNothing, Warning, "A Service selects no pod.", "Connections to it fail, whatever the policies say."},
	{ruleServiceTarget, Warning, "A Service's targetPort is the name of a port that its pods do not declare.", "Connections to it fail, whatever the policies say."},
	{ruleWebhook, Warning, "Pods behind an admission webhook do not admit the API server.", "Objects cannot be created, or are not checked."},
	{ruleSharedAddress, Warning, "A pod has the address of one that has ended.", "Plugins with stale sets apply the wrong policies to it."},
}

// Rules are all rules, in the order of the parts of a policy.
func Rules() []Rule { return append([]Rule(nil), rules...) }

// rule finds a rule.
func rule(id string) (Rule, bool) {
	for _, one := range rules {
		if one.ID == id {
			return one, true
		}
	}
	return Rule{}, false
}
