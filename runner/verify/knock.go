package verify

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// effect is what became of a knock, as far as policies can tell.
type effect uint8

const (
	// unclear proves nothing, or cannot be predicted.
	unclear effect = iota
	// passes: the packet arrived.
	passes
	// stopped: it did not.
	stopped
	// nameless: the name did not resolve, so that there was no packet.
	nameless
	// strange is what no policy makes of a knock, such as an unreachable host.
	strange
)

// placement says whether both ends of a knock are on one node.
type placement uint8

const (
	anywhere placement = iota
	sameNode
	otherNode
)

// knock is a cell of the run as the search for defects sees it.
type knock struct {
	story *story
	// step and place are the indexes of the cell in the expansion.
	step, place int
	cell        scenarios.Cell
	result      *runner.Cell
	// source and target are the nodes of its ends; empty if they are not known, there are several, or an end is no pod.
	source, target string
	placement      placement
	// receivers are the pods that it may end at, by the scenario's names; none if it ends at no pod.
	receivers []string
	// open is what the knock finds where no policy hinders it, wanted what it should find and seen what it found.
	open, wanted, seen effect
	// failed says that it found something else than it should, proven that it found what it should. Both are false for a cell that proves
	// nothing.
	failed, proven bool
	// about are its axes, found when they are first asked for.
	about []scenarios.Axis
}

// story is a scenario of the run with its expansion.
type story struct {
	expansion *scenarios.Expansion
	result    *runner.ScenarioResult
	moments   []moment
	knocks    []*knock
}

// newStories joins the scenarios of a run with their expansions. Scenarios without one are left out.
func newStories(evidence Evidence) []*story {
	var stories []*story
	for i := range evidence.Run.Scenarios {
		result := &evidence.Run.Scenarios[i]
		at := slices.IndexFunc(evidence.Expansions, func(e *scenarios.Expansion) bool { return e.Scenario.Metadata.Name == result.Name })
		if at < 0 {
			continue
		}
		s := &story{expansion: evidence.Expansions[at], result: result}
		for j := range s.expansion.Steps {
			step := &s.expansion.Steps[j]
			s.moments = append(s.moments, moment{cluster: step.Cluster(), deleted: step.Delete})
		}
		s.gather()
		stories = append(stories, s)
	}
	return stories
}

// gather finds the cell of the expansion for each cell of the result.
func (s *story) gather() {
	nodes := map[string]string{}
	for _, pod := range s.result.Pods {
		nodes[pod.Name] = pod.Node
	}
	for i := range s.result.Steps {
		if i >= len(s.expansion.Steps) {
			return
		}
		step := &s.expansion.Steps[i]
		places := map[string]int{}
		for j, cell := range step.Cells {
			places[lineOf(cell)] = j
		}
		for j := range s.result.Steps[i].Cells {
			result := &s.result.Steps[i].Cells[j]
			if place, ok := places[lineOfResult(result)]; ok {
				s.knocks = append(s.knocks, newKnock(s, i, place, result, nodes))
			}
		}
	}
}

// lineOf and lineOfResult identify a cell within its step.
func lineOf(cell scenarios.Cell) string {
	return pairText(cell.From.String(), cell.To.String(), cell.Port, string(cell.Protocol), string(cell.Family))
}

func lineOfResult(cell *runner.Cell) string {
	return pairText(cell.From.Text, cell.To.Text, cell.Port, cell.Protocol, cell.Family)
}

func newKnock(s *story, step, place int, result *runner.Cell, nodes map[string]string) *knock {
	expanded := &s.expansion.Steps[step]
	cell := expanded.Cells[place]
	k := &knock{story: s, step: step, place: place, cell: cell, result: result, receivers: expanded.Receivers(cell)}
	if cell.From.Kind == scenarios.EndpointPod {
		k.source = nodes[cell.From.Name]
	}
	k.target = commonNode(k.receivers, nodes)
	switch {
	case k.source == "" || k.target == "":
	case k.source == k.target:
		k.placement = sameNode
	default:
		k.placement = otherNode
	}
	k.open = effectOfExpected(expanded.Open(cell), cell.To.Kind)
	k.wanted = effectOfExpected(scenarios.Expected(result.Expected), cell.To.Kind)
	k.seen = effectOfResult(result)
	k.weigh()
	return k
}

