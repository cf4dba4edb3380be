package diagnose

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios/policy"
)

func (q *inquiry) servicePort(j *joined) []Finding {
	return q.byMiss(j, 86, func(end *policy.End, miss *policy.Miss) string {
		return fmt.Sprintf("policies see the port of the pod, not that of the Service: write %d", q.Question.PodPort)
	}, policy.TermServicePort)
}

func (q *inquiry) namedPort(j *joined) []Finding {
	return q.byMiss(j, 84, func(end *policy.End, miss *policy.Miss) string {
		term := firstTerm(miss, policy.TermNamedPort)
		return fmt.Sprintf("a port name means what the receiving pod declares for that protocol: declare %v there, or write the number", term.Wanted)
	}, policy.TermNamedPort)
}

func (q *inquiry) protocolOmitted(j *joined) []Finding {
	return q.byMiss(j, 85, func(end *policy.End, miss *policy.Miss) string {
		return fmt.Sprintf("a port without a protocol means TCP: add an entry with protocol: %s", q.Question.Protocol)
	}, policy.TermProtocol)
}

func (q *inquiry) rulePort(j *joined) []Finding {
	return q.byMiss(j, 80, func(end *policy.End, miss *policy.Miss) string {
		return fmt.Sprintf("the rule is for another port: %d/%s is not in it", q.Question.PodPort, q.Question.Protocol)
	}, policy.TermPort)
}

func (q *inquiry) blockMisses(j *joined) []Finding {
	found := q.byMiss(j, 79, func(end *policy.End, miss *policy.Miss) string {
		return fmt.Sprintf("the address %s is taken out by an except of policy %s", end.Peer, miss.Policy)
	}, policy.TermExcept)
	return append(found, q.byMiss(j, 78, func(end *policy.End, miss *policy.Miss) string {
		if end.Peer.Kind == policy.KindPod {
			return "addresses of pods change: select the pod by its labels instead of an ipBlock"
		}
		return fmt.Sprintf("no ipBlock of policy %s holds %s", miss.Policy, end.Peer)
	}, policy.TermBlock)...)
}

// namedPortIgnored: the rule that admits gives the port by name, and the wire stops it.
func (q *inquiry) namedPortIgnored(j *joined) []Finding {
	if !q.shutAgainst(j) {
		return nil
	}
	end, port := q.decidingPort(j, func(p *networkingv1.NetworkPolicyPort) bool { return p.Port != nil && p.Port.Type == intstr.String })
	if end == nil {
		return nil
	}
	number := intstr.FromInt32(q.Question.PodPort)
	return one(Finding{
		Because: []string{end.Sentence(), fmt.Sprintf("its port is the name %q, and the wire stops %d/%s", port.Port.StrVal, q.Question.PodPort, q.Question.Protocol)},
		Advice:  "write the number instead of the name; if that helps, this plugin mishandles named ports",
		Fix:     q.portFix(end, "port", number), Weight: 78,
	})
}

// rangeIgnored: the rule that admits gives a range of ports, and the wire stops one above the first.
func (q *inquiry) rangeIgnored(j *joined) []Finding {
	if !q.shutAgainst(j) {
		return nil
	}
	end, port := q.decidingPort(j, func(p *networkingv1.NetworkPolicyPort) bool {
		return p.EndPort != nil && p.Port != nil && q.Question.PodPort > p.Port.IntVal
	})
	if end == nil {
		return nil
	}
	return one(Finding{
		Because: []string{
			end.Sentence(), fmt.Sprintf("its ports are %d to %d, and the wire stops %d", port.Port.IntVal, *port.EndPort, q.Question.PodPort),
		},
		Advice: "name the port by itself; if that helps, this plugin ignores endPort (kubectl describe does not show it either)",
		Fix: policyFix(end.Deciding.Policy, fmt.Sprintf("add the port %d by itself", q.Question.PodPort), policy.Operation{
			Op: "add", Path: fmt.Sprintf("/spec/%s/%d/ports/-", direction(end.Direction), end.Deciding.Rule),
			Value: networkingv1.NetworkPolicyPort{Protocol: &q.Question.Protocol, Port: new(intstr.FromInt32(q.Question.PodPort))},
		}),
		Weight: 80,
	})
}

