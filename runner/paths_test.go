package runner

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
)

func TestPathsLearnFromWhatGotThrough(t *testing.T) {
	const ms = time.Millisecond
	connected := func(tries int, trip time.Duration) probe.Result {
		return probe.Result{Reading: probe.Reading{Outcome: probe.Connected}, Observation: probe.Observation{Tries: tries, Connect: trip}}
	}
	rows := map[string]struct {
		results []probe.Result
		loss    float64
		trip    time.Duration
	}{
		"nothing was measured":                  {},
		"silence says nothing":                  {results: []probe.Result{{Reading: probe.Reading{Outcome: probe.Timeout}, Observation: probe.Observation{Tries: 4}}}},
		"slow answers are no loss":              {results: []probe.Result{connected(3, 300*ms)}, trip: 300 * ms},
		"less than the default is the default":  {results: []probe.Result{connected(1, ms), connected(1, 2*ms)}, trip: 2 * ms},
		"every other packet unanswered is 29 %": {results: []probe.Result{connected(2, ms), connected(2, ms)}, trip: ms, loss: 0.2929},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var p paths
			a := aim{source: "web", attempt: probe.Attempt{Protocol: probe.TCP, Host: "10.0.0.1"}}
			for _, result := range row.results {
				p.learn(a, result, 100*ms)
			}
			p.prepare(&a)
			g.Expect(a.attempt.RTT).To(Equal(row.trip))
			g.Expect(a.attempt.Loss).To(BeNumerically("~", row.loss, 1e-4))
			g.Expect(a.attempt.Host).NotTo(BeEmpty())
		})
	}
}

func TestWhatIsMeasuredAnewReplacesWhatWas(t *testing.T) {
	g := NewWithT(t)
	before := paths{trips: map[[2]string]time.Duration{{"web", "a"}: time.Second, {"web", "b"}: time.Second}, sent: 4, lost: 2}
	before.replace(paths{trips: map[[2]string]time.Duration{{"web", "a"}: time.Millisecond}, sent: 200})
	g.Expect(before.trips).To(Equal(map[[2]string]time.Duration{{"web", "a"}: time.Millisecond, {"web", "b"}: time.Second}))
	g.Expect(before.loss()).To(BeZero())
	before.replace(paths{})
	g.Expect(before.sent).To(Equal(200), "where nothing answered, what is known stays")
}

func TestSocketsAreAddedUntilSilenceIsNoLoss(t *testing.T) {
	round := probe.Timing{Sockets: 4, Stagger: 100 * time.Millisecond}
	rows := map[string]struct {
		loss    float64
		sockets int
	}{
		"all is lost":          {1, 24},
		"half is lost":         {0.5, 24},
		"ten in a hundred":     {0.1, 9},
		"two in a hundred":     {0.02, 5},
		"what four can bear":   {0.01, 4},
		"nothing was measured": {0, 4},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			timing := enough(round, row.loss)
			g.Expect(timing.Sockets).To(Equal(row.sockets))
			g.Expect(timing.Stagger * time.Duration(timing.Sockets)).To(BeNumerically("<=", 400*time.Millisecond))
		})
	}
}
