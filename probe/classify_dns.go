package probe

import (
	"fmt"
	"net/netip"
	"strings"
)

// classifyLookup reads a lookup that gave no address, the first phase of an attempt to a name.
func classifyLookup(a Attempt, o Observation) Reading {
	return Reading{Outcome: DNSFailure, Reason: fmt.Sprintf("looking up %q: %s", a.Host, describeQueries(o.Queries)),
		Inconclusive: dnsInconclusive(a, o.Queries)}
}

// classifyQueries reads a DNS attempt: one server that knows an address is enough, as for a resolver.
func classifyQueries(a Attempt, o Observation) Reading {
	var addresses []netip.Addr
	failed := 0
	for _, q := range o.Queries {
		addresses = append(addresses, q.Addresses...)
		if !q.answered() {
			failed++
		}
	}
	if len(addresses) == 0 {
		return classifyLookup(a, o)
	}
	reason := fmt.Sprintf("%q has %s", a.Host, count(len(addresses), "address record"))
	if failed > 0 {
		reason += fmt.Sprintf(", but %d of %s failed: %s", failed, count(len(o.Queries), "question"), describeQueries(o.Queries))
	}
	return Reading{Outcome: Connected, Reason: reason}
}

// answered tells whether a server with knowledge spoke, rather than nobody or a server in trouble.
func (q *Query) answered() bool {
	return q.Code == DNSNoError || q.Code == DNSNoData || q.Code == DNSNXDomain
}

// describeQueries names each different answer once, with the server that gave it first.
func describeQueries(queries []Query) string {
	var parts []string
	seen := map[string]bool{}
	for i := range queries {
		q := &queries[i]
		key := string(q.Code) + q.Server.String()
		if q.Code == DNSNoError || seen[key] {
			continue
		}
		seen[key] = true
		parts = append(parts, describeQuery(q))
	}
	if len(parts) == 0 {
		return "nobody was asked"
	}
	return strings.Join(parts, "; ")
}

func describeQuery(q *Query) string {
	transport := "UDP"
	if q.TCP {
		transport = "TCP"
	}
	switch {
	case q.Code == DNSTimeout:
		return fmt.Sprintf("timeout: %s did not answer %s over %s in %s", q.Server, count(q.Tries, "question"), transport, brief(q.Elapsed))
	case q.Code == DNSUnreachable && q.ICMP != nil:
		return fmt.Sprintf("unreachable: %s from %s for %s over %s", describeICMP(q.ICMP), q.ICMP.Offender, q.Server, transport)
	case q.Code == DNSUnreachable:
		return fmt.Sprintf("unreachable: %s from %s over %s", q.Errno, q.Server, transport)
	default:
		return fmt.Sprintf("%s from %s for %s", q.Code, q.Server, q.Name)
	}
}

// dnsInconclusive tells whether loss may have made the silence of all servers.
func dnsInconclusive(a Attempt, queries []Query) bool {
	for _, q := range queries {
		if q.Code != DNSTimeout || silenceProbability(a.Loss, q.Tries) <= MaxErrorProbability {
			return false
		}
	}
	return len(queries) > 0
}
