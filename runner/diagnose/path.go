package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios/policy"
)

// actively: the denial is spoken aloud, so that it looks like the application's refusal.
func (q *inquiry) actively(j *joined) []Finding {
	if j.outcome != probe.Rejected {
		return nil
	}
	finding := Finding{Because: []string{j.knock.Result.Reason}, Weight: 35, Advice: "this refusal comes from the network, not from the application"}
	if j.verdict == policy.Allow && !q.serviceEmpty() {
		finding.Weight = 72
		finding.Advice = "something on the way rejects what the policies admit: a firewall of a node, or a policy of another API"
	}
	if j.verdict == policy.Deny {
		finding.Advice = "this plugin answers what it denies instead of dropping it: it is the policy, not the application"
	}
	return one(finding)
}

func (q *inquiry) serviceEmpty() bool {
	return q.Question.To.Kind == policy.KindService && len(q.readyEndpoints()) == 0
}

// oneFamily: one IP family behaves unlike the other.
func (q *inquiry) oneFamily(j *joined) []Finding {
	if len(q.joined) < 2 {
		return nil
	}
	for i := range q.joined {
		other := &q.joined[i]
		if other.family == j.family || other.outcome == "" || j.outcome == "" || Blocked(other.outcome) == Blocked(j.outcome) {
			continue
		}
		finding := Finding{
			Because: []string{
				fmt.Sprintf("%s: %s, the policies say %s", j.family, j.outcome, j.verdict),
				fmt.Sprintf("%s: %s, the policies say %s", other.family, other.outcome, other.verdict),
			},
			Advice: fmt.Sprintf("the two families are not treated alike: this plugin, or its configuration, does not handle %s", j.family), Weight: 93,
		}
		if j.verdict != other.verdict {
			finding.Advice = fmt.Sprintf("rules with ipBlocks hold for one family: add one for %s", j.family)
			finding.Weight = 87
			for _, end := range q.deniedEnds(j) {
				if miss := missWith(end, policy.TermBlock); miss != nil {
					finding.Fix = q.changeFix(miss.Change)
				}
			}
		}
		return one(finding)
	}
	return nil
}

// secondInterface: a pod has interfaces that NetworkPolicies do not cover.
func (q *inquiry) secondInterface(j *joined) []Finding {
	for _, end := range []policy.Endpoint{q.Question.Pod, q.Question.From} {
		pod := q.Snapshot.pod(end)
		if pod == nil {
			continue
		}
		status := pod.Annotations["k8s.v1.cni.cncf.io/network-status"]
		if strings.Count(status, `"name"`) < 2 || q.wanted != ExpectBlocked && j.agrees() {
			continue
		}
		return one(Finding{
			Because: []string{fmt.Sprintf("%s has more than one network: %s", end, strings.Join(strings.Fields(status), " "))},
			Advice:  "NetworkPolicies cover the first interface alone: use a MultiNetworkPolicy for the others", Weight: 66,
		})
	}
	return nil
}

// betweenNodes: the same identity is reached on one node and silent between nodes, where the policies make no difference.
func (q *inquiry) betweenNodes(j *joined) []Finding {
	if !Blocked(j.outcome) || j.verdict == policy.Deny {
		return nil
	}
	source, twin, destination := q.double(RoleSource), q.double(RoleTwin), q.double(RoleDestination)
	if source == nil || twin == nil || destination == nil {
		return nil
	}
	fromSource, fromTwin := q.outcome(WayDouble, RoleSource, j.family), q.outcome(WayDouble, RoleTwin, j.family)
	if source.Node == destination.Node || twin.Node != destination.Node || !Blocked(fromSource) || fromTwin != probe.Connected {
		return nil
	}
	because := []string{
		fmt.Sprintf("from node %s to %s: %s", source.Node, destination.Node, fromSource),
		fmt.Sprintf("from the same labels on node %s itself: %s", twin.Node, fromTwin),
	}
	weight := 88
	if control := q.outcome(WayDouble, RoleControl, j.family); Blocked(control) {
		because = append(because, fmt.Sprintf("from a pod without labels on node %s: %s", source.Node, control))
		weight = 92
	}
	return one(Finding{
		Because: because,
		Advice: fmt.Sprintf("no policy tells nodes apart: the network between %s and %s loses the pods' packets (overlay ports such as 8472/UDP or 4789/UDP, routes, security groups)",
			source.Node, destination.Node),
		Weight: weight,
	})
}

