package probe

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
)

// writes is a stream that keeps what is written, each with its time.
type writes struct {
	times []time.Time
	texts []string
}

func (w *writes) Read([]byte) (int, error) { select {} }
func (w *writes) Close() error             { return nil }
func (w *writes) Write(text []byte) (int, error) {
	w.times, w.texts = append(w.times, time.Now()), append(w.texts, string(text))
	return len(text), nil
}

func TestResultsThatComeTogetherAreWrittenTogether(t *testing.T) {
	row := func(outcome string) keptResult { return keptResult{json: []byte(`{"outcome":"` + outcome + `"}`)} }
	rows := map[string]struct {
		happens func(*batchWork)
		// writes are how many lines each write has, and after is when the first of them comes.
		writes []int
		after  time.Duration
	}{
		"a batch without results is only ended": {func(b *batchWork) { b.finish() }, []int{1}, 0},
		"the end waits for nobody":              {func(b *batchWork) { b.add(row("a")); b.add(row("b")); b.finish() }, []int{3}, 0},
		"a result waits for others": {func(b *batchWork) {
			b.add(row("a"))
			time.Sleep(gatherTime / 2)
			b.add(row("b"))
			time.Sleep(gatherTime)
			b.finish()
		}, []int{2, 1}, gatherTime},
		"the end is not waited for longer than that": {func(b *batchWork) {
			b.add(row("a"))
			time.Sleep(10 * gatherTime)
			b.add(row("b"))
			b.finish()
		}, []int{1, 2}, gatherTime},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := NewWithT(t)
				stream := &writes{}
				b := &batchWork{count: 2, changed: make(chan struct{}), ended: make(chan struct{})}
				begun := time.Now()
				collected := make(chan error, 1)
				go func() {
					c := &controlConversation{controlStream: newControlStream(stream)}
					collected <- c.collect(t.Context(), b, frame{ID: 7})
				}()
				synctest.Wait()
				row.happens(b)
				g.Expect(<-collected).To(Succeed())
				var lines []int
				for _, text := range stream.texts {
					lines = append(lines, strings.Count(text, "\n"))
				}
				g.Expect(lines).To(Equal(row.writes))
				g.Expect(stream.times[0].Sub(begun)).To(Equal(row.after))
				g.Expect(stream.texts[len(stream.texts)-1]).To(HaveSuffix(`"type":"trailer","id":7,"count":` + string(rune('0'+len(b.kept))) + "}\n"))
				g.Expect(b.spare()).To(BeTrue(), "whoever wants it again has to be quick")
			})
		})
	}
}
