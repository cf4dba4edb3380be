package runner

import (
	"slices"
	"time"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

// answeredPackets are the packets of an attempt that is answered, and that both ends and an engine have work with.
const answeredPackets = 3

// part is a share of a round: cells that are asked alike, spread over a time of their own.
type part struct {
	cells []int
	// sockets are those of each attempt that stays silent, and packets those of all attempts, if all is as expected.
	sockets, packets int
}

// agenda is what the rounds of a step ask.
type agenda struct {
	// whole is a round that asks about every cell, one part after the other.
	whole []part
	// between is asked by every second round while all is as expected: the first part of the whole again. Nil means that every round is whole.
	between []part
}

// of are the parts of the round of a number, after so many rounds in a row that were not as expected, and the time over which they are spread. A part
// takes as long in every round, so that as much time lies between two questions about a cell as between their rounds.
func (a agenda) of(number, differing int, pace pace) (parts []part, spread time.Duration, whole bool) {
	packets := packetsOf(a.whole)
	spread = pace.spread(packets, differing)
	if a.between == nil || number%2 == 0 || differing > 0 {
		return a.whole, spread, true
	}
	return a.between, spread * time.Duration(a.whole[0].packets) / time.Duration(packets), false
}

// packetsOf are those of a round.
func packetsOf(parts []part) int {
	packets := 0
	for _, p := range parts {
		packets += p.packets
	}
	return packets
}

// agenda is what the step asks. Where a round of it all at once would be too much, the cells that stay silent go first, so that the wait for their
// silence is over when the others have been asked, and every second round asks only them: an answer proves itself, silence has to last.
func (w *watch) agenda() agenda {
	of := func(cells []int, sockets int) part {
		packets := 0
		for _, i := range cells {
			if w.opens(i) {
				packets += answeredPackets
				continue
			}
			packets += enough(w.roundTiming(sockets), w.aims[i].attempt.Loss).Sockets
		}
		return part{cells: cells, sockets: sockets, packets: packets}
	}
	if all := of(w.cells, roundSockets); all.packets <= burst {
		return agenda{whole: []part{all}}
	}
	var parted agenda
	if silent := w.silent(); len(silent) > 0 {
		parted.whole, parted.between = []part{of(silent, pooledSockets)}, []part{of(silent, betweenSockets)}
	}
	if open := slices.DeleteFunc(slices.Clone(w.cells), func(i int) bool { return !w.opens(i) }); len(open) > 0 {
		parted.whole = append(parted.whole, of(open, pooledSockets))
	}
	return parted
}

// opens tells whether a cell is expected to be answered.
func (w *watch) opens(cell int) bool {
	return w.step.Cells[cell].Expected == scenarios.Expected(probe.Connected)
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
			if w.recent[at+1].table[i].carried {
				continue // that was the answer of this round
			}
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
