package runner

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestWhatFailsAroundAnOutageOfTheAPIServerIsNoVerdict(t *testing.T) {
	rows := map[string]struct {
		outage time.Time
		mark   Mark
	}{
		"an outage long ago excuses nothing":     {time.Now().Add(-time.Hour), MarkFail},
		"without an outage nothing is excused":   {time.Time{}, MarkFail},
		"engines may not have heard of a change": {time.Now(), MarkError},
		"nor while they wait to ask once more":   {time.Now().Add(-outageMemory / 2), MarkError},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			cluster := &fakeCluster{unenforced: true, lastOutage: row.outage}
			report := inTurn(t, t.Context(), cluster, fastOptions(), "first")
			g.Expect(report.Scenarios).To(HaveLen(1))
			g.Expect(report.Scenarios[0].Mark).To(Equal(row.mark))
			if row.mark == MarkError {
				g.Expect(report.Scenarios[0].Notes).To(ContainElement(ContainSubstring("the API server was out of reach")))
			}
		})
	}
}
