package verify

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/podknock/podknock/probe"
)

// question is one knock of a live stage.
type question struct {
	from    *post
	attempt probe.Attempt
	// to is the pod whose evidence counts, nil if it is not a single one of ours.
	to *post
}

// reply is what became of a knock.
type reply struct {
	asked  bool
	result probe.Result
	// failure says why there is no result.
	failure string
}

// connected tells whether the right pod answered.
func (r *reply) connected() bool { return r.asked && r.result.Outcome == probe.Connected }

// blocked tells whether a policy may have stopped it: silence on the way, or a refusal by the network.
func (r *reply) blocked() bool {
	if !r.asked {
		return false
	}
	switch r.result.Outcome {
	case probe.Timeout:
		return r.result.Where != probe.WhereReturn && r.result.Where != probe.WhereDestination
	case probe.Rejected:
		return true
	case probe.Refused:
		// Every pod that is knocked on listens: so the refusal is not the application's, unless the pod itself proves it.
		return r.result.Origin != probe.OriginPod
	}
	return false
}

// words say what happened.
func (r *reply) words() string {
	if !r.asked {
		return r.failure
	}
	return fmt.Sprintf("%s: %s", r.result.Outcome, r.result.Reason)
}

// askTimeout is how long agents have for one question to all of them. A stream that is lost is opened again and again meanwhile; without a limit, a
// node that is cut off would hold a stage for minutes.
const askTimeout = 20 * time.Second

var errNoAnswer = fmt.Errorf("no answer within %s", askTimeout)

// askAll makes all knocks at once, each by the agent of its source, and returns when all are answered or their agents failed.
func askAll(ctx context.Context, knocks []question, timing probe.Timing) []reply {
	ctx, cancel := context.WithTimeoutCause(ctx, askTimeout, errNoAnswer)
	defer cancel()
	replies := make([]reply, len(knocks))
	bySource := map[*post][]int{}
	for i := range knocks {
		bySource[knocks[i].from] = append(bySource[knocks[i].from], i)
	}
	var all sync.WaitGroup
	for source, own := range bySource {
		all.Go(func() {
			attempts := make([]probe.Attempt, len(own))
			for i, k := range own {
				attempts[i] = knocks[k].attempt
				attempts[i].Timing = timing
			}
			// Each goroutine writes the replies of its own knocks only.
			err := source.agent.Run(ctx, attempts, func(index int, result probe.Result) {
				replies[own[index]] = reply{asked: result.Outcome != probe.Error, result: result, failure: result.Reason}
			})
			if err == nil {
				return
			}
			for _, k := range own {
				if !replies[k].asked && replies[k].failure == "" {
					replies[k].failure = fmt.Sprintf("pod %q could not be asked: %v", source.Name, err)
				}
			}
		})
	}
	all.Wait()
	return replies
}

// join asks the destinations what they know of the knocks that did not connect, and reads those again with it.
func join(ctx context.Context, knocks []question, replies []reply) {
	ctx, cancel := context.WithTimeoutCause(ctx, askTimeout, errNoAnswer)
	defer cancel()
	byTarget := map[*post][]int{}
	for i := range knocks {
		if knocks[i].to != nil && replies[i].asked && !replies[i].connected() {
			byTarget[knocks[i].to] = append(byTarget[knocks[i].to], i)
		}
	}
	var all sync.WaitGroup
	for target, own := range byTarget {
		all.Go(func() {
			var question probe.EvidenceQuestion
			for _, k := range own {
				if nonce := replies[k].result.Nonce; !nonce.IsZero() && len(question.Nonces) < probe.MaxQuestion {
					question.Nonces = append(question.Nonces, nonce)
				}
				question.Ports = append(question.Ports, replies[k].result.Ports...)
			}
			question.Ports = question.Ports[:min(len(question.Ports), probe.MaxQuestion)]
			evidence, err := target.agent.Evidence(ctx, question)
			if err != nil {
				return // the reading of the source alone stands
			}
			for _, k := range own {
				destination := evidence.Destination(knocks[k].attempt, replies[k].result.Observation, stagePort)
				replies[k].result.Reading = probe.Classify(knocks[k].attempt, replies[k].result.Observation, &destination)
			}
		})
	}
	all.Wait()
}
