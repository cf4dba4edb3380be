package report

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/podknock/podknock/runner"
)

// Progress shows on a file, which should be standard error, how far a run is. A terminal gets one line that is rewritten; anything else gets
// a plain line for each scenario that is done, and one now and then where that takes long. It is safe for concurrent use. A nil Progress shows
// nothing.
type Progress struct {
	out io.Writer
	// width is that of the terminal; nil if the output is none.
	width func() int
	now   func() time.Time
	start time.Time

	mu sync.Mutex
	// running are the scenarios under way, the oldest first.
	running     []activity
	done, total int
	// bad counts scenarios that did not pass.
	bad     int
	knocks  int
	phase   string
	drawn   bool
	printed time.Time

	stop, stopped chan struct{}
}

// activity is what a scenario is at.
type activity struct{ scenario, phase string }

// A terminal's line is drawn every redraw, so that its time goes on; plain lines are heartbeat apart if nothing else happens.
const (
	redraw    = 250 * time.Millisecond
	heartbeat = 10 * time.Second
)

// NewProgress shows the progress of a run of some scenarios until Close. TERM=dumb, as getenv returns it, makes a terminal one that gets plain
// lines.
func NewProgress(out io.Writer, scenarios int, getenv func(string) string) *Progress {
	p := &Progress{out: out, total: scenarios, now: time.Now}
	period := heartbeat
	if file, ok := out.(*os.File); ok && IsTerminal(file) && getenv("TERM") != "dumb" {
		period = redraw
		p.width = func() int {
			width, _, err := term.GetSize(int(file.Fd()))
			if err != nil {
				return DefaultWidth
			}
			return width
		}
	}
	ticker := time.NewTicker(period)
	p.run(ticker.C, ticker.Stop)
	return p
}

// run starts to show the state at each tick.
func (p *Progress) run(ticks <-chan time.Time, stopTicks func()) {
	p.start = p.now()
	p.printed = p.start
	p.stop, p.stopped = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(p.stopped)
		defer stopTicks()
		for {
			select {
			case <-ticks:
				p.tick()
			case <-p.stop:
				return
			}
		}
	}()
}

// tick draws the line anew, or prints one if none was printed for long.
func (p *Progress) tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.width != nil:
		p.draw()
	case p.now().Sub(p.printed) >= heartbeat:
		p.print(p.line())
	}
}

// Event takes in what happened. It has the form of [runner.Options].Progress.
func (p *Progress) Event(event runner.Event) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.knocks += event.Attempts
	switch i := slices.IndexFunc(p.running, func(a activity) bool { return a.scenario == event.Scenario }); {
	case event.Mark != "":
		p.done++
		if i >= 0 {
			p.running = slices.Delete(p.running, i, i+1)
		}
		if atFault(event.Mark) {
			p.bad++
		}
		if p.width == nil {
			p.print(fmt.Sprintf("%s: %s", event.Scenario, words[event.Mark].word))
		}
	case event.Phase == "":
	case event.Scenario == "":
		p.phase = event.Phase
	case i >= 0:
		p.running[i].phase = event.Phase
	default:
		p.running = append(p.running, activity{event.Scenario, event.Phase})
	}
	if p.width != nil && !p.drawn {
		p.draw()
	}
}

// Say prints lines that stay, such as a warning.
func (p *Progress) Say(text string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	fmt.Fprintln(p.out, Clean(strings.TrimRight(text, "\n")))
}

// Close ends the showing, and leaves nothing of the rewritten line. It is called once.
func (p *Progress) Close() {
	if p == nil {
		return
	}
	close(p.stop)
	<-p.stopped
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
}

// line is the state in one line, the most telling first because a terminal's width may cut it.
func (p *Progress) line() string {
	parts := []string{fmt.Sprintf("%d of %s done", p.done, count(p.total, "scenario"))}
	if p.bad > 0 {
		parts[0] += fmt.Sprintf(", %d not passed", p.bad)
	}
	if p.knocks > 0 {
		parts = append(parts, count(p.knocks, "knock"))
	}
	switch {
	case p.phase != "":
		parts = append(parts, p.phase)
	case len(p.running) > 0:
		part := fmt.Sprintf("%s: %s", p.running[0].scenario, p.running[0].phase)
		if more := len(p.running) - 1; more > 0 {
			part += fmt.Sprintf(" (and %d more)", more)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

// stamped is a clean line with the time since the start.
func (p *Progress) stamped(line string) string {
	return clean(fmt.Sprintf("%6s  %s", p.now().Sub(p.start).Truncate(time.Second), line))
}

// print writes a plain line.
func (p *Progress) print(line string) {
	fmt.Fprintln(p.out, p.stamped(line))
	p.printed = p.now()
}

// draw rewrites the line on a terminal. The last column stays free, because some terminals begin a new line when it is written.
func (p *Progress) draw() {
	fmt.Fprint(p.out, "\r", cut(p.stamped(p.line()), p.width()-1), "\x1b[K")
	p.drawn = true
}

// erase removes the line from a terminal.
func (p *Progress) erase() {
	if p.drawn {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.drawn = false
	}
}
