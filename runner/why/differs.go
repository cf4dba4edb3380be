package why

import (
	"slices"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner/diagnose"
	"github.com/podknock/podknock/scenarios/policy"
)

// differs tells whether any answer is not as the policies say, so that it is worth asking again; and open, whether something got through that they
// deny.
func differs(e *diagnose.Evidence) (open, differ bool) {
	if diagnose.Diagnose(e).Agree {
		return false, false
	}
	through := slices.ContainsFunc(e.Knocks, func(k diagnose.Knock) bool {
		return k.From == diagnose.RoleSource && k.Way != diagnose.WayLookup && k.Result.Outcome == probe.Connected
	})
	denied := slices.ContainsFunc(e.Ends, func(x policy.Explanation) bool { return x.Verdict == policy.Deny })
	return through && denied, true
}
