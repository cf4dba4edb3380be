package runner

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestSettlingNeedsRoundsThatAgreeAndSpanEnoughTime(t *testing.T) {
	const ms = time.Millisecond
	type told struct {
		at     time.Duration
		agrees bool
	}
	rows := map[string]struct {
		once      bool
		notBefore time.Duration
		rounds    []told
		settled   int // the index of the round that settles, -1 for none
	}{
		"one round that differs begins the count again":      {rounds: []told{{0, true}, {400 * ms, true}, {800 * ms, false}, {1200 * ms, true}, {1600 * ms, true}}, settled: -1},
		"three rounds in a row that are too close do not do": {rounds: []told{{0, true}, {100 * ms, true}, {200 * ms, true}}, settled: -1},
		"rounds before the engine can have caught up do not count": {
			notBefore: time.Second, rounds: []told{{0, true}, {400 * ms, true}, {800 * ms, true}, {1200 * ms, true}}, settled: -1,
		},
		"three rounds over 1.2 s do":              {rounds: []told{{0, false}, {400 * ms, true}, {1000 * ms, true}, {1600 * ms, true}}, settled: 3},
		"one round is enough if it proves itself": {once: true, rounds: []told{{0, false}, {400 * ms, true}}, settled: 1},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			s := settling{pace: pace{}.withDefaults(), once: row.once, notBefore: start.Add(row.notBefore)}
			settled := -1
			for i, round := range row.rounds {
				if s.add(start.Add(round.at), round.agrees) {
					settled = i
					break
				}
			}
			NewWithT(t).Expect(settled).To(Equal(row.settled))
		})
	}
}

func TestASentinelNeedsTwoSamplesInARow(t *testing.T) {
	changed := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(after time.Duration, known, isNew bool) sample {
		return sample{start: changed.Add(after), known: known, new: isNew, old: !isNew}
	}
	failed := sample{start: changed.Add(1), known: true}
	rows := map[string]struct {
		seen    []sample
		begun   bool
		latency time.Duration
		ok      bool
	}{
		"no sample":                                          {begun: true},
		"a single packet that was lost":                      {begun: true, seen: []sample{at(1, true, true), at(2, true, false), at(3, true, true)}},
		"one that was never answered between":                {begun: true, seen: []sample{at(1, true, true), at(2, false, false), at(3, true, true)}},
		"a way that never had the old outcome":               {seen: []sample{at(1, true, true), at(2, true, true), at(3, true, true)}},
		"a way whose first sample is an error":               {seen: []sample{failed, at(2, true, true), at(3, true, true)}},
		"a way whose first sample is not answered yet":       {seen: []sample{at(1, false, false), at(2, true, true), at(3, true, true)}},
		"the first of two in a row counts":                   {begun: true, seen: []sample{at(1, true, false), at(2, true, true), at(3, true, true)}, latency: 2, ok: true},
		"samples that begin with the old outcome are enough": {seen: []sample{at(1, true, false), at(2, true, true), at(3, true, true)}, latency: 2, ok: true},
		"a sample from before the change counts as at once":  {begun: true, seen: []sample{at(-5, true, true), at(3, true, true)}, latency: 0, ok: true},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			latency, ok := (&sentinel{wasOld: row.begun, seen: row.seen}).latency(changed)
			g.Expect(ok).To(Equal(row.ok))
			g.Expect(latency).To(Equal(row.latency))
		})
	}
}

func TestPercentilesAreSamples(t *testing.T) {
	g := NewWithT(t)
	var samples []time.Duration
	for i := 20; i >= 1; i-- {
		samples = append(samples, time.Duration(i)*time.Second)
	}
	figures := newFigures(samples)
	g.Expect(figures.P50).To(Equal(10 * time.Second))
	g.Expect(figures.P95).To(Equal(19 * time.Second))
	g.Expect(figures.Max).To(Equal(20 * time.Second))
	g.Expect(figures.Slow).To(BeTrue())
	g.Expect(newFigures(nil)).To(Equal(LatencyFigures{}))
	g.Expect(newFigures([]time.Duration{7}).P95).To(Equal(time.Duration(7)))
}
