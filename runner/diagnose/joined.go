package diagnose

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios/policy"
)

// joined is the wire and the policies together, in one family.
type joined struct {
	family  corev1.IPFamily
	verdict policy.Verdict
	// outcome is what the wire answered to the question as it was asked; empty if it was not asked.
	outcome probe.Outcome
	knock   *Knock
}

// join puts the two together for each family.
func (e *Evidence) join() []joined {
	var all []joined
	for _, family := range e.families() {
		j := joined{family: family}
		if explanation := e.ends(family); explanation != nil {
			j.verdict = explanation.Verdict
			if j.verdict == policy.Depends && backendsDiffer(explanation) {
				// The question is about one of the backends.
				if path := e.path(family); path != nil {
					j.verdict = path.Verdict
				}
			}
		}
		j.knock = e.main(family)
		if j.knock != nil && j.knock.Result.Outcome != probe.Error && j.knock.Result.Outcome != probe.Unsupported {
			j.outcome = j.knock.Result.Outcome
		}
		all = append(all, j)
	}
	return all
}

func backendsDiffer(explanation *policy.Explanation) bool {
	for _, doubt := range explanation.Doubts {
		if doubt == policy.DoubtBackend {
			return len(explanation.Doubts) == 1
		}
	}
	return false
}

// main is the knock that answers the question as it was asked. UDP proves something only towards our own responder, so there it is the one on
// the double of the destination.
func (e *Evidence) main(family corev1.IPFamily) *Knock {
	ways := []Way{WayTarget, WayName, WayPod}
	if e.Question.Name != "" {
		ways = []Way{WayName, WayTarget, WayPod}
	}
	if e.Question.Protocol != corev1.ProtocolTCP {
		ways = []Way{WayDouble, WayTarget, WayPod}
	}
	for _, way := range ways {
		if k := e.knock(way, RoleSource, family); k != nil {
			return k
		}
	}
	return nil
}

// agrees tells whether wire and policies say the same. It is unknown, and so true, where either has not spoken or the policies leave it to the
// plugin. A refusal by the pod, or anything after the connection, has passed the policies.
func (j *joined) agrees() bool {
	if j.outcome == "" || j.verdict == "" {
		return true
	}
	switch j.verdict {
	case policy.Deny:
		return Blocked(j.outcome) || j.outcome == probe.DNSFailure
	case policy.Allow:
		return !Blocked(j.outcome)
	}
	return true
}

// passed tells whether the packets got past the policies: connected, or ended later.
func passed(outcome probe.Outcome) bool {
	switch outcome {
	case probe.Connected, probe.Refused, probe.Reset, probe.Closed, probe.Stalled, probe.WrongResponder:
		return true
	}
	return false
}

// asWanted tells whether the wire did what was wanted. Unknown is true.
func (j *joined) asWanted(wanted Expect) bool {
	switch {
	case j.outcome == "":
		return true
	case wanted == ExpectBlocked:
		return Blocked(j.outcome)
	}
	return j.outcome == probe.Connected
}
