package why

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/diagnose"
)

// ask makes all attempts of a round at once, each from its agent, joins the answers with what the destination's double knows, and returns those that
// came. The error says which agents could not be asked; what the others said is returned with it.
func ask(ctx context.Context, agents map[diagnose.Role]runner.Agent, all []aim, round int) ([]diagnose.Knock, error) {
	results := make([]*probe.Result, len(all))
	byRole := map[diagnose.Role][]int{}
	for i := range all {
		byRole[all[i].knock.From] = append(byRole[all[i].knock.From], i)
	}
	var roles sync.WaitGroup
	var mu sync.Mutex
	var failures []error
	for role, indexes := range byRole {
		roles.Go(func() {
			attempts := make([]probe.Attempt, len(indexes))
			for i, index := range indexes {
				attempts[i] = all[index].knock.Attempt
			}
			err := agents[role].Run(ctx, attempts, func(i int, result probe.Result) { results[indexes[i]] = &result })
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				failures = append(failures, fmt.Errorf("ask the %s: %w", role, err))
			}
		})
	}
	roles.Wait()
	if witness := agents[diagnose.RoleDestination]; witness != nil {
		testify(ctx, witness, all, results)
	}
	var knocks []diagnose.Knock
	for i := range all {
		if results[i] == nil {
			continue
		}
		knock := all[i].knock
		knock.Round, knock.Result = round, *results[i]
		knocks = append(knocks, knock)
	}
	return knocks, errors.Join(failures...)
}

// testify reads the answers that the destination's double can say something about again with its evidence. If it cannot be asked, they stay as the
// source alone reads them.
func testify(ctx context.Context, witness runner.Agent, all []aim, results []*probe.Result) {
	var question probe.EvidenceQuestion
	for i := range all {
		if !all[i].witness || results[i] == nil {
			continue
		}
		if nonce := results[i].Nonce; !nonce.IsZero() {
			question.Nonces = append(question.Nonces, nonce)
		}
		question.Ports = append(question.Ports, results[i].Ports...)
	}
	if len(question.Nonces) == 0 {
		return
	}
	evidence, err := witness.Evidence(ctx, question)
	if err != nil {
		return
	}
	for i := range all {
		if !all[i].witness || results[i] == nil {
			continue
		}
		destination := evidence.Destination(all[i].knock.Attempt, results[i].Observation, uint16(all[i].knock.Port))
		results[i].Reading = probe.Classify(all[i].knock.Attempt, results[i].Observation, &destination)
	}
}
