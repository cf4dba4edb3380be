package runner

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
)

// crowd is a scenario in which so many pods knock on each other that a round at once would be too much.
func crowd(pods int, expect string) string {
	var text strings.Builder
	text.WriteString("apiVersion: podknock.dev/v1alpha1\nkind: Scenario\nmetadata: {name: crowd}\nabout: Everybody knocks on everybody.\npods:\n")
	for i := range pods {
		fmt.Fprintf(&text, "  p%d: {labels: {role: crowd}, ports: [80/TCP, 81/TCP]}\n", i)
	}
	text.WriteString(`steps:
  - name: half of it is closed
    apply:
      - metadata: {name: half}
        spec: {podSelector: {matchLabels: {role: crowd}}, policyTypes: [Ingress], ingress: [{ports: [{port: 80}]}]}
    expect:
` + expect)
	return text.String()
}

func TestALargeStepAsksSilentCellsInEveryRoundAndTheOthersInEverySecond(t *testing.T) {
	g := NewWithT(t)
	const pods = 20
	cluster := newFakeCluster()
	var mu sync.Mutex
	enforced := false
	sockets := map[string][]int{} // of the attempts since the policy is there
	cluster.asked = func(c *fakeCluster, source, target string, attempt probe.Attempt) (probe.Observation, bool) {
		mu.Lock()
		defer mu.Unlock()
		if enforced = enforced || len(c.policies) > 0; enforced && source != target {
			name := fmt.Sprintf("%s->%s:%d", source, target, attempt.Port)
			sockets[name] = append(sockets[name], attempt.Timing.Sockets)
		}
		return probe.Observation{}, false
	}
	options := fastOptions()
	options.SettleTimeout = 10 * time.Second
	step := runOn(t, t.Context(), cluster, options, crowd(pods, `      - {from: "*", to: "*:80", outcome: connected}
      - {from: "*", to: "*:81", outcome: blocked}
`)).Scenarios[0].Steps[1]
	g.Expect(step.Mark).To(Equal(MarkPass))
	g.Expect(step.Settled.How).To(Equal(SettledAsExpected))
	g.Expect(step.Settled.Rounds).To(BeEquivalentTo(3))
	mu.Lock()
	defer mu.Unlock()
	g.Expect(sockets).To(HaveLen(pods * (pods - 1) * 2))
	for name, asked := range sockets {
		if strings.HasSuffix(name, ":80") {
			g.Expect(asked).To(Equal([]int{pooledSockets, pooledSockets}), name)
			continue
		}
		whole := slices.DeleteFunc(slices.Clone(asked), func(n int) bool { return n != pooledSockets })
		g.Expect(whole).To(HaveLen(2), name)
		g.Expect(len(asked)).To(BeNumerically(">", len(whole)), "%s is asked between, and may be sampled", name)
	}
	for _, cell := range step.Cells {
		if cell.From != cell.To && cell.Port == 81 {
			g.Expect(cell.Result.Tries).To(BeNumerically(">=", roundSockets), "%v", cell)
		}
	}
}

func TestARoundIsWholeUnlessAllIsAsExpected(t *testing.T) {
	whole, between := []part{{sockets: 2, packets: 2000}, {sockets: 2, packets: 3000}}, []part{{sockets: 1, packets: 1000}}
	rows := map[string]struct {
		agenda            agenda
		number, differing int
		asks              []part
		spread            time.Duration
	}{
		"the second after one that was not":            {agenda{whole, between}, 1, 1, whole, time.Second},
		"the second of a step without parts":           {agenda{whole: whole}, 1, 0, whole, time.Second},
		"the first":                                    {agenda{whole, between}, 0, 0, whole, time.Second},
		"the second, as long as its part of the whole": {agenda{whole, between}, 1, 0, between, 400 * time.Millisecond},
		"the third, which may be that to settle":       {agenda{whole, between}, 2, 0, whole, time.Second},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			asks, spread, whole := row.agenda.of(row.number, row.differing, pace{}.withDefaults())
			g := NewWithT(t)
			g.Expect(asks).To(Equal(row.asks))
			g.Expect(whole).To(Equal(asks[0].sockets == 2))
			g.Expect(spread).To(Equal(row.spread))
		})
	}
}

func TestARoundHasOfTheRoundBeforeWhatItDidNotAsk(t *testing.T) {
	g := NewWithT(t)
	open := answer{asked: true, result: probe.Result{Reading: probe.Reading{Outcome: probe.Connected}}}
	silent := answer{asked: true, result: probe.Result{Reading: probe.Reading{Outcome: probe.Timeout}}}
	before := table{{failure: "the pod did not start"}, open, silent, open}
	after := table{{}, {}, silent, {failure: "the pod could not be asked"}}
	after.carry(before)
	g.Expect(after[0].failure).To(Equal("the pod did not start"), "a reason is not lost")
	g.Expect(after[1].result.Outcome).To(Equal(probe.Connected))
	g.Expect(after[2].carried).To(BeFalse(), "it was asked")
	g.Expect(after[3]).To(Equal(answer{failure: "the pod could not be asked"}), "it was tried")
	g.Expect([]bool{after[0].carried, after[1].carried}).To(HaveEach(BeTrue()))
}

func TestSilenceIsPooledOnlyAsFarAsItLasted(t *testing.T) {
	attempt := probe.Attempt{Protocol: probe.TCP, Host: "10.0.0.1", Port: 80}
	silent := func(tries int) answer {
		observation := probe.Observation{Phase: probe.PhaseConnect, Tries: tries, Rounds: 1, Waited: time.Second}
		return answer{asked: true, result: probe.Result{Reading: probe.Classify(attempt, observation, nil), Observation: observation}}
	}
	carried := func(a answer) answer {
		a.carried = true
		return a
	}
	connected := answer{asked: true, result: probe.Result{Reading: probe.Reading{Outcome: probe.Connected}}}
	rows := map[string]struct {
		rounds       []answer
		tries        int
		inconclusive bool
	}{
		"an answer in between breaks it":               {rounds: []answer{silent(2), connected, silent(2)}, tries: 2, inconclusive: true},
		"an answer that was carried counts once":       {rounds: []answer{silent(2), carried(silent(2))}, tries: 2, inconclusive: true},
		"an agent that was not asked breaks it":        {rounds: []answer{silent(2), {}, silent(2)}, tries: 2, inconclusive: true},
		"two rounds of one packet are too few":         {rounds: []answer{silent(1), silent(1)}, tries: 2, inconclusive: true},
		"the least that a step settles with is enough": {rounds: []answer{silent(1), silent(2), silent(1)}, tries: 4},
		"three rounds of two packets are enough":       {rounds: []answer{silent(2), silent(2), silent(2)}, tries: 6},
		"what is certain by itself stays as it is":     {rounds: []answer{silent(4), silent(4)}, tries: 4},
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
