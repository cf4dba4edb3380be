package diagnose

import (
	"cmp"
	"slices"

	"github.com/podknock/podknock/scenarios/policy"
)

// Diagnose answers a question from its evidence.
func Diagnose(e *Evidence) *Report {
	q := newInquiry(e)
	report := &Report{
		APIVersion: APIVersion, Kind: Kind, Question: e.Question, Asked: e.Asked, Agree: true, AsWanted: true,
		Findings: q.findings(), Doubles: e.Doubles, Knocks: e.Knocks,
	}
	report.Explanations = append(append(report.Explanations, e.Ends...), e.EndsPod...)
	for i := range q.joined {
		j := &q.joined[i]
		report.Agree = report.Agree && j.agrees() && q.before(j) == nil
		report.AsWanted = report.AsWanted && q.asWanted(j)
	}
	report.Wire, report.Policies = q.wire(), q.policies()
	report.Others = q.othersSelecting()
	report.Steps = q.steps()
	report.Unknown = q.unknown()
	report.ByHand = q.byHand()
	report.Answer = q.answer(report)
	return report
}

// inquiry is a question with its evidence joined.
type inquiry struct {
	*Evidence
	joined []joined
	wanted Expect
}

func newInquiry(e *Evidence) *inquiry {
	return &inquiry{Evidence: e, joined: e.join(), wanted: e.Question.wanted()}
}

// asWanted tells whether what was wanted is so: on the wire, or without it by the verdict. Without a wish it is.
func (q *inquiry) asWanted(j *joined) bool {
	switch {
	case q.Question.Expect == "":
		return true
	case j.outcome != "":
		return j.asWanted(q.wanted)
	case q.wanted == ExpectBlocked:
		return j.verdict != policy.Allow
	}
	return j.verdict != policy.Deny
}

// trouble tells whether there is anything to explain in a family: wire and policies differ, or it is not as wanted. Whoever does not say what he
// wants, wants to know why it is not connected.
func (q *inquiry) trouble(j *joined) bool {
	if !j.agrees() || q.before(j) != nil || q.nameFails() || q.wanted == ExpectConnected && (q.stalls(j) || !q.Asked && len(q.Obstacles) > 0) {
		return true
	}
	switch {
	case j.outcome != "":
		return !j.asWanted(q.wanted)
	case j.verdict == policy.Depends:
		return true
	case q.wanted == ExpectBlocked:
		return j.verdict == policy.Allow
	}
	return j.verdict == policy.Deny
}

// findings runs the checks of the catalogue, and orders what they find. A cause is named once, for the first family that has it.
func (q *inquiry) findings() []Finding {
	found := []Finding{}
	for i := range q.joined {
		j := &q.joined[i]
		if !q.trouble(j) {
			continue
		}
		for _, cause := range Catalogue() {
			if cause.check == nil {
				continue
			}
			for _, finding := range cause.check(q, j) {
				if slices.ContainsFunc(found, func(f Finding) bool { return f.Cause == cause.ID }) {
					break
				}
				finding.Cause, finding.Number, finding.Title = cause.ID, cause.Number, cause.Title
				found = append(found, finding)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(b.Weight, a.Weight) })
	if len(found) == 0 {
		return found
	}
	// What only says that nothing better is known is left out where something better is.
	return append(found[:1], slices.DeleteFunc(found[1:], func(f Finding) bool {
		return f.Number == noRuleNumber || f.Number == admittedNumber || f.Number == unexplainedNumber
	})...)
}

// one is a single finding as a list.
func one(f Finding) []Finding { return []Finding{f} }
