package why

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/diagnose"
)

// canary applies a policy that closes podknock's own pods, and nothing else, for ingress, and looks node by node whether that has an effect. It is
// asked until all are closed or the time is over.
func (s *story) canary(ctx context.Context) {
	s.options.Progress("trying whether the nodes enforce a policy at all")
	for _, namespace := range s.plan.namespaces() {
		if _, err := s.cluster.ApplyPolicy(ctx, canaryPolicy(namespace, s.options.Run)); err != nil {
			s.obstacle(fmt.Errorf("try a policy of our own: %w", err))
			return
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeouts.Canary+probe.DefaultTimeout)
	defer cancel()
	end := time.Now().Add(s.options.Timeouts.Canary)
	for {
		knocks, err := ask(ctx, s.agents, s.canaryAims(), 1)
		if err != nil || len(knocks) == 0 {
			return
		}
		s.evidence.Canary = readCanary(knocks)
		open := slices.Contains(slices.Collect(maps.Values(s.evidence.Canary)), diagnose.CanaryOpen)
		if !open || !time.Now().Before(end) {
			return
		}
	}
}

func canaryPolicy(namespace, run string) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "podknock-" + run + "-canary"},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{runner.LabelRun: run}},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		},
	}
}

// canaryPort is one on which no probe pod listens: a refusal shows that the packets got through.
const canaryPort = 59871

// canaryAims ask every probe pod from every other one: an engine may look at both ends, so that only traffic within a node tells of that node alone.
func (s *story) canaryAims() []aim {
	var all []aim
	for _, to := range roleOrder {
		target, there := s.pods[to]
		if !there || to == diagnose.RoleSource && s.evidence.Ephemeral {
			continue
		}
		for _, from := range roleOrder {
			if _, there := s.pods[from]; !there || from == to {
				continue
			}
			attempt := probe.Attempt{Protocol: probe.TCP, Host: target.Addresses[0].String(), Port: canaryPort, Foreign: true}
			attempt.Confirm, attempt.ICMPWait = -1, -1
			all = append(all, aim{knock: diagnose.Knock{Way: diagnose.WayClosed, From: from, To: target.Node, Port: canaryPort, Attempt: attempt}})
		}
	}
	return all
}

// readCanary says for each node whether anything got through to a pod on it.
func readCanary(knocks []diagnose.Knock) map[string]diagnose.CanaryResult {
	result := map[string]diagnose.CanaryResult{}
	for i := range knocks {
		k := &knocks[i]
		switch {
		case k.Result.Outcome == probe.Error:
		case diagnose.Blocked(k.Result.Outcome):
			if result[k.To] == "" {
				result[k.To] = diagnose.CanaryEnforced
			}
		default:
			result[k.To] = diagnose.CanaryOpen
		}
	}
	return result
}
