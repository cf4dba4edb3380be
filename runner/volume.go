package runner

import (
	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

// answeredPackets are the packets of an attempt that is answered, and that both ends and an engine have work with.
const answeredPackets = 3

// volume is what a round of the step sends, if all is as expected.
func (w *watch) volume() volume {
	of := func(sockets int) volume {
		packets := 0
		for _, i := range w.cells {
			if w.step.Cells[i].Expected == scenarios.Expected(probe.Connected) {
				packets += answeredPackets
				continue
			}
			packets += enough(w.roundTiming(sockets), w.aims[i].attempt.Loss).Sockets
		}
		return volume{sockets: sockets, packets: packets}
	}
	if v := of(roundSockets); v.packets <= burst {
		return v
	}
	return of(pooledSockets)
}

// pool adds to the silence of each cell in the newest round the silence of the rounds just before it, where that round alone does not make it
// certain.
func (w *watch) pool(answers table) {
	for _, i := range w.cells {
		result := answers[i].result
		if !answers[i].asked || !result.Inconclusive || result.Outcome != probe.Timeout || w.aims[i].attempt.Protocol == probe.DNS {
			continue
		}
		for at := len(w.recent) - 2; at >= 0; at-- {
			before := w.recent[at].table[i]
			if !before.asked || before.result.Outcome != probe.Timeout {
				break
			}
			result.Tries += before.result.Tries
			result.Rounds += before.result.Rounds
			result.Waited += before.result.Waited
		}
		result.Reading = probe.Classify(w.aims[i].attempt, result.Observation, nil)
		answers[i].result = w.reread(w.aims[i], result)
	}
}
