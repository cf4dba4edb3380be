package verify

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/scenarios"
	"github.com/podknock/podknock/scenarios/policy"
)

// level is the answer to "does this end let it pass?".
type level uint8

const (
	refuses level = iota
	unsure
	admits
)

// end is where policies are enforced for a knock.
type end uint8

const (
	// leaving is the egress of the source.
	leaving end = iota
	// arriving is the ingress of the destination.
	arriving
	// asking is the egress of the source for the question to the DNS that some knocks begin with.
	asking
	endCount
)

// ends are the answers of all ends of a knock.
type ends [endCount]level

// prediction holds the ends of every knock, by the knock's index.
type prediction []ends

// effect is what becomes of a knock with given ends, where base are those of an engine without defect.
func (k *knock) effect(now, base ends) effect {
	if now == base {
		return k.wanted
	}
	if k.asksFirst() {
		switch now[asking] {
		case refuses:
			return nameless
		case unsure:
			return unclear
		}
	}
	switch min(now[leaving], now[arriving]) {
	case refuses:
		return stopped
	case admits:
		return k.open
	}
	return unclear
}

// predict says what an engine that has this view of the cluster decides at the ends of all knocks.
func predict(stories []*story, engine engine) prediction {
	var predicted prediction
	for _, s := range stories {
		judges := make([]*judges, len(s.moments))
		for _, k := range s.knocks {
			if judges[k.step] == nil {
				judges[k.step] = newJudges(s, k.step, engine)
			}
			predicted = append(predicted, judges[k.step].ends(k))
		}
	}
	return predicted
}

// judges are the evaluators of one step, by the direction that they judge. One that is nil could not be made: the view is of a cluster that
// makes no sense.
type judges struct {
	egress, ingress *scenarios.Evaluator
	engine          engine
	seen            cluster
}

func newJudges(s *story, step int, engine engine) *judges {
	seen := engine.view(s.moments[:step+1])
	made := &judges{engine: engine, seen: seen}
	made.egress, _ = s.expansion.Steps[step].EvaluatorOf(only(seen, networkingv1.PolicyTypeEgress))
	made.ingress, _ = s.expansion.Steps[step].EvaluatorOf(only(seen, networkingv1.PolicyTypeIngress))
	return made
}

// all are the ends of some knocks of the step.
func (j *judges) all(knocks []*knock) prediction {
	var predicted prediction
	for _, k := range knocks {
		predicted = append(predicted, j.ends(k))
	}
	return predicted
}

func (j *judges) ends(k *knock) ends {
	if j.engine.idle {
		return ends{admits, admits, admits}
	}
	found := ends{leaving: verdict(j.egress, k.cell), arriving: verdict(j.ingress, k.cell), asking: admits}
	if k.cell.To.Kind == scenarios.EndpointNodePort || k.cell.To.Kind == scenarios.EndpointNode {
		found[leaving] = j.whoever(networkingv1.PolicyTypeEgress, []string{k.cell.From.Name})
		found[arriving] = j.whoever(networkingv1.PolicyTypeIngress, k.receivers)
	}
	question := k.question()
	if k.asksFirst() {
		found[asking] = verdict(j.egress, question)
	}
	if !j.engine.forgetful {
		return found
	}
	if answer, ok := k.answer(); ok {
		found[leaving] = min(found[leaving], verdict(j.ingress, answer))
		found[arriving] = min(found[arriving], verdict(j.egress, answer))
	}
	if k.asksFirst() {
		found[asking] = min(found[asking], verdict(j.ingress, reversed(question, question.To)))
	}
	return found
}

// whoever is what policies mean for pods, by the scenario's names, whoever is at the other end: on the way through a node it is up to the plugin
// which address an engine sees.
func (j *judges) whoever(direction networkingv1.PolicyType, pods []string) level {
	found := admits
	for i, name := range pods {
		at := slices.IndexFunc(j.seen.Pods, func(pod corev1.Pod) bool { return pod.Name == name })
		if at < 0 {
			return unsure
		}
		one := j.forAny(direction, &podSubject{&j.seen.Pods[at], &j.seen})
		if i > 0 && one != found {
			return unsure
		}
		found = one
	}
	return found
}

// forAny is what the policies of one pod mean for everybody alike.
func (j *judges) forAny(direction networkingv1.PolicyType, subject *podSubject) level {
	isolated, rules, open := false, 0, false
	for _, i := range subject.selecting(subject.pod.Labels) {
		p := &j.seen.Policies[i]
		if !slices.Contains(typesOf(p), direction) {
			continue
		}
		isolated = true
		if direction == networkingv1.PolicyTypeIngress {
			rules += len(p.Spec.Ingress)
			open = open || slices.ContainsFunc(p.Spec.Ingress, func(r networkingv1.NetworkPolicyIngressRule) bool { return len(r.From)+len(r.Ports) == 0 })
		} else {
			rules += len(p.Spec.Egress)
			open = open || slices.ContainsFunc(p.Spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool { return len(r.To)+len(r.Ports) == 0 })
		}
	}
	switch {
	case !isolated || open:
		return admits
	case rules == 0:
		return refuses
	}
	return unsure
}

// clientPort stands for the port that a client knocks from, which no policy of the suite names.
const clientPort = 50_000

// answer is the way back of a knock, as a knock of its own. ok is false where it is not known who answers.
func (k *knock) answer() (cell scenarios.Cell, ok bool) {
	responder := k.cell.To
	switch responder.Kind {
	case scenarios.EndpointService, scenarios.EndpointServiceName, scenarios.EndpointNodePort:
		if len(k.receivers) != 1 {
			return scenarios.Cell{}, false
		}
		responder = scenarios.Endpoint{Kind: scenarios.EndpointPod, Name: k.receivers[0]}
	}
	return reversed(k.cell, responder), k.cell.From.Kind == scenarios.EndpointPod
}

func reversed(cell scenarios.Cell, responder scenarios.Endpoint) scenarios.Cell {
	return scenarios.Cell{From: responder, To: cell.From, Port: clientPort, Protocol: cell.Protocol, Family: cell.Family}
}

// verdict asks one evaluator.
func verdict(evaluator *scenarios.Evaluator, cell scenarios.Cell) level {
	if evaluator == nil {
		return unsure
	}
	found, err := evaluator.Verdict(cell)
	switch {
	case err != nil:
		return unsure
	case found == policy.Allow:
		return admits
	case found == policy.Deny:
		return refuses
	}
	return unsure
}

// only keeps of each policy what is about one direction.
func only(all cluster, direction networkingv1.PolicyType) cluster {
	policies := all.Policies
	all.Policies = nil
	for i := range policies {
		if slices.Contains(typesOf(&policies[i]), direction) {
			kept := policies[i]
			kept.Spec.PolicyTypes = []networkingv1.PolicyType{direction}
			all.Policies = append(all.Policies, kept)
		}
	}
	return all
}

// typesOf are the directions that a policy is about, with the API server's default.
func typesOf(p *networkingv1.NetworkPolicy) []networkingv1.PolicyType {
	switch {
	case len(p.Spec.PolicyTypes) > 0:
		return p.Spec.PolicyTypes
	case len(p.Spec.Egress) > 0:
		return []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	}
	return []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
}