// decidingPort finds an end that is admitted by a port of a certain form.
func (q *inquiry) decidingPort(j *joined, is func(*networkingv1.NetworkPolicyPort) bool) (*policy.End, *networkingv1.NetworkPolicyPort) {
	for _, end := range q.bothEnds(j) {
		if end.Deciding == nil || end.Deciding.Port == policy.All {
			continue
		}
		object := q.policyObject(end.Deciding.Policy)
		if object == nil {
			continue
		}
		ports := portsOf(object, end.Direction, end.Deciding.Rule)
		if port := &ports[end.Deciding.Port]; is(port) {
			return end, port
		}
	}
	return nil, nil
}

func portsOf(object *networkingv1.NetworkPolicy, d networkingv1.PolicyType, rule int) []networkingv1.NetworkPolicyPort {
	if d == networkingv1.PolicyTypeEgress {
		return object.Spec.Egress[rule].Ports
	}
	return object.Spec.Ingress[rule].Ports
}

// portFix replaces a field of the port that admits.
func (q *inquiry) portFix(end *policy.End, field string, value any) *Fix {
	path := fmt.Sprintf("/spec/%s/%d/ports/%d/%s", direction(end.Direction), end.Deciding.Rule, end.Deciding.Port, field)
	return policyFix(end.Deciding.Policy, fmt.Sprintf("set %s to %v", field, value), policy.Operation{Op: "replace", Path: path, Value: value})
}

// notListening: the pod refuses, so the application is what to look at.
func (q *inquiry) notListening(j *joined) []Finding {
	if !q.refused(j) || j.outcome == probe.Unreachable {
		return nil
	}
	pod := q.Snapshot.pod(q.Question.Pod)
	if pod == nil {
		if q.Question.To.Kind == policy.KindAddress {
			return one(Finding{
				Because: []string{j.knock.Result.Reason}, Weight: 70,
				Advice: fmt.Sprintf("%s answers, and does not take connections on port %d", q.Question.target(), q.Question.Port),
			})
		}
		return nil
	}
	finding := Finding{Weight: 80, Because: []string{j.knock.Result.Reason}}
	if q.outcome(WayDouble, RoleSource, j.family) == probe.Connected {
		finding.Because = append(finding.Because, "a probe pod with the same standing before the policies, on the same node and port, was reached: no policy stops it")
		finding.Weight = 90
	}
	var listening []int32
	for _, k := range q.knocks(WayOther, RoleSource, j.family) {
		if k.Result.Outcome == probe.Connected {
			listening = append(listening, k.Port)
			finding.Because = append(finding.Because, fmt.Sprintf("port %d/TCP of the pod takes connections", k.Port))
		}
	}
	if service := q.Snapshot.service(q.Question.To); service != nil && len(listening) > 0 {
		finding.Advice = fmt.Sprintf("the Service leads to port %d, where nothing listens: set its targetPort to %d", q.Question.PodPort, listening[0])
		finding.Fix = targetPortFix(service, q.Question.Port, listening[0])
		return one(finding)
	}
	switch {
	case len(listening) > 0:
		finding.Advice = fmt.Sprintf("nothing listens on port %d of the pod: use port %d, or have the application listen on %d", q.Question.PodPort, listening[0], q.Question.PodPort)
	case declares(pod, q.Question.PodPort):
		finding.Advice = fmt.Sprintf("the pod declares port %d, and nothing listens there: the application is down, listens on 127.0.0.1 alone (bind 0.0.0.0 or ::), or on another port",
			q.Question.PodPort)
	default:
		finding.Advice = fmt.Sprintf("nothing listens on port %d of the pod, and it does not declare it: look up which port the application uses, and that it does not bind 127.0.0.1",
			q.Question.PodPort)
	}
	return one(finding)
}

// declares tells whether a pod declares a port.
func declares(pod *corev1.Pod, number int32) bool {
	for _, container := range pod.Spec.Containers {
		for _, port := range container.Ports {
			if port.ContainerPort == number {
				return true
			}
		}
	}
	return false
}

// targetPortFix leads a port of a Service elsewhere.
func targetPortFix(service *corev1.Service, port, target int32) *Fix {
	for i := range service.Spec.Ports {
		if service.Spec.Ports[i].Port != port {
			continue
		}
		return &Fix{
			Object: "service " + service.Namespace + "/" + service.Name, Change: fmt.Sprintf("set spec.ports[%d].targetPort to %d", i, target),
			Command: patchCommand("service", service.Namespace, service.Name, []policy.Operation{
				{Op: "replace", Path: fmt.Sprintf("/spec/ports/%d/targetPort", i), Value: target},
			}),
		}
	}
	return nil
}
