package diagnose

import (
	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios/policy"
)

// openAgainst: the policies deny it, and it got through.
func (q *inquiry) openAgainst(j *joined) bool {
	return j.verdict == policy.Deny && j.outcome != "" && !Blocked(j.outcome) && j.outcome != probe.DNSFailure && j.outcome != probe.Unreachable
}

// shutAgainst: the policies allow it, and it was stopped on the way.
func (q *inquiry) shutAgainst(j *joined) bool { return j.verdict == policy.Allow && Blocked(j.outcome) }

// denied: the policies deny it, the wire, if it was asked, says so too, and it was wanted.
func (q *inquiry) denied(j *joined) bool {
	return j.verdict == policy.Deny && (j.outcome == "" || Blocked(j.outcome)) && q.wanted == ExpectConnected
}

// admitted: the policies allow it, the wire, if it was asked, says so too, and it was not wanted.
func (q *inquiry) admitted(j *joined) bool {
	return j.verdict == policy.Allow && (j.outcome == "" || passed(j.outcome)) && q.wanted == ExpectBlocked
}

// refused: the packets got through, and there was no connection.
func (q *inquiry) refused(j *joined) bool {
	return q.wanted == ExpectConnected && (j.outcome == probe.Refused || j.outcome == probe.Reset || j.outcome == probe.Closed || j.outcome == probe.Unreachable)
}

// deniedEnds are the ends that deny, the source's first.
func (q *inquiry) deniedEnds(j *joined) []*policy.End {
	path := q.path(j.family)
	if path == nil {
		return nil
	}
	var ends []*policy.End
	for _, end := range []*policy.End{&path.Egress, &path.Ingress} {
		if end.Verdict == policy.Deny {
			ends = append(ends, end)
		}
	}
	return ends
}

// bothEnds are both ends, the source's first.
func (q *inquiry) bothEnds(j *joined) []*policy.End {
	path := q.path(j.family)
	if path == nil {
		return nil
	}
	return []*policy.End{&path.Egress, &path.Ingress}
}

// missWith is the nearest miss of an end whose terms are all of the given kinds, with at least one of the first.
func missWith(end *policy.End, kind policy.TermKind, others ...policy.TermKind) *policy.Miss {
	for i := range end.Misses {
		miss := &end.Misses[i]
		has, alien := false, false
		for _, term := range miss.Terms {
			switch {
			case term.Kind == kind:
				has = true
			case !contains(others, term.Kind):
				alien = true
			}
		}
		if has && !alien {
			return miss
		}
	}
	return nil
}

func contains[T comparable](list []T, one T) bool {
	for _, candidate := range list {
		if candidate == one {
			return true
		}
	}
	return false
}
