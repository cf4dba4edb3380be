package scenarios

import (
	"fmt"

	"github.com/podknock/podknock/scenarios/policy"
)

// EvaluatorOf judges the cells of the step by another cluster than the step's own, such as one that a faulty engine believes in. The cluster
// has the step's pods and Services under their names, or more. The verdicts are those of [Evaluator.Verdict]; expectations are about the step's
// own policies and must not be asked for.
func (s *ExpandedStep) EvaluatorOf(cluster policy.Cluster) (*Evaluator, error) {
	compiled, err := policy.Compile(cluster)
	if err != nil {
		return nil, fmt.Errorf("step %q: compile another cluster: %w", s.Name, err)
	}
	return &Evaluator{world: s.world, policy: compiled}, nil
}

// Verdict is what the policies mean for a cell, without the question to the DNS that a name needs first. The error is [ErrNoVerdict] for
// nodes, node ports and foreign DNS names.
func (e *Evaluator) Verdict(cell Cell) (policy.Verdict, error) {
	query, err := e.world.query(keyOfCell(cell))
	if err != nil {
		return "", err
	}
	return e.policy.Verdict(query)
}

// Open is what a cell of the step finds where no policy hinders it: [Any] where the scenario cannot know.
func (s *ExpandedStep) Open(cell Cell) Expected { return s.world.openOutcome(keyOfCell(cell).knock) }

// Receivers are the pods that a cell of the step may end at, by the scenario's names: those behind a Service, or the one pod.
func (s *ExpandedStep) Receivers(cell Cell) []string { return s.world.receivers(cell.To) }

// SharedNode says whether the scenario puts two pods on one node (same) or on two (apart). Both are false where the scheduler decides.
func (s *Scenario) SharedNode(one, other string) (same, apart bool) {
	return s.placedWith(one) == s.placedWith(other), s.placedApart(one, other)
}
