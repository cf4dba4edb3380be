// Package diagnose says why a connection is as it is: evidence in, ordered findings out.
//
// [Evidence] holds three facts that are never folded into one: what the wire answered ([Knock]), what the policies mean ([policy.Explanation]),
// and the state of the objects on the way ([Snapshot]). [Diagnose] joins them. Each cause of the [Catalogue] is one check; those that apply become
// [Finding]s, the most likely first, each with its evidence, its advice and, where one object mends it, a command that does.
//
// # Guarantees
//
//   - Everything is a pure function of the evidence, and the same evidence gives the same bytes.
//   - Where wire and policies agree and nothing else was wanted, nothing is accused.
//   - What could not be read or asked is said ([Report.Unknown]) and proves nothing.
//
// # Non-goals
//
// The package reads no cluster and knocks on nothing, which package runner/why does, and does not guess what policies of other APIs mean: it names
// those that select the pods.
package diagnose
