package report

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/runner"
)

// watch is a Progress with a clock that the test turns.
type watch struct {
	*Progress
	out   bytes.Buffer
	clock time.Time
}

func newWatch(t *testing.T, width int) *watch {
	t.Helper()
	w := &watch{clock: start}
	w.Progress = &Progress{out: &w.out, total: 2, now: func() time.Time { return w.clock }}
	if width > 0 {
		w.Progress.width = func() int { return width }
	}
	w.run(nil, func() {})
	return w
}

// after lets time pass, and a tick come.
func (w *watch) after(d time.Duration) {
	w.clock = w.clock.Add(d)
	w.tick()
}

func TestALogGetsPlainLines(t *testing.T) {
	g := NewWithT(t)
	w := newWatch(t, 0)
	w.Event(runner.Event{Scenario: "one", Phase: "deploy"})
	w.Event(runner.Event{Scenario: "two\x1b[2J", Phase: "deploy"})
	w.after(3 * time.Second)
	w.Event(runner.Event{Scenario: "one", Attempts: 40})
	w.Event(runner.Event{Scenario: "one", Phase: "done", Mark: runner.MarkPass})
	w.after(4 * time.Second)
	w.Say("warning: a\x1bb\n")
	w.Event(runner.Event{Scenario: "two\x1b[2J", Phase: "policy applied"})
	w.after(6 * time.Second)
	w.after(time.Second)
	w.Event(runner.Event{Scenario: "two\x1b[2J", Phase: "done", Mark: runner.MarkFail})
	w.Event(runner.Event{Phase: "clean-up"})
	w.after(60 * time.Second)
	w.Close()
	g.Expect(w.out.String()).To(Equal(`    3s  one: pass
warning: a\x1bb
   13s  1 of 2 scenarios done; 40 knocks; two\x1b[2J: policy applied
   14s  two\x1b[2J: FAIL
 1m14s  2 of 2 scenarios done, 1 not passed; 40 knocks; clean-up
`))
}

func TestATerminalGetsOneLineThatIsRewritten(t *testing.T) {
	g := NewWithT(t)
	w := newWatch(t, 60)
	w.Event(runner.Event{Scenario: "one", Phase: "deploy"})
	w.Event(runner.Event{Scenario: "two", Phase: "deploy the pods of two"})
	w.after(time.Second)
	w.Event(runner.Event{Scenario: "one", Phase: "done", Mark: runner.MarkInconclusive})
	w.after(time.Second)
	w.Say("warning")
	w.Close()
	g.Expect(w.out.String()).To(Equal("\r    0s  0 of 2 scenarios done; one: deploy\x1b[K" +
		"\r    1s  0 of 2 scenarios done; one: deploy (and 1 more)\x1b[K" +
		"\r    2s  1 of 2 scenarios done, 1 not passed; two: deploy t…\x1b[K" +
		"\r\x1b[Kwarning\n"))
}

func TestEveryTickIsDrawn(t *testing.T) {
	g := NewWithT(t)
	var out bytes.Buffer
	ticks, stopped := make(chan time.Time), false
	p := &Progress{out: &out, now: func() time.Time { return start }, width: func() int { return 80 }}
	p.run(ticks, func() { stopped = true })
	ticks <- start
	p.Close()
	g.Expect(out.String()).To(Equal("\r    0s  0 of 0 scenarios done\x1b[K\r\x1b[K"))
	g.Expect(stopped).To(BeTrue())
}

func TestAProgressThatIsNotWantedShowsNothing(t *testing.T) {
	var none *Progress
	none.Event(runner.Event{Phase: "deploy"})
	none.Say("nothing")
	none.Close()
}

func TestAFileGetsNoControlCharacters(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "log")
	file, err := os.Create(path)
	g.Expect(err).NotTo(HaveOccurred())
	defer file.Close()
	p := NewProgress(file, 1, func(string) string { return "" })
	p.Event(runner.Event{Scenario: "one", Phase: "done", Mark: runner.MarkPass})
	p.Close()
	text, err := os.ReadFile(path)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(text)).To(MatchRegexp(`^ +[0-9]+s  one: pass\n$`))
}
