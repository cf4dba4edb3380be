// Package runner tells the story of a run: plan, deploy, settle, attempt, compare, report, clean up.
//
// [Plan] is pure: it turns scenarios into cells and says what each needs. [Run] carries the plan out through the small interfaces that
// this package declares ([Cluster] and its parts), and returns a [Report], which every renderer reads and which nothing changes afterwards.
// Comparing what was expected with what was seen is pure too, so that a report can be judged again from its evidence.
//
// # Guarantees
//
//   - Three facts stay three types: what the wire answered ([probe.Outcome]), what the policies say ([policy.Verdict]) and that nothing could
//     be learnt ([Error], [Inconclusive]). None is ever folded into another.
//   - A cell that should fail passes only if its control proved in this very run that the path works.
//   - What this side could not ask is [Error], whatever the cell expected.
//   - Everything that a run creates carries the run's id, and is deleted on every way out that the process survives. What is left is named
//     in the report.
//   - Scenarios that need the same pods share a topology only one after the other. One that does not come out as expected there is run again on
//     a topology of its own before it is judged, so that nothing is blamed on it that a scenario before has left behind.
//   - Every wait watches something, and ends: at its own bound, or with the context.
//
// # Non-goals
//
// The package does not speak to Kubernetes, which package runner/cluster does, does not render ([Report] is data), and does not diagnose.
package runner
