package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

// runInTurn runs a scenario in its lane, and then others of its shape on the same topology, as long as that is as good as new and any wait. It
// returns the lane of the last one, whose topology is still there.
func (r *run) runInTurn(ctx context.Context, waiting *pool, scenario int, planned *Planned, l *lane) *lane {
	for {
		result, err := l.run(ctx, planned)
		if l.after != "" && (l.tainted || result.Counts.Fail > 0) && ctx.Err() == nil {
			var differs bool
			if l, result, differs, err = r.again(ctx, scenario, l); differs {
				waiting.separate()
				r.note("%s; no topology was used for more than one scenario from then on", result.Error)
			}
		}
		r.finished(scenario, &result, err)
		if !waiting.wanted(planned.shape) || !l.asGoodAsNew(&result) || !r.goesOn(ctx) {
			break
		}
		if err := l.vacate(ctx); err != nil {
			if r.goesOn(ctx) {
				r.note("the topology of scenario %q was not used again: %v", result.Name, err)
			}
			break
		}
		if !r.goesOn(ctx) {
			break
		}
		next, ok := waiting.follow(planned.shape)
		if !ok {
			break
		}
		scenario, planned = next, r.plan.Scenarios[next].onTopologyOf(l.book.naming)
		l = l.follower(planned)
	}
	l.closeAgents()
	return l
}

// again runs a scenario on a topology of its own that did not come out as expected after another one: what it found might come from that one's
// policies. It reports whether now all is as expected. Then the result says what that means, and is no pass.
func (r *run) again(ctx context.Context, scenario int, shared *lane) (own *lane, result ScenarioResult, differs bool, err error) {
	shared.closeAgents()
	shared.tidy(ctx)
	planned := &r.plan.Scenarios[scenario]
	own = newLane(r.cluster, r.options, planned, shared.commons)
	result, err = own.run(ctx, planned)
	if differs = err == nil && result.Mark == MarkPass; differs {
		result.Mark = worse(result.Mark, MarkInconclusive)
		result.Error = fmt.Sprintf("scenario %q did not come out as expected on the topology of scenario %q, whose policies had been deleted, "+
			"and did so on a topology of its own: something of those policies may have been in force still", result.Name, shared.after)
	}
	return own, result, differs, err
}

// goesOn tells whether another scenario may begin.
func (r *run) goesOn(ctx context.Context) bool { return ctx.Err() == nil && !r.isStopped() }

// note adds a fact about the run as a whole, once.
func (r *run) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if text := fmt.Sprintf(format, args...); !slices.Contains(r.notes, text) {
		r.notes = append(r.notes, text)
	}
}

// asGoodAsNew tells whether nothing has happened to the topology of a scenario that could bear on the next one, policies aside. After a failure it
// is not: a policy that was not enforced in time may be enforced late, when the next scenario has begun.
func (l *lane) asGoodAsNew(result *ScenarioResult) bool {
	return l.sound && result.Error == "" && result.Counts.Error+result.Counts.Fail == 0 && len(l.book.problems) == 0 && len(l.unclean) == 0
}

// vacate makes the topology what it was at the start: no policy of ours is left, and every pod is the one that it was. The error says what
// stands against that.
func (l *lane) vacate(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, l.options.CleanUpTimeout,
		fmt.Errorf("it was not made ready again within %s", l.options.CleanUpTimeout))
	defer cancel()
	for _, policy := range slices.SortedFunc(maps.Keys(l.applied), policyName.compare) {
		if err := l.cluster.DeletePolicy(ctx, policy.namespace, policy.name); err != nil {
			return explain(ctx, fmt.Errorf("delete policy %q: %w", policy.name, err))
		}
	}
	for _, namespace := range l.ownNamespaces() {
		policies, err := l.cluster.ListPolicies(ctx, namespace)
		if err != nil {
			return explain(ctx, err)
		}
		if len(policies) > 0 {
			return fmt.Errorf("NetworkPolicy %q is in namespace %q although those of the scenario were deleted", policies[0].Name, namespace)
		}
	}
	return l.meetAgain(ctx)
}

// meetAgain makes sure that the pods are still those that started, and compares the clocks anew.
func (l *lane) meetAgain(ctx context.Context) error {
	var mu sync.Mutex
	var all sync.WaitGroup
	failures := map[string]error{}
	for name, pod := range l.book.pods {
		all.Go(func() {
			offset, err := meet(ctx, l.agent(name), pod)
			if incidents := l.cluster.PodIncidents(pod.Namespace, pod.Name); incidents.Count > 0 {
				err = errors.New(incidents.Last)
			}
			mu.Lock()
			defer mu.Unlock()
			l.offsets[name] = offset
			if err != nil {
				failures[name] = err
			}
		})
	}
	all.Wait()
	for _, name := range slices.Sorted(maps.Keys(failures)) {
		return explain(ctx, fmt.Errorf("pod %q: %w", name, failures[name]))
	}
	return nil
}

// follower is the lane of another scenario on the same topology. This lane is not used any more.
func (l *lane) follower(planned *Planned) *lane {
	next := newLane(l.cluster, l.options, planned, l.commons)
	next.after = l.scenario.Metadata.Name
	next.agents, next.offsets, next.alive = l.agents, l.offsets, l.alive
	next.book.pods, next.book.services, next.book.nodes = l.book.pods, l.book.services, l.book.nodes
	return next
}

// settleIn brings the topology into being, or takes over the one that is there.
func (l *lane) settleIn(ctx context.Context, start []scenarios.Ref) error {
	if l.after == "" {
		return l.deploy(ctx, start)
	}
	return l.learnNodes(ctx)
}

// notClean says what is wrong with a topology that another scenario has used before.
func (l *lane) notClean() string {
	return fmt.Sprintf("the topology was not clean after scenario %q: not everything can be reached although its policies were deleted", l.after)
}

// closedAtFirst tells whether something was found otherwise before any policy than it should be, by an answer that counts.
func (s *story) closedAtFirst() bool {
	for i, cell := range s.expansion.Steps[0].Cells {
		found := s.findings[0][i]
		if found.asked && found.disturbed == "" && found.result.Outcome != probe.Error &&
			agree(cell.Expected, cell.To.Kind, found.result, found.destination) == differs {
			return true
		}
	}
	return false
}
