package diagnose

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/scenarios/policy"
)

// Judge asks the policies: about the target, about the pod behind it, and about the way to the name servers, in each family that both ends have.
func (e *Evidence) Judge() error {
	e.Ends, e.EndsPod, e.DNS = nil, nil, nil
	evaluator, err := policy.Compile(e.Snapshot.Cluster)
	if err != nil {
		return fmt.Errorf("read the policies: %w", err)
	}
	q := e.Question
	to := q.To
	if to.Kind == "" {
		to = resolved(e)
	}
	if to.Kind != "" {
		if e.Ends, err = inFamilies(evaluator, policy.Query{From: q.From, To: to, Port: q.Port, Protocol: q.Protocol}); err != nil {
			return err
		}
	}
	if q.Pod.Kind != "" && q.Pod != to {
		if e.EndsPod, err = inFamilies(evaluator, policy.Query{From: q.From, To: q.Pod, Port: q.PodPort, Protocol: q.Protocol}); err != nil {
			return err
		}
	}
	for _, server := range nameServers(e) {
		for _, protocol := range []corev1.Protocol{corev1.ProtocolUDP, corev1.ProtocolTCP} {
			explanation, err := evaluator.Explain(policy.Query{From: q.From, To: policy.Address(server.Addr()), Port: int32(server.Port()), Protocol: protocol})
			if err == nil {
				e.DNS = append(e.DNS, explanation)
			}
		}
	}
	return nil
}

// inFamilies asks in each family. It fails if no family works.
func inFamilies(evaluator *policy.Evaluator, query policy.Query) ([]policy.Explanation, error) {
	var found []policy.Explanation
	var failures []error
	for _, family := range []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol} {
		query.Family = family
		explanation, err := evaluator.Explain(query)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		if explanation.Query.Family == "" {
			explanation.Query.Family = family
		}
		found = append(found, explanation)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("ask the policies: %w", errors.Join(failures...))
	}
	// A Service without backends says so in every family; once is enough.
	if len(found) == 2 && len(found[0].Paths)+len(found[1].Paths) == 0 {
		found = found[:1]
	}
	return found, nil
}

// resolved is the address that a name outside the cluster resolved to.
func resolved(e *Evidence) policy.Endpoint {
	for i := range e.Knocks {
		if e.Knocks[i].Way != WayLookup {
			continue
		}
		for _, query := range e.Knocks[i].Result.Queries {
			if len(query.Addresses) > 0 {
				return policy.Address(query.Addresses[0])
			}
		}
	}
	return policy.Endpoint{}
}

// nameServers are those that were asked.
func nameServers(e *Evidence) []netip.AddrPort {
	var servers []netip.AddrPort
	for i := range e.Knocks {
		if e.Knocks[i].Way != WayLookup {
			continue
		}
		for _, query := range e.Knocks[i].Result.Queries {
			if !slices.Contains(servers, query.Server) {
				servers = append(servers, query.Server)
			}
		}
	}
	return servers
}
