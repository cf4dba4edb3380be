package lint

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podknock/podknock/scenarios/policy"
)

// maxPairs bounds how many pairs of pods of one peer are judged.
const maxPairs = 400

// checkEnds finds rules that admit pods whose own policies stop the connection.
func (c *checker) checkEnds() {
	if c.evaluator == nil {
		return
	}
	for _, p := range c.policies {
		for _, r := range rulesOf(p) {
			if !governs(p, r.policyType) {
				continue
			}
			for i := range r.peers {
				c.checkOtherEnd(p, &r, i)
			}
		}
	}
}

// checkOtherEnd judges the pairs of a peer that is more than a namespace. One that passes is enough: the rule is of use.
func (c *checker) checkOtherEnd(p *networkingv1.NetworkPolicy, r *ruleView, i int) {
	peer := &r.peers[i]
	if peer.PodSelector == nil || isEmpty(peer.PodSelector) {
		return
	}
	var stopped *policy.End
	pairs := 0
	for _, subject := range c.selected(p) {
		for _, other := range c.peerPods(p, peer) {
			if pairs++; pairs > maxPairs {
				return
			}
			if subject == other {
				continue
			}
			query, ok := c.queryFor(r, subject, other)
			if !ok {
				continue
			}
			explanation, err := c.evaluator.Explain(query)
			if err != nil || len(explanation.Paths) != 1 {
				return
			}
			path := &explanation.Paths[0]
			own, far := &path.Ingress, &path.Egress
			if r.policyType == networkingv1.PolicyTypeEgress {
				own, far = far, own
			}
			if own.Verdict == policy.Deny {
				continue // the port is none of this pod's
			}
			if far.Verdict != policy.Deny {
				return
			}
			if stopped == nil {
				stopped = far
			}
		}
	}
	if stopped == nil {
		return
	}
	var names []string
	for _, selection := range stopped.Selecting {
		names = append(names, selection.Policy.String())
	}
	c.found(ruleOneEnd, refOf(p), r.peerField(i, "podSelector"),
		fmt.Sprintf("The rule admits %s, whose own %s is closed to that by policy %s.", stopped.Subject, lower(stopped.Direction), someNames(names)),
		fmt.Sprintf("Open the other end too: a rule in spec.%s of a policy for %s.", lower(stopped.Direction), stopped.Subject))
}

func lower(policyType networkingv1.PolicyType) string {
	if policyType == networkingv1.PolicyTypeEgress {
		return "egress"
	}
	return "ingress"
}

// queryFor is a connection that the rule is about: to its first port that the receiver has, or any port for a rule without.
func (c *checker) queryFor(r *ruleView, subject, other *corev1.Pod) (policy.Query, bool) {
	from, to := other, subject
	if r.policyType == networkingv1.PolicyTypeEgress {
		from, to = subject, other
	}
	query := policy.Query{
		From: policy.Pod(from.Namespace, from.Name), To: policy.Pod(to.Namespace, to.Name), Port: 1, Protocol: corev1.ProtocolTCP,
	}
	ports := portsOf(to)
	if len(r.ports) == 0 {
		if len(ports) == 0 {
			return query, false // any port might do, and none is known to matter
		}
		query.Port, query.Protocol = ports[0].ContainerPort, ports[0].Protocol
		return query, true
	}
	for i := range r.ports {
		for j := range ports {
			if admits(&r.ports[i], &ports[j]) {
				query.Port, query.Protocol = ports[j].ContainerPort, ports[j].Protocol
				return query, true
			}
		}
	}
	first := &r.ports[0]
	if first.Port == nil || first.Port.Type == intstr.String {
		return query, false
	}
	query.Port, query.Protocol = first.Port.IntVal, protocolOf(first)
	return query, true
}