// weigh decides whether what was found is evidence about policies. It is not where the outcome changed to and fro and did not come to rest, where a
// connection that came about broke afterwards, and where no policy of the scenario is or was in force yet. A failure of the last kind has other
// causes, for which the runner has looked already: on a topology that another scenario has used before, it has asked again on new pods, so
// that nothing of that one's policies is left. What then fails is the network. No hypothesis predicts it, so that each of them would be
// refuted by it, and an engine with a known defect, or with none, would be accused of something unknown. It is not passed over in silence either:
// without any other failure the answer is that too little is known, see [headlineUnbroken].
func (k *knock) weigh() {
	if k.result.Mark == runner.MarkFail && k.wanted == stopped && k.seen == stopped {
		k.seen = passes // the packet arrived, and the answer was lost
	}
	if !k.atRest() {
		return
	}
	k.proven = k.result.Mark == runner.MarkPass
	k.failed = k.result.Mark == runner.MarkFail && k.seen != k.wanted && k.underPolicies()
}

// restSpan is how long an outcome has to stay the same at the end of a step that did not become what it should, for it to be the last word.
const restSpan = 5 * time.Second

// longRest is how long that has to be where it changed to and fro before.
const longRest = 20 * time.Second

// atRest tells whether the outcome is the engine's last word. One that agreed for a moment, before the change was enforced, and never again, is. What
// has changed more than once may change again for a long time, and what changed just before the end as well: engines have been seen that let packets
// through, or lose them, for seconds while they are busy.
func (k *knock) atRest() bool {
	settled, changes := k.story.result.Steps[k.step].Settled, k.result.Changes
	if settled.How != runner.SettledAtBound {
		return !k.result.Flapping
	}
	rest := settled.Waited
	if len(changes) > 0 {
		rest -= changes[len(changes)-1].After
	}
	if !k.result.Flapping {
		return len(changes) < 2 || rest >= restSpan
	}
	return rest >= longRest || rest >= restSpan && len(changes) == 2 && changes[1].After <= runner.SlowEnforcement
}

// underPolicies tells whether a policy is in force, or was in an earlier step.
func (k *knock) underPolicies() bool {
	return slices.ContainsFunc(k.story.moments[:k.step+1], func(m moment) bool { return len(m.cluster.Policies) > 0 })
}

// commonNode is the node that all pods are on, or empty.
func commonNode(pods []string, nodes map[string]string) string {
	if len(pods) == 0 || slices.ContainsFunc(pods, func(pod string) bool { return nodes[pod] != nodes[pods[0]] }) {
		return ""
	}
	return nodes[pods[0]]
}

func effectOfExpected(expected scenarios.Expected, to scenarios.EndpointKind) effect {
	switch expected {
	case scenarios.Any:
		return unclear
	case scenarios.Blocked:
		return stopped
	}
	return effectOfOutcome(probe.Outcome(expected), to)
}

func effectOfResult(cell *runner.Cell) effect {
	if result := cell.Result; result != nil && result.Outcome == probe.Timeout && result.Where == probe.WhereDestination {
		return passes
	}
	return effectOfOutcome(cell.Observed, scenarios.EndpointKind(cell.To.Kind))
}

func effectOfOutcome(outcome probe.Outcome, to scenarios.EndpointKind) effect {
	switch outcome {
	case probe.Connected, probe.Refused, probe.Reset, probe.Closed, probe.Stalled:
		return passes
	case probe.Timeout, probe.Rejected:
		return stopped
	case probe.DNSFailure:
		if to == scenarios.EndpointDNS {
			return stopped
		}
		return nameless
	case "", probe.Error, probe.Unsupported:
		return unclear
	}
	return strange
}

// asksFirst tells whether a knock asks the cluster's DNS first.
func (k *knock) asksFirst() bool { return k.cell.To.Kind == scenarios.EndpointServiceName }

// question is the question to the DNS that a knock asks first.
func (k *knock) question() scenarios.Cell {
	return scenarios.Cell{
		From: k.cell.From, To: scenarios.Endpoint{Kind: scenarios.EndpointDNS}, Protocol: corev1.ProtocolUDP, Family: k.cell.Family,
	}
}

// translated tells whether the address that is knocked on is replaced by that of a pod on the way.
func (k *knock) translated() bool {
	switch k.cell.To.Kind {
	case scenarios.EndpointService, scenarios.EndpointNodePort, scenarios.EndpointDNS:
		return true
	case scenarios.EndpointServiceName:
		return !slices.ContainsFunc(k.story.expansion.Scenario.Services, func(s scenarios.Service) bool {
			return s.Name == k.cell.To.Name && s.Type == scenarios.Headless
		})
	}
	return false
}

func pairText(from, to string, port int32, protocol, family string) string {
	if port == 0 {
		return fmt.Sprintf("%s -> %s/%s (%s)", from, to, protocol, family)
	}
	return fmt.Sprintf("%s -> %s:%d/%s (%s)", from, to, port, protocol, family)
}
