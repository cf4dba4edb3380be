// Package verify answers one question about a cluster: has this installation of a network plugin worked?
//
// A [Report] has five stages. Pre-flight says whether the cluster can be tested at all. Path says whether packets pass while no policy is in
// force. The canary says on which nodes denies are enforced, how this engine denies and how fast. The suite `conformance` is run and its
// cells are read axis by axis ([Judge]). The headline is the smallest axis, and node, that explains all failing cells.
//
// # How a headline is found
//
// A hypothesis is an engine with one defect: a change of what the engine sees of the cluster, or of what it decides. For every hypothesis
// of [Hypotheses] the evaluator of package scenarios/policy predicts each cell of the suite. One whose failing cells are the observed ones
// explains the run. Hypotheses that predict the same for the whole suite form a class that no probe of the suite can tell apart, and are
// named together. What no hypothesis, and no two, explain is reported as such, with the smallest set of axes that covers it.
//
// # Guarantees
//
//   - Judging is pure: the same run gives the same report.
//   - Cells that are inconclusive, or that could not be asked, accuse nobody.
//   - Nothing outside the explanation is accused: every other axis with failing cells says what it follows from.
//   - A plugin is never judged by what the NetworkPolicy API leaves to it.
//
// # Non-goals
//
// The package does not render, and does not speak to Kubernetes.
package verify
