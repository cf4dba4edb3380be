package diagnose

import (
	"fmt"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios/policy"
)

// steps are the places on the way: where it stops is the first that is closed.
func (q *inquiry) steps() []Step {
	if len(q.joined) == 0 {
		return nil
	}
	j := &q.joined[0]
	for i := range q.joined {
		if q.trouble(&q.joined[i]) {
			j = &q.joined[i]
			break
		}
	}
	path := q.path(j.family)
	steps := []Step{{Name: q.Question.From.String(), State: StateOpen, Says: q.onNode(q.Question.From)}}
	if q.Question.Name != "" {
		steps = append(steps, q.lookupStep())
	}
	if path != nil {
		steps = append(steps, q.policyStep("egress policies", &path.Egress, j))
	}
	if service := q.Snapshot.service(q.Question.To); service != nil {
		steps = append(steps, q.serviceStep(j))
	}
	steps = append(steps, q.networkStep(j, path))
	if path != nil {
		steps = append(steps, q.policyStep("ingress policies", &path.Ingress, j))
	}
	return append(steps, q.lastStep(j))
}

// onNode says where a pod runs.
func (q *inquiry) onNode(end policy.Endpoint) string {
	if pod := q.Snapshot.pod(end); pod != nil && pod.Spec.NodeName != "" {
		return "on node " + pod.Spec.NodeName
	}
	return ""
}

func (q *inquiry) policyStep(name string, end *policy.End, j *joined) Step {
	step := Step{Name: name, Says: end.Sentence()}
	switch end.Verdict {
	case policy.Allow:
		step.State = StateOpen
	case policy.Deny:
		step.State = StateClosed
		if q.openAgainst(j) {
			step.State = StateIgnored
		}
	default:
		step.State = StateUnknown
	}
	return step
}

func (q *inquiry) lookupStep() Step {
	udp, _ := q.lookups()
	step := Step{Name: "name lookup", State: StateUnknown}
	if udp == nil {
		return step
	}
	step.Says, step.State = udp.Result.Reason, StateClosed
	if udp.Result.Outcome == probe.Connected {
		step.State = StateOpen
	}
	return step
}

func (q *inquiry) serviceStep(j *joined) Step {
	ready := q.readyEndpoints()
	step := Step{Name: q.Question.To.String(), State: StateOpen, Says: fmt.Sprintf("%d ready endpoints", len(ready))}
	if len(ready) == 1 {
		step.Says = "1 ready endpoint"
	}
	if len(ready) == 0 || Blocked(j.outcome) && q.outcome(WayPod, RoleSource, j.family) == probe.Connected {
		step.State = StateClosed
	}
	return step
}

// networkStep is what lies between the policies: closed if nothing else explains the silence.
func (q *inquiry) networkStep(j *joined, path *policy.Path) Step {
	step := Step{Name: "network", State: StateUnknown}
	switch {
	case passed(j.outcome):
		step.State = StateOpen
	case q.shutAgainst(j):
		step.State = StateClosed
	}
	from, to := q.Snapshot.pod(q.Question.From), q.Snapshot.pod(q.Question.Pod)
	switch {
	case from == nil || to == nil:
	case from.Spec.NodeName == to.Spec.NodeName:
		step.Says = "both on node " + from.Spec.NodeName
	default:
		step.Says = fmt.Sprintf("node %s to node %s", from.Spec.NodeName, to.Spec.NodeName)
	}
	return step
}

func (q *inquiry) lastStep(j *joined) Step {
	end := q.Question.Pod
	if end.Kind == "" {
		end = q.Question.To
	}
	step := Step{Name: end.String(), Says: q.onNode(end), State: StateUnknown}
	if end.Kind == "" {
		step.Name = q.Question.target()
	}
	switch {
	case j.outcome == probe.Connected:
		step.State = StateOpen
	case passed(j.outcome):
		step.State, step.Says = StateClosed, string(j.outcome)+" on port "+fmt.Sprint(q.Question.PodPort)
	}
	return step
}
