package diagnose

// Cause is one reason for which a connection is not as it should be.
type Cause struct {
	// Number is 1 to 51 for the causes that are met in public issues, and above for those that every denial and refusal may have.
	Number int
	// ID names it in reports.
	ID string
	// Title says it in words.
	Title string
	// Reason says why it is not checked. Empty if it is.
	Reason string

	check func(*inquiry, *joined) []Finding
}

// Checked reports whether there is a check for the cause.
func (c *Cause) Checked() bool { return c.check != nil }

// The numbers of the causes that say no more than that nothing better is known.
const (
	noRuleNumber      = 60
	admittedNumber    = 63
	unexplainedNumber = 66
	unreadNumber      = 67
)

// Catalogue are all causes, by number.
func Catalogue() []Cause {
	return []Cause{
		{1, "not-enforced", "the cluster enforces no NetworkPolicies", "", (*inquiry).notEnforced},
		{2, "switched-off", "the policy engine is there, and its enforcement is switched off", "", (*inquiry).switchedOffCause},
		{3, "node-not-enforcing", "enforcement is broken on some nodes", "", (*inquiry).brokenNode},
		{4, "unmanaged-pod", "the pod is older than the network's agent on its node", "", (*inquiry).unmanaged},
		{5, "other-namespace", "the policy is in another namespace than the pods", "", (*inquiry).otherNamespace},
		{6, "selector-misses", "a selector and the labels of the pod differ", "", (*inquiry).selectorMisses},
		{7, "empty-selector", "an empty podSelector selects every pod of the namespace", "", (*inquiry).emptySelector},
		{8, "namespace-label", "a namespaceSelector wants a label that the namespace lacks", "", (*inquiry).namespaceLabel},
		{9, "peer-namespace", "a podSelector alone is meant for another namespace", "", (*inquiry).peerNamespace},
		{10, "split-peer", "two selectors that were meant as one stand in two items", "", (*inquiry).splitPeer},
		{11, "adds-up", "one policy denies, another admits, and that is what counts", "", (*inquiry).addsUp},
		{12, "one-end", "only one end has been opened", "", (*inquiry).oneEnd},
		{13, "policy-types", "policyTypes lacks the direction", "", (*inquiry).policyTypesMissing},
		{14, "policy-types-ignored", "the plugin does not follow policyTypes", "", (*inquiry).policyTypesIgnored},
		{15, "defaulted-ingress", "a policy about egress isolates ingress too", "", (*inquiry).defaultedIngress},
		{16, "dns-forgotten", "egress is locked, and DNS was forgotten", "", (*inquiry).dnsForgotten},
		{17, "dns-of-host", "the name server is not a pod", "", (*inquiry).dnsOfHost},
		{18, "dns-port", "the DNS pods listen on another port than 53", "", (*inquiry).dnsOtherPort},
		{19, "dns-tcp", "DNS over TCP is not admitted", "", (*inquiry).dnsTCP},
		{20, "service-port", "the rule has the port of the Service instead of the pod's", "", (*inquiry).servicePort},
		{21, "before-translation", "the Service's address is stopped, the pod's is not", "", (*inquiry).beforeTranslation},
		{22, "api-server", "egress to the API server is not admitted", "", (*inquiry).apiServer},
		{23, "block-over-pods", "an ipBlock decides about the address of a pod", "", (*inquiry).overPods},
		{24, "block-over-nodes", "an ipBlock decides about the address of a node", "", (*inquiry).overNodes},
		{25, "source-translated", "the destination sees another source address", "", (*inquiry).sourceTranslated},
		{26, "source-on-host", "the source is in the network of its node", "", (*inquiry).sourceOnHost},
		{27, "target-on-host", "the destination is in the network of its node", "", (*inquiry).targetOnHost},
		{28, "own-node", "a pod's own node always reaches it", "", (*inquiry).ownNode},
		{29, "webhook", "the API server does not reach a webhook", "", (*inquiry).webhook},
		{30, "named-port", "the named port is not what the pod declares", "", (*inquiry).namedPort},
		{31, "named-port-ignored", "the plugin mishandles named ports", "", (*inquiry).namedPortIgnored},
		{32, "end-port-ignored", "the plugin ignores endPort", "", (*inquiry).rangeIgnored},
		{33, "protocol", "a port without a protocol means TCP", "", (*inquiry).protocolOmitted},
		{34, "ping", "it was tested with ping", "ICMP has no ports, and what policies mean for it is left to the plugin: `why` refuses the question and says so", nil},
		{35, "other-policy", "a policy of another API decides", "", (*inquiry).otherLayer},
		{36, "mesh", "a proxy of a mesh answers or decides", "", (*inquiry).mesh},
		{37, "held-connection", "a connection from before the policy lives on", "the application's own connections cannot be seen with read access; `podknock run guides` shows what this plugin does to held ones", nil},
		{38, "flapping", "the answer changes from try to try", "", (*inquiry).flapping},
		{39, "rejected", "what is denied is answered instead of dropped", "", (*inquiry).actively},
		{40, "not-listening", "nothing listens on the port", "", (*inquiry).notListening},
		{41, "no-endpoints", "the Service has no ready endpoint", "", (*inquiry).noEndpoints},
		{42, "address-reused", "a finished pod had the same address", "", (*inquiry).staleState},
		{43, "name-prefix", "the agent keys policies by the name of the workload", "", (*inquiry).namePrefix},
		{44, "special-label", "a label key is special to the plugin", "", (*inquiry).specialLabel},
		{45, "one-family", "IPv4 and IPv6 are not treated alike", "", (*inquiry).oneFamily},
		{46, "hairpin", "a pod reaches itself through a Service", "", (*inquiry).hairpin},
		{47, "second-interface", "the pod has a second interface", "", (*inquiry).secondInterface},
		{48, "between-nodes", "the network between two nodes loses the pods' packets", "", (*inquiry).betweenNodes},
		{49, "mtu", "large packets get lost", "", (*inquiry).largePackets},
		{50, "uncovered-node", "the node is of a kind that the policy engine does not cover", "", (*inquiry).uncoveredNode},
		{51, "test", "the test itself could not be made", "", (*inquiry).invalidTest},

		{noRuleNumber, "no-rule", "no rule admits the connection", "", (*inquiry).noRule},
		{61, "rule-port", "the rule is for another port", "", (*inquiry).rulePort},
		{62, "block-misses", "no ipBlock holds the address", "", (*inquiry).blockMisses},
		{admittedNumber, "admitted", "a rule admits the connection", "", (*inquiry).admittedByRule},
		{64, "not-isolated", "no policy selects either end", "", (*inquiry).notIsolated},
		{65, "name-unknown", "the name servers do not know the name", "", (*inquiry).nameUnknown},
		{unexplainedNumber, "unexplained", "wire and policies differ, and no known cause applies", "", (*inquiry).unexplained},
		{unreadNumber, "unread-end", "the policies of one end could not be read", "", (*inquiry).unreadEnd},
	}
}
