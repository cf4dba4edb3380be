package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

// heldKnocks are connections to and from the pods that the canaries without rules isolate, on one node only: what becomes of established
// flows is a trait of the engine, not of a node.
func (g *ground) heldKnocks(cells []canaryQuestion) []canaryQuestion {
	var held []canaryQuestion
	for _, k := range cells {
		if k.form != nil && !k.form.nobody && len(g.sites) > 0 && k.site == g.sites[0] {
			held = append(held, k)
		}
	}
	return held
}

// holding are connections that were answered before a change and are asked again after it.
type holding struct {
	knocks  []canaryQuestion
	replies []reply
	// problem says why they could not be held.
	problem string

	agents map[holder]int
	done   chan struct{}
	cancel context.CancelFunc
}

const (
	// holdWait bounds the time until all connections are answered once, and holdPoll is the time between two looks.
	holdWait = 5 * time.Second
	holdPoll = 20 * time.Millisecond
)

// hold opens the connections and returns when all are answered once, or cannot be. Its holding must be ended.
func hold(ctx context.Context, knocks []canaryQuestion) *holding {
	ctx, cancel := context.WithCancel(ctx)
	h := &holding{knocks: knocks, agents: map[holder]int{}, done: make(chan struct{}), cancel: cancel}
	asked := make([]question, len(knocks))
	for i := range knocks {
		asked[i] = knocks[i].question
		asked[i].attempt.Hold = probe.MaxHold
		agent, ok := asked[i].from.agent.(holder)
		if !ok {
			h.problem = "the agents cannot hold connections"
			close(h.done)
			return h
		}
		h.agents[agent]++
	}
	go func() {
		defer close(h.done)
		h.replies = askAll(ctx, asked, probe.Timing{})
	}()
	if err := h.await(ctx); err != nil {
		h.problem = err.Error()
	}
	return h
}

// await returns when every agent holds what it was to hold.
func (h *holding) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, holdWait, errors.New("a connection that was to be held was not answered in time"))
	defer cancel()
	ticker := time.NewTicker(holdPoll)
	defer ticker.Stop()
	for agent, want := range h.agents {
		for {
			held, err := agent.Held(ctx)
			if err != nil {
				return fmt.Errorf("hold connections: %w", err)
			}
			if held >= want {
				break
			}
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-h.done:
				return errors.New("a connection that was to be held ended before the policy came")
			case <-ticker.C:
			}
		}
	}
	return nil
}

// release asks the second questions now and waits for the answers.
func (h *holding) release(ctx context.Context) {
	if h.problem != "" {
		h.end()
		return
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	for agent := range h.agents {
		all.Go(func() {
			if err := agent.Release(ctx); err != nil {
				mu.Lock()
				defer mu.Unlock()
				h.problem = fmt.Sprintf("ask held connections again: %v", err)
			}
		})
	}
	all.Wait()
	if h.problem != "" {
		h.end()
		return
	}
	select {
	case <-h.done:
	case <-ctx.Done():
		h.problem = context.Cause(ctx).Error()
	}
	h.end()
}

// end gives up what is still held.
func (h *holding) end() {
	h.cancel()
	<-h.done
}

// heldWords say what became of a held connection.
func heldWords(k *canaryQuestion, r *reply) string {
	way := "into the isolated pod"
	if k.form.direction == networkingv1.PolicyTypeEgress {
		way = "out of the isolated pod"
	}
	flow := fmt.Sprintf("%s %s, %s", k.attempt.Protocol, way, k.family)
	switch {
	case !r.asked:
		return flow + ": not tested: " + r.failure
	case !r.result.Held:
		return flow + ": not tested: it was not answered before the policy came"
	case r.connected():
		return flow + ": goes on"
	}
	return flow + ": ends, " + r.words()
}

// traits say what became of the connections, each kind once.
func (h *holding) traits(cells []canaryCell) []Trait {
	trait := Trait{Axis: scenarios.AxisHeldConnection, Title: titleOf(scenarios.AxisHeldConnection)}
	switch {
	case h.problem != "":
		trait.Found = "not tested: " + h.problem
		return []Trait{trait}
	case len(h.knocks) == 0:
		trait.Found = "not tested: there was no connection to hold"
		return []Trait{trait}
	}
	var words []string
	for i := range h.knocks {
		if !denies(cells, &h.knocks[i]) {
			continue
		}
		trait.Known = trait.Known || h.replies[i].asked && h.replies[i].result.Held
		if word := heldWords(&h.knocks[i], &h.replies[i]); !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	trait.Found = "not tested: the policies that should have cut the connections are not enforced"
	if len(words) > 0 {
		trait.Found = strings.Join(words, "; ")
	}
	return []Trait{trait}
}

// denies tells whether the canary denied new connections between the same ends.
func denies(cells []canaryCell, k *canaryQuestion) bool {
	return slices.ContainsFunc(cells, func(c canaryCell) bool {
		return c.denied && c.from == k.from && c.to == k.to && c.family == k.family && c.attempt.Protocol == k.attempt.Protocol
	})
}
