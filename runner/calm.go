package runner

import (
	"context"
	"time"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

const (
	// calmSample is how many knocks tell how much a network loses.
	calmSample = 200
	// calmPerSecond is how many of them are begun in a second.
	calmPerSecond = 1000
	// calmTries is how often they are asked as long as packets seem to be lost: agents may still be busy with rounds that were given up.
	calmTries = 3
)

// measureCalmly measures the paths again, if a round before any policy has found them slow or lossy. Where many pods knock at once, packets wait
// for nodes and agents that are busy, and that looks like a long way or like loss. What is believed of that makes every round after it longer
// and larger, so that it is only believed of a few knocks at an easy pace, one for each pair of a source and an address.
func (w *watch) measureCalmly(ctx context.Context) {
	if changesAnything(w.step) {
		return
	}
	slow := w.paths.loss() > 0
	var sample []int
	chosen := map[[2]string]bool{}
	for _, i := range w.cells {
		cell, a := w.step.Cells[i], w.aims[i]
		key := [2]string{a.source, a.attempt.Host}
		if cell.Reason.Origin != scenarios.NoPolicy || a.obstacle != "" || a.attempt.Protocol != probe.TCP || chosen[key] {
			continue
		}
		long := w.longTrip(w.paths.trips[key])
		if long || len(sample) < calmSample {
			chosen[key] = true
			sample = append(sample, i)
			slow = slow || long
		}
	}
	if !slow || len(sample) == 0 {
		return
	}
	for range calmTries {
		askCtx, cancel := w.options.pace.forAnswer(ctx)
		answers := w.ask(askCtx, w.aims, sample, w.roundTiming(roundSockets), time.Duration(len(sample))*time.Second/calmPerSecond)
		cancel()
		var calm paths
		for _, i := range sample {
			calm.learn(w.aims[i], answers[i].result, w.options.pace.stagger)
		}
		w.paths.replace(calm)
		if w.paths.loss() == 0 || ctx.Err() != nil {
			return
		}
	}
}

// longTrip tells whether a round trip is so long that an attempt has to wait longer for its sake.
func (w *watch) longTrip(trip time.Duration) bool {
	timeout := w.options.Timeout
	if timeout == 0 {
		timeout = probe.DefaultTimeout
	}
	return trip > timeout/4
}
