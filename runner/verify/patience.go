package verify

import (
	"fmt"
	"time"

	"github.com/podknock/podknock/runner"
)

const (
	// patience is how long a step of the suite that only creates policies, and is not as expected, is asked on at least while what is wrong stays so.
	patience = 8 * time.Second
	// patienceFactor is how many times longer than the slowest canary it may take: a machine may be under load now and then.
	patienceFactor = 10
)

// slowest is how long the slowest canary took to be enforced, and whether any was. It is zero for an engine that was quicker than the first question.
func (c *Canary) slowest() (after time.Duration, any bool) {
	for i := range c.Trials {
		after, any = max(after, c.Trials[i].After), any || c.Trials[i].Denial.How != ""
	}
	return after, any
}

// giveUp is how long steps that only create policies go on while what is wrong stays wrong: a policy that an engine gets wrong would otherwise cost
// the whole bound. What an engine needs for a new policy the canaries have shown. Of other changes they say nothing, and those have the whole bound
// until the suite itself has shown how long they take.
func (c *Canary) giveUp() time.Duration {
	slowest, any := c.slowest()
	if !any {
		return 0
	}
	return max(patience, patienceFactor*slowest)
}

// noteGivenUp says how many steps were given up before the bound, and why that was right.
func (v *verification) noteGivenUp(suite *runner.Report) {
	bound := v.options.Runner.SettleTimeout
	if bound <= 0 {
		bound = runner.DefaultSettleTimeout
	}
	count := 0
	for i := range suite.Scenarios {
		for _, step := range suite.Scenarios[i].Steps {
			if step.Settled.How == runner.SettledAtBound && step.Settled.Waited < bound {
				count++
			}
		}
	}
	if count > 0 {
		slowest, _ := v.report.Canary.slowest()
		v.note(fmt.Sprintf("%d steps of the suite were given up before their bound of %s, because what was wrong in them had been so for %s or longer: the slowest "+
			"canary was enforced after %s", count, bound, rounded(v.report.Canary.giveUp()), rounded(slowest)))
	}
}