// double finds a probe pod by its role.
func (q *inquiry) double(role Role) *Double {
	for i := range q.Doubles {
		if q.Doubles[i].Role == role {
			return &q.Doubles[i]
		}
	}
	return nil
}

// stalls tells whether a small request is answered and a large one is not.
func (q *inquiry) stalls(j *joined) bool {
	large := q.outcome(WayLarge, RoleSource, j.family)
	return q.outcome(WayDouble, RoleSource, j.family) == probe.Connected && (large == probe.Stalled || large == probe.Timeout)
}

// largePackets: small requests are answered, large ones are not.
func (q *inquiry) largePackets(j *joined) []Finding {
	if !q.stalls(j) {
		return nil
	}
	large := q.knock(WayLarge, RoleSource, j.family)
	return one(Finding{
		Because: []string{"a small request is answered", fmt.Sprintf("one of %d bytes is not: %s", large.Attempt.Payload, large.Result.Reason)},
		Advice:  "large packets get lost: make the MTU of the pods' interfaces fit the network below, no policy does this", Weight: 91,
	})
}

// mesh: a proxy beside the application answers the handshake, or changes the source.
func (q *inquiry) mesh(j *joined) []Finding {
	if j.agrees() && !q.refused(j) && !q.admitted(j) {
		return nil
	}
	for _, end := range []policy.Endpoint{q.Question.Pod, q.Question.From} {
		name := q.meshOf(end)
		if name == "" {
			continue
		}
		weight := 56
		if q.openAgainst(j) || j.outcome == probe.Reset || j.outcome == probe.Closed {
			weight = 81
		}
		return one(Finding{
			Because: []string{fmt.Sprintf("%s has the proxy container %s", end, name)},
			Advice:  "the proxy answers the handshake whatever is behind it, and has policies of its own: ask with application data (--http PATH), and read the mesh's policies", Weight: weight,
		})
	}
	return nil
}

// meshOf is the proxy container of a mesh in a pod; empty if there is none.
func (q *inquiry) meshOf(end policy.Endpoint) string {
	pod := q.Snapshot.pod(end)
	if pod == nil {
		return ""
	}
	for _, container := range append(slices.Clone(pod.Spec.InitContainers), pod.Spec.Containers...) {
		switch container.Name {
		case "istio-proxy", "linkerd-proxy", "kuma-sidecar", "consul-dataplane", "envoy-sidecar", "aws-appmesh-envoy":
			return container.Name
		}
	}
	return ""
}

// before is the earlier answer to the same question that was the other way round; nil if there is none.
func (q *inquiry) before(j *joined) *Knock {
	if j.knock == nil || j.knock.Round < 2 {
		return nil
	}
	for i := range q.Knocks {
		k := &q.Knocks[i]
		same := k.Way == j.knock.Way && k.From == j.knock.From && k.Family == j.knock.Family && k.To == j.knock.To && k.Port == j.knock.Port
		if same && k.Round < j.knock.Round && Blocked(k.Result.Outcome) != Blocked(j.knock.Result.Outcome) {
			return k
		}
	}
	return nil
}

// flapping: the same question had different answers within seconds.
func (q *inquiry) flapping(j *joined) []Finding {
	before := q.before(j)
	if before == nil {
		return nil
	}
	return one(Finding{
		Because: []string{fmt.Sprintf("first %s, %.1f s later %s", before.Result.Outcome, j.knock.Result.Start.Sub(before.Result.Start).Seconds(), j.outcome)},
		Advice:  "the plugin was still catching up, or its answer changes from try to try: ask again; run `podknock run` to measure how long it takes", Weight: 98,
	})
}

// invalidTest: the question could not be asked as it was meant.
func (q *inquiry) invalidTest(*joined) []Finding {
	if len(q.Obstacles) == 0 {
		return nil
	}
	return one(Finding{Because: slices.Clone(q.Obstacles), Advice: "mend what kept podknock from asking, then ask again", Weight: 30})
}
