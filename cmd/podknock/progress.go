package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/report"
)

// progress shows on a terminal what goes on in one line that it writes again and again; elsewhere it writes a line for each scenario that is
// done.
type progress struct {
	out      io.Writer
	terminal bool
	start    time.Time
	stop     chan struct{}
	stopped  chan struct{}

	mu       sync.Mutex
	total    int
	done     int
	attempts int
	marks    map[runner.Mark]int
	phases   map[string]string
	latest   string
}

// redraw is the time between two drawings of the line.
const redraw = 200 * time.Millisecond

func startProgress(out io.Writer, total int) *progress {
	p := &progress{
		out: out, start: time.Now(), total: total, marks: map[runner.Mark]int{}, phases: map[string]string{},
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	if file, ok := out.(*os.File); ok {
		p.terminal = report.IsTerminal(file)
	}
	go p.draw()
	return p
}

// take is told what happens.
func (p *progress) take(event runner.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.attempts += event.Attempts
	switch {
	case event.Scenario != "" && event.Mark != "":
		p.done++
		p.marks[event.Mark]++
		delete(p.phases, event.Scenario)
		if !p.terminal {
			fmt.Fprintf(p.out, "%s %s: %s (%d of %d)\n", p.elapsed(), report.Clean(event.Scenario), event.Mark, p.done, p.total)
		}
	case event.Phase != "" && event.Scenario == "":
		p.latest = event.Phase
		if !p.terminal {
			fmt.Fprintf(p.out, "%s %s\n", p.elapsed(), event.Phase)
		}
	case event.Phase != "":
		p.phases[event.Scenario] = event.Phase
		p.latest = event.Scenario + ": " + event.Phase
	}
}

func (p *progress) elapsed() string { return fmt.Sprintf("%5.1fs", time.Since(p.start).Seconds()) }

// draw writes the line until end.
func (p *progress) draw() {
	defer close(p.stopped)
	if !p.terminal {
		<-p.stop
		return
	}
	ticker := time.NewTicker(redraw)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			fmt.Fprintf(p.out, "\r\x1b[K%s", p.line())
		case <-p.stop:
			fmt.Fprint(p.out, "\r\x1b[K")
			return
		}
	}
}

// line is what there is to say in less than a terminal's usual width.
func (p *progress) line() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := fmt.Sprintf("%s  %d of %d scenarios", p.elapsed(), p.done, p.total)
	if wrong := p.done - p.marks[runner.MarkPass]; wrong > 0 {
		line += fmt.Sprintf(", %d not passed", wrong)
	}
	line += fmt.Sprintf(", %d knocks  %s", p.attempts, report.Clean(p.latest))
	const width = 79
	if letters := []rune(line); len(letters) > width {
		line = string(letters[:width-1]) + "…"
	}
	return line
}

// end removes the line.
func (p *progress) end() {
	close(p.stop)
	<-p.stopped
}
