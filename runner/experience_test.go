package runner

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

func TestPatienceWithAChangeIsThatOfItsKind(t *testing.T) {
	const ofNewPolicies = 8 * time.Second
	rows := []struct {
		name      string
		shown     func(*experience)
		of        time.Duration
		deeds     []deed
		want      time.Duration
		isUnknown bool
	}{
		{name: "a caller that knows nothing", of: 0, deeds: []deed{policyCreated}, isUnknown: true},
		{name: "nothing is changed", of: ofNewPolicies, isUnknown: true},
		{name: "a kind that no step has shown", of: ofNewPolicies, deeds: []deed{policyChanged}, isUnknown: true},
		{
			name: "a kind for which one step has waited in vain", of: ofNewPolicies, deeds: []deed{policyChanged}, isUnknown: true,
			shown: func(e *experience) { e.inVain([]deed{policyChanged}) },
		},
		{
			name: "a kind that was quick together with another", of: ofNewPolicies, deeds: []deed{policyChanged}, isUnknown: true,
			shown: func(e *experience) { e.learn([]deed{policyChanged, podLabelled}, time.Second) },
		},
		{
			name: "a kind that was quick, together with one that no step has shown", of: ofNewPolicies, deeds: []deed{policyChanged, podLabelled}, isUnknown: true,
			shown: func(e *experience) { e.learn([]deed{policyChanged}, time.Second) },
		},
		{name: "new policies", of: ofNewPolicies, deeds: []deed{policyCreated}, want: ofNewPolicies},
		{
			name: "new policies that took longer than the caller knew", of: ofNewPolicies, deeds: []deed{policyCreated}, want: 30 * time.Second,
			shown: func(e *experience) { e.learn([]deed{policyCreated}, 10*time.Second) },
		},
		{
			name: "a kind for which two steps have waited in vain", of: ofNewPolicies, deeds: []deed{policyChanged}, want: ofNewPolicies,
			shown: func(e *experience) {
				e.inVain([]deed{policyChanged})
				e.inVain([]deed{policyChanged})
			},
		},
		{
			name: "the slowest of its kind counts", of: ofNewPolicies, deeds: []deed{policyChanged}, want: 15 * time.Second,
			shown: func(e *experience) {
				e.learn([]deed{policyChanged}, 5*time.Second)
				e.learn([]deed{policyChanged}, time.Second)
			},
		},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			e := newExperience()
			if row.shown != nil {
				row.shown(e)
			}
			limit, known := e.patience(row.deeds, row.of)
			g.Expect(known).To(Equal(!row.isUnknown))
			g.Expect(limit).To(Equal(row.want))
		})
	}
}

func TestARoundIsHopelessWhenWhatIsWrongStaysWrongAndAllElseRests(t *testing.T) {
	const patience, rest = 8 * time.Second, time.Second
	begin := time.Unix(0, 0)
	rows := []struct {
		name string
		// rounds are the outcomes of two cells that are expected to connect, one round a second.
		rounds   [][2]probe.Outcome
		hopeless bool
	}{
		{name: "nothing is wrong", rounds: repeat(20, probe.Connected, probe.Connected)},
		{name: "it has not been wrong for long", rounds: repeat(5, probe.Connected, probe.Timeout)},
		{name: "another came right meanwhile, not long ago", rounds: append(repeat(7, probe.Timeout, probe.Timeout), repeat(4, probe.Connected, probe.Timeout)...)},
		{name: "it was right in between", rounds: append(append(repeat(8, probe.Connected, probe.Timeout), repeat(1, probe.Connected, probe.Connected)...),
			repeat(8, probe.Connected, probe.Timeout)...)},
		{name: "another was right until just now", rounds: append(repeat(12, probe.Connected, probe.Timeout), repeat(1, probe.Timeout, probe.Timeout)...)},
		{name: "another is right only just now", rounds: append(repeat(12, probe.Timeout, probe.Timeout), repeat(1, probe.Connected, probe.Timeout)...)},
		{name: "one is wrong", rounds: repeat(9, probe.Connected, probe.Timeout), hopeless: true},
		{name: "it is wrong in several ways", rounds: append(repeat(5, probe.Connected, probe.Timeout), repeat(4, probe.Connected, probe.Refused)...), hopeless: true},
		{name: "another came right, and long ago", rounds: append(repeat(3, probe.Timeout, probe.Timeout), repeat(9, probe.Connected, probe.Timeout)...), hopeless: true},
		{name: "another goes to and fro", rounds: append(append(repeat(8, probe.Connected, probe.Timeout), repeat(1, probe.Timeout, probe.Timeout)...),
			repeat(2, probe.Connected, probe.Timeout)...), hopeless: true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			open := scenarios.Cell{Expected: scenarios.Expected(probe.Connected)}
			cells := []int{0, 1}
			h := newHistory([]scenarios.Cell{open, open}, begin)
			var at time.Time
			for i, outcomes := range row.rounds {
				at = begin.Add(time.Duration(i) * time.Second)
				r := round{start: at, table: make(table, 2)}
				for cell, outcome := range outcomes {
					r.table[cell] = answer{asked: true, result: probe.Result{Reading: probe.Reading{Outcome: outcome}}}
				}
				h.add(r, cells)
			}
			NewWithT(t).Expect(h.hopeless(at, cells, patience, rest)).To(Equal(row.hopeless))
		})
	}
}

func repeat(count int, outcomes ...probe.Outcome) [][2]probe.Outcome {
	rounds := make([][2]probe.Outcome, count)
	for i := range rounds {
		rounds[i] = [2]probe.Outcome(outcomes)
	}
	return rounds
}
