package runner

import "github.com/podknock/podknock/scenarios/policy"

// Explanation is the trace of the policies' verdict, in the scenario's names.
type Explanation = policy.Explanation

// Mark is the judgement of a cell, or the worst one of many.
type Mark string

// The marks.
const (
	// MarkPass: as expected, and where that is a block, the control proves the path.
	MarkPass Mark = "pass"
	// MarkFail: something else than expected was seen.
	MarkFail Mark = "fail"
	// MarkInconclusive: what was seen proves nothing.
	MarkInconclusive Mark = "inconclusive"
	// MarkError: nothing could be asked.
	MarkError Mark = "error"
	// MarkUnjudged: the scenario leaves the cell to the plugin.
	MarkUnjudged Mark = "unjudged"
)

// severity orders marks; the worst comes last. A failure is worse than an error because it is certain.
func (m Mark) severity() int {
	switch m {
	case MarkUnjudged:
		return 0
	case MarkPass:
		return 1
	case MarkInconclusive:
		return 2
	case MarkError:
		return 3
	case MarkFail:
		return 4
	}
	return 0
}

// worse returns the worse of two marks.
func worse(a, b Mark) Mark {
	if b.severity() > a.severity() {
		return b
	}
	return a
}

// Add counts one cell.
func (c *Counts) Add(mark Mark) {
	switch mark {
	case MarkPass:
		c.Pass++
	case MarkFail:
		c.Fail++
	case MarkInconclusive:
		c.Inconclusive++
	case MarkError:
		c.Error++
	case MarkUnjudged:
		c.Unjudged++
	}
}

// Total is the number of all cells.
func (c Counts) Total() int { return c.Pass + c.Fail + c.Inconclusive + c.Error + c.Unjudged }

// Sum adds two counts.
func (c Counts) Sum(other Counts) Counts {
	return Counts{
		Pass: c.Pass + other.Pass, Fail: c.Fail + other.Fail, Inconclusive: c.Inconclusive + other.Inconclusive,
		Error: c.Error + other.Error, Unjudged: c.Unjudged + other.Unjudged,
	}
}

// The exit codes of `podknock run`.
const (
	ExitAsExpected   = 0
	ExitMismatch     = 1
	ExitInconclusive = 3
	ExitLeftovers    = 4
)

// ExitCode is what a report means to a script: 4 if something is left behind, else 3 if it was interrupted, else 1 on a mismatch, else 3 if
// anything could not be tested or proved nothing, else 0. Skipped scenarios count as nothing, unless all were.
func (r *Report) ExitCode() int {
	switch {
	case len(r.CleanUp.Leftovers) > 0:
		return ExitLeftovers
	case r.Interrupted:
		return ExitInconclusive
	case r.Counts.Fail > 0:
		return ExitMismatch
	case r.Error != "" || r.Counts.Error > 0 || r.Counts.Inconclusive > 0 || len(r.Scenarios) == 0:
		return ExitInconclusive
	}
	for i := range r.Scenarios {
		if r.Scenarios[i].Error != "" {
			return ExitInconclusive
		}
	}
	return ExitAsExpected
}
