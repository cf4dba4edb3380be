package runner

import (
	"context"
	"slices"
	"sync"

	"github.com/podknock/podknock/probe"
)

// maxQuiet bounds the cells of a step that are asked again in quiet.
const maxQuiet = 256

// askQuietly asks these cells again, with the counters of the destination read before and after, so that what the counters say is about this
// attempt: no pod takes part in two attempts at once.
func (l *lane) askQuietly(ctx context.Context, aims []aim, cells []int, answers table, destinations []*probe.Destination) {
	cells = slices.DeleteFunc(slices.Clone(cells), func(i int) bool { return aims[i].target == "" })
	mute := map[string]bool{} // the targets that do not answer: each costs its time once
	for _, wave := range quietWaves(aims, cells[:min(len(cells), maxQuiet)], l.countersOf) {
		answered := make([]bool, len(wave))
		var all sync.WaitGroup
		for at, i := range wave {
			if !mute[aims[i].target] {
				all.Go(func() { answered[at] = l.askInQuiet(ctx, aims, i, answers, destinations) })
			}
		}
		all.Wait()
		if ctx.Err() != nil {
			return
		}
		for at, i := range wave {
			mute[aims[i].target] = !answered[at]
		}
	}
}

// countersOf names the network that a pod counts in: its own, or that of its node, which has the node's address.
func (l *lane) countersOf(name string) string {
	if pod := l.book.pods[name]; len(pod.Addresses) > 0 {
		return pod.Addresses[0].String()
	}
	return name
}

// quietWaves puts the cells into waves in which each network is that of the source or the target of one cell at most.
func quietWaves(aims []aim, cells []int, network func(pod string) string) [][]int {
	var waves [][]int
	var busy []map[string]bool
	for _, i := range cells {
		source, target := network(aims[i].source), network(aims[i].target)
		at := slices.IndexFunc(busy, func(networks map[string]bool) bool { return !networks[source] && !networks[target] })
		if at < 0 {
			at = len(waves)
			waves, busy = append(waves, nil), append(busy, map[string]bool{})
		}
		waves[at] = append(waves[at], i)
		busy[at][source], busy[at][target] = true, true
	}
	return waves
}

// askInQuiet asks one cell again, and tells whether its target answered what it was asked.
func (l *lane) askInQuiet(ctx context.Context, aims []aim, i int, answers table, destinations []*probe.Destination) bool {
	ctx, cancel := l.options.pace.forAnswer(ctx)
	defer cancel()
	agent := l.agent(aims[i].target)
	before, err := agent.Evidence(ctx, probe.EvidenceQuestion{})
	if err != nil {
		return false
	}
	again := l.ask(ctx, aims, []int{i}, l.roundTiming(roundSockets), 0)[i]
	if !again.asked {
		return true
	}
	after, err := agent.Counters(ctx)
	if err != nil {
		return false
	}
	single := table{again}
	known := make([]*probe.Destination, 1)
	l.joinPart(ctx, aims[i].target, before.Mark, []int{0}, []aim{aims[i]}, single, known)
	var destination probe.Destination
	if known[0] != nil {
		destination = *known[0]
	}
	destination = destination.InQuietRound(aims[i].attempt.Protocol, before.Counters, after)
	destinations[i] = &destination
	answers[i].result = l.readAgain(aims[i], again.result, destination)
	return true
}
