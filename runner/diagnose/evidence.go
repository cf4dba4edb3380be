package diagnose

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner/diagnose/identity"
	"github.com/podknock/podknock/scenarios/policy"
)

// Evidence is everything that is known about a question.
type Evidence struct {
	Question Question
	// Ends are the verdicts for the asked target, one for each family that both ends have. EndsPod are those for the pod behind it, dialled
	// directly.
	Ends    []policy.Explanation
	EndsPod []policy.Explanation
	// DNS are the verdicts for the source's way to its name servers.
	DNS []policy.Explanation

	Snapshot *Snapshot
	// Asked says that the wire was asked. If not, NotAsked says why.
	Asked    bool
	NotAsked string
	Knocks   []Knock
	// Doubles are the probe pods that stood in for the pods.
	Doubles []Double
	// Canary says what became of a policy that denies everything to podknock's own pods, by the name of the node; nil if none was tried.
	Canary map[string]CanaryResult
	// Obstacles are what kept a part of the evidence from being gathered, such as a probe pod that did not start.
	Obstacles []string
	// Ephemeral says that the questions were asked from within the real source pod.
	Ephemeral bool
}

// Double is a probe pod that stood in for a pod.
type Double struct {
	Role Role   `json:"role"`
	Pod  string `json:"pod"`
	Node string `json:"node"`
	// Identity says how its labels were found. It is the zero value for a pod without labels of its own.
	Identity identity.Identity `json:"identity,omitzero"`
}

// Role says what a probe pod stands for.
type Role string

// The roles.
const (
	// RoleSource: labels that the policies judge like the source's, on its node.
	RoleSource Role = "source"
	// RoleTwin: as the source, on another node.
	RoleTwin Role = "twin"
	// RoleControl: no labels, in the namespace and on the node of the source.
	RoleControl Role = "control"
	// RoleDestination: labels that the policies judge like the destination's, on its node, with our responder on its ports.
	RoleDestination Role = "destination"
)

// Way is a way to ask the wire.
type Way string

// The ways. All but the first five knock on the address of a pod.
const (
	// WayTarget knocks on what was asked for: a Service's address, a pod's, or one outside.
	WayTarget Way = "target"
	// WayService knocks on the address of a Service in front of the pod.
	WayService Way = "service"
	// WayName knocks on a DNS name.
	WayName Way = "name"
	// WayLookup asks the name servers for the name, by UDP or TCP.
	WayLookup Way = "lookup"
	// WayPod knocks on the real pod.
	WayPod Way = "pod"
	// WayClosed knocks on a port of the real pod on which nothing should listen.
	WayClosed Way = "closed-port"
	// WayOther knocks on the other ports that the real pod declares.
	WayOther Way = "other-port"
	// WayDouble knocks on the double of the destination, which has our responder.
	WayDouble Way = "double"
	// WayLarge is WayDouble with a request of several packets.
	WayLarge Way = "large"
	// WayHTTP asks the real destination over HTTP.
	WayHTTP Way = "http"
)

// Knock is one question to the wire and its answer.
type Knock struct {
	Way  Way  `json:"way"`
	From Role `json:"from"`
	// Family is that of the address. Empty for names.
	Family corev1.IPFamily `json:"family,omitempty"`
	// To says in words what was knocked on.
	To   string `json:"to"`
	Port int32  `json:"port,omitempty"`
	// Round is 1, or 2 for what was asked again because it disagreed with the policies.
	Round   int           `json:"round"`
	Attempt probe.Attempt `json:"attempt"`
	Result  probe.Result  `json:"result"`
}

// Blocked tells the outcomes by which a policy stops a connection.
func Blocked(outcome probe.Outcome) bool {
	return outcome == probe.Timeout || outcome == probe.Rejected
}

// CanaryResult is what became of a policy that denies everything.
type CanaryResult string

// The results.
const (
	// CanaryEnforced: nothing got through.
	CanaryEnforced CanaryResult = "enforced"
	// CanaryOpen: the policy had no effect within the time.
	CanaryOpen CanaryResult = "open"
)

// knocks selects knocks, those of the last round that has any.
func (e *Evidence) knocks(way Way, from Role, family corev1.IPFamily) []*Knock {
	var found []*Knock
	for i := range e.Knocks {
		k := &e.Knocks[i]
		if k.Way != way || k.From != from || family != "" && k.Family != "" && k.Family != family {
			continue
		}
		if len(found) > 0 && found[0].Round < k.Round {
			found = nil
		}
		found = append(found, k)
	}
	return found
}

// knock is the first of them, nil if there is none.
func (e *Evidence) knock(way Way, from Role, family corev1.IPFamily) *Knock {
	if found := e.knocks(way, from, family); len(found) > 0 {
		return found[0]
	}
	return nil
}

// outcome is that of the first of them; empty if there is none or it could not be asked.
func (e *Evidence) outcome(way Way, from Role, family corev1.IPFamily) probe.Outcome {
	if k := e.knock(way, from, family); k != nil && k.Result.Outcome != probe.Error && k.Result.Outcome != probe.Unsupported {
		return k.Result.Outcome
	}
	return ""
}

// families are those of the verdicts, in their order.
func (e *Evidence) families() []corev1.IPFamily {
	var families []corev1.IPFamily
	for i := range e.Ends {
		families = append(families, e.Ends[i].Query.Family)
	}
	if len(families) == 0 {
		families = append(families, "")
	}
	return families
}

// ends is the verdict for the asked target in a family; nil if there is none.
func (e *Evidence) ends(family corev1.IPFamily) *policy.Explanation {
	return explanationOf(e.Ends, family)
}

// endsPod is the verdict for the pod behind the target in a family; nil if there is none.
func (e *Evidence) endsPod(family corev1.IPFamily) *policy.Explanation {
	return explanationOf(e.EndsPod, family)
}

func explanationOf(list []policy.Explanation, family corev1.IPFamily) *policy.Explanation {
	for i := range list {
		if family == "" || list[i].Query.Family == family {
			return &list[i]
		}
	}
	return nil
}

// path is the way of the connection to the pod that was looked at: of several backends that one's. Nil if there is none.
func (e *Evidence) path(family corev1.IPFamily) *policy.Path {
	for _, explanation := range []*policy.Explanation{e.ends(family), e.endsPod(family)} {
		if explanation == nil {
			continue
		}
		for i := range explanation.Paths {
			if explanation.Paths[i].To == e.Question.Pod {
				return &explanation.Paths[i]
			}
		}
		if len(explanation.Paths) > 0 {
			return &explanation.Paths[0]
		}
	}
	return nil
}

// FamilyOf is the family of an address in words of the API.
func FamilyOf(address netip.Addr) corev1.IPFamily {
	if address.Unmap().Is4() {
		return corev1.IPv4Protocol
	}
	return corev1.IPv6Protocol
}
