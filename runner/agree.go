package runner

import (
	"slices"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

// agreement is how well a result fits an expectation.
type agreement int

const (
	// differs: it is something else.
	differs agreement = iota
	// unclear: one end alone cannot tell. The destination's evidence or a quiet round decides.
	unclear
	// agrees: it is what was expected.
	agrees
)

// agree compares the reading of a result with what was expected. The destination is its evidence, nil where none was asked. It is pure.
func agree(expected scenarios.Expected, to scenarios.EndpointKind, result probe.Result, destination *probe.Destination) agreement {
	switch {
	case result.Outcome == probe.Error:
		return differs
	case expected == scenarios.Any:
		return agrees
	case result.Outcome == probe.Unsupported:
		// Asking again would find the same. The judge says that nothing was learnt.
		return agrees
	case to == scenarios.EndpointDNS && result.Outcome == probe.DNSFailure:
		return agreeDNS(expected, result)
	case result.Outcome == probe.Refused && result.Origin == probe.OriginUnknown:
		// It may turn out to be a rejection.
		if expected == scenarios.Expected(probe.Refused) || expected.Admits(probe.Rejected) {
			return unclear
		}
		return differs
	case result.Outcome == probe.Refused && expected.Admits(probe.Rejected) && !expected.Admits(probe.Refused):
		// That nothing listens does not prove that the pod refused. The counters of a quiet round do: then the packet arrived.
		if result.Origin == probe.OriginPod && destination != nil && destination.Quiet {
			return differs
		}
		return unclear
	case result.Outcome == probe.Timeout && result.Inconclusive:
		// A refusal that was held back by the limit on ICMP errors looks like silence.
		if result.ICMPLimited && expected == scenarios.Expected(probe.Refused) || expected.Admits(probe.Timeout) {
			return unclear
		}
		return differs
	case result.Outcome == probe.Timeout && (result.Where == probe.WhereReturn || result.Where == probe.WhereDestination):
		// The packet arrived: whatever dropped the answer, nobody blocked the way in the sense of a policy.
		if expected == scenarios.Blocked {
			return differs
		}
	}
	if expected.Admits(result.Outcome) {
		if result.Inconclusive {
			return unclear
		}
		return agrees
	}
	return differs
}

// agreeDNS is for questions to the cluster's DNS: they are blocked if no server said anything.
func agreeDNS(expected scenarios.Expected, result probe.Result) agreement {
	silent := len(result.Queries) > 0 && !slices.ContainsFunc(result.Queries, func(q probe.Query) bool {
		return q.Code != probe.DNSTimeout && q.Code != probe.DNSUnreachable
	})
	switch {
	case expected == scenarios.Expected(probe.DNSFailure), expected == scenarios.Blocked && silent:
		if result.Inconclusive {
			return unclear
		}
		return agrees
	}
	return differs
}
