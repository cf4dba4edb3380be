package runner

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
)

func TestSilenceIsPooledOnlyAsFarAsItLasted(t *testing.T) {
	attempt := probe.Attempt{Protocol: probe.TCP, Host: "10.0.0.1", Port: 80}
	silent := func(tries int) answer {
		observation := probe.Observation{Phase: probe.PhaseConnect, Tries: tries, Rounds: 1, Waited: time.Second}
		return answer{asked: true, result: probe.Result{Reading: probe.Classify(attempt, observation, nil), Observation: observation}}
	}
	connected := answer{asked: true, result: probe.Result{Reading: probe.Reading{Outcome: probe.Connected}}}
	rows := map[string]struct {
		rounds       []answer
		tries        int
		inconclusive bool
	}{
		"an answer in between breaks it":           {rounds: []answer{silent(2), connected, silent(2)}, tries: 2, inconclusive: true},
		"an agent that was not asked breaks it":    {rounds: []answer{silent(2), {}, silent(2)}, tries: 2, inconclusive: true},
		"two rounds of one packet are too few":     {rounds: []answer{silent(1), silent(1)}, tries: 2, inconclusive: true},
		"three rounds of two packets are enough":   {rounds: []answer{silent(2), silent(2), silent(2)}, tries: 6},
		"what is certain by itself stays as it is": {rounds: []answer{silent(4), silent(4)}, tries: 4},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := watch{story: &story{lane: &lane{}}, cells: []int{0}, aims: []aim{{attempt: attempt}}}
			for _, answer := range row.rounds {
				w.recent = append(w.recent, round{table: table{answer}})
			}
			answers := table{row.rounds[len(row.rounds)-1]}
			w.pool(answers)
			g.Expect(answers[0].result.Outcome).To(Equal(probe.Timeout))
			g.Expect(answers[0].result.Tries).To(Equal(row.tries))
			g.Expect(answers[0].result.Inconclusive).To(Equal(row.inconclusive))
		})
	}
}
