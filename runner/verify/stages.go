package verify

import (
	"time"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

// Status is the result of one check.
type Status string

// The results of a check.
const (
	StatusPass Status = "pass"
	// StatusWarn: the run goes on, but the reader should know.
	StatusWarn Status = "warn"
	StatusFail Status = "fail"
	// StatusUnknown: it could not be found out.
	StatusUnknown Status = "unknown"
)

// Stage is what the stages have in common.
type Stage struct {
	// Done says that the stage was reached and came to its end.
	Done bool `json:"done"`
	// Status is the worst of what the stage found. Empty if it was not reached.
	Status Status `json:"status,omitempty"`
	// Error says why the stage ended early. Empty otherwise.
	Error   string        `json:"error,omitempty"`
	Start   time.Time     `json:"start,omitzero"`
	Elapsed time.Duration `json:"elapsedNs,omitempty"`
}

// Preflight says whether the cluster can be tested.
type Preflight struct {
	Stage
	Checks []Check `json:"checks,omitempty"`
	// Plugins are the network plugins and policy engines that the cluster shows.
	Plugins []Plugin `json:"plugins,omitempty"`
}

// Check is one question of the pre-flight.
type Check struct {
	// Name is a few words: "API server", "rights", "image on worker-1".
	Name   string `json:"name"`
	Status Status `json:"status"`
	// Found is a short sentence.
	Found string `json:"found"`
	// Advice says what to do. Empty for a pass.
	Advice string `json:"advice,omitempty"`
	// Grant is the RBAC, in YAML, that gives what is missing. Empty where nothing is.
	Grant   string        `json:"grant,omitempty"`
	Elapsed time.Duration `json:"elapsedNs,omitempty"`
}

// Plugin is a network plugin or policy engine that was found in the cluster.
type Plugin struct {
	// Name is the product's: "Calico".
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	// Roles are network, policies, or both.
	Roles []string `json:"roles,omitempty"`
	// Evidence says how it was found: "DaemonSet kube-system/calico-node".
	Evidence string `json:"evidence"`
	// Ready and Nodes count the nodes that its agent is ready on, and all that it should be on. Both are zero where nobody knows.
	Ready int `json:"ready,omitempty"`
	Nodes int `json:"nodes,omitempty"`
	// Disabled says which of its switches turns the enforcement of policies off, and where. Empty if none is known to.
	Disabled string `json:"disabled,omitempty"`
}

// Path says whether packets pass while no policy is in force.
type Path struct {
	Stage
	Pairs []PathPair `json:"pairs,omitempty"`
	// Peers is how many other nodes each node knocks on, 0 for all.
	Peers int `json:"peers,omitempty"`
	// Possible counts the ordered pairs of nodes there are, Sampled those that were tried.
	Possible int `json:"possible,omitempty"`
	Sampled  int `json:"sampled,omitempty"`
	// Confidence says what a sample would have found. Empty if every pair was tried.
	Confidence []Confidence `json:"confidence,omitempty"`
}

// Confidence is how likely the sample is to find a fault of a kind.
type Confidence struct {
	// Fault is a few words: "one node cannot receive".
	Fault string `json:"fault"`
	// Probability is from 0 to 1.
	Probability float64 `json:"probability"`
}

// Way is by which kind of address a knock of the path stage goes.
type Way string

// The ways.
const (
	WayPodIP     Way = "pod IP"
	WayClusterIP Way = "ClusterIP"
	WayNodePort  Way = "NodePort"
	WayDNSUDP    Way = "DNS over UDP"
	WayDNSTCP    Way = "DNS over TCP"
	WayNodeToPod Way = "node to pod"
	WayAPIServer Way = "pod to API server"
)

// PathPair is one knock of the path stage.
type PathPair struct {
	// From and To are nodes. To is empty where the way leads to no node in particular (DNS, the API server, a ClusterIP).
	From string `json:"from"`
	To   string `json:"to,omitempty"`
	// SameNode says that both ends are pods of one node.
	SameNode bool   `json:"sameNode,omitempty"`
	Way      Way    `json:"way"`
	Family   string `json:"family"`
	Protocol string `json:"protocol"`
	// Size is how many bytes were exchanged each way. 0 means those of the greeting alone.
	Size int `json:"size,omitempty"`

	Status   Status        `json:"status"`
	Observed probe.Outcome `json:"observed,omitempty"`
	// Why says in one sentence what is wrong. Empty for a pass.
	Why string `json:"why,omitempty"`
	// RTT is the round trip of the knock, zero where it was not measured.
	RTT time.Duration `json:"rttNs,omitempty"`
}

// Canary says where and how denies are enforced.
type Canary struct {
	Stage
	Trials []CanaryTrial `json:"trials,omitempty"`
	// Enforcing are the nodes on which every trial was denied, Open those on which every trial that was asked passed, Mixed the rest. A node of
	// which nothing could be learnt is in none of them.
	Enforcing []string `json:"enforcing,omitempty"`
	Open      []string `json:"open,omitempty"`
	Mixed     []string `json:"mixed,omitempty"`
	// Denial is how most trials were denied. Empty if none was.
	Denial Denial `json:"denial,omitzero"`
}

// DenyForm is how a policy of the canary denies.
type DenyForm string

// The forms.
const (
	// FormNoRule: the policy has no rule.
	FormNoRule DenyForm = "no rule"
	// FormAbsentPeer: the policy's one rule admits a peer that does not exist.
	FormAbsentPeer DenyForm = "absent peer"
)

// CanaryTrial is one policy of the canary on one node.
type CanaryTrial struct {
	Node string `json:"node"`
	// Direction is scenarios.AxisIngress or scenarios.AxisEgress.
	Direction scenarios.AxisName `json:"direction"`
	Form      DenyForm           `json:"form"`
	Family    string             `json:"family,omitempty"`
	// Status is pass where it was denied, fail where it was not.
	Status   Status        `json:"status"`
	Observed probe.Outcome `json:"observed,omitempty"`
	Denial   Denial        `json:"denial,omitzero"`
	// After is the time from the policy to the moment from which every knock was denied. Zero if that was before the first, or never; see Denial.
	After time.Duration `json:"afterNs,omitempty"`
	// Why says in one sentence what is wrong. Empty for a pass.
	Why string `json:"why,omitempty"`
}

// DenialHow is what a denied client sees.
type DenialHow string

// The ways of denying.
const (
	DenialSilence DenialHow = "silence"
	DenialICMP    DenialHow = "ICMP"
	DenialRST     DenialHow = "RST"
)

// Denial is what a denied client sees, in detail.
type Denial struct {
	How DenialHow `json:"how"`
	// Type and Code are those of the ICMP or ICMPv6 message, From is its sender.
	Type int    `json:"type,omitempty"`
	Code int    `json:"code,omitempty"`
	From string `json:"from,omitempty"`
}
