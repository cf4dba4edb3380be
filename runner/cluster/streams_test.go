package cluster

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
)

// silentProber takes a while for every attempt, and counts them.
type silentProber struct {
	takes time.Duration
	// begun counts the batches, made the attempts that have ended.
	begun, made atomic.Int64
}

func (p *silentProber) Run(ctx context.Context, attempts []probe.Attempt, deliver func(probe.Result)) {
	p.begun.Add(1)
	timer := time.NewTimer(p.takes)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	for i := range attempts {
		p.made.Add(1)
		deliver(probe.Result{ID: attempts[i].ID, Reading: probe.Reading{Outcome: probe.Timeout}})
	}
}

// countedStream tells when it is closed.
type countedStream struct {
	net.Conn
	closed func()
}

func (s *countedStream) Close() error {
	s.closed()
	return s.Conn.Close()
}

// Held is zero: silence holds nothing.
func (p *silentProber) Held() int { return 0 }

// Release has nothing to release.
func (p *silentProber) Release() {}

// openAgents makes agents that share streams, and counts how many are open at most.
func openAgents(t *testing.T, count int, streams *streams, prober *silentProber) (agents []*agent, most *atomic.Int64) {
	t.Helper()
	most = &atomic.Int64{}
	var open atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	t.Cleanup(func() { cancel(); serving.Wait() })
	for i := range count {
		server := probe.NewControlServer(probe.ControlOptions{
			Token: "secret", Prober: prober, Agent: probe.Agent{Identity: probe.Identity{UID: fmt.Sprint(i)}},
		})
		a := &agent{
			pod: runner.Pod{Name: fmt.Sprint(i)}, token: "secret", streams: streams, gone: func() runner.Incidents { return runner.Incidents{} },
			dial: func(context.Context) (io.ReadWriteCloser, error) {
				ours, theirs := net.Pipe()
				most.Store(max(most.Load(), open.Add(1)))
				serving.Go(func() { _ = server.ServeStream(ctx, theirs) })
				return &countedStream{Conn: ours, closed: sync.OnceFunc(func() { open.Add(-1) })}, nil
			},
		}
		t.Cleanup(a.Close)
		agents = append(agents, a)
	}
	return agents, most
}

func TestAgentsTakeTurnsWhereStreamsAreFew(t *testing.T) {
	g := NewWithT(t)
	prober := &silentProber{takes: 500 * time.Millisecond}
	agents, most := openAgents(t, 8, newStreams(2), prober)
	attempts := make([]probe.Attempt, 5)
	for i := range attempts {
		attempts[i] = probe.Attempt{
			Protocol: probe.TCP, Host: "192.0.2.1", Port: 80, Timing: probe.Timing{Timeout: 500 * time.Millisecond, Confirm: -1},
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var dialed atomic.Int64
	for _, a := range agents {
		dial := a.dial
		a.dial = func(ctx context.Context) (io.ReadWriteCloser, error) {
			dialed.Add(1)
			return dial(ctx)
		}
	}
	var all sync.WaitGroup
	var delivered atomic.Int64
	errs := make([]error, len(agents))
	for i, a := range agents {
		all.Go(func() { errs[i] = a.Run(ctx, attempts, func(int, probe.Result) { delivered.Add(1) }) })
	}
	all.Wait()
	for _, err := range errs {
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Expect(delivered.Load()).To(BeEquivalentTo(40))
	g.Expect(prober.made.Load()).To(BeEquivalentTo(40), "nothing is attempted twice")
	g.Expect(most.Load()).To(BeEquivalentTo(2))
	g.Expect(dialed.Load()).To(BeNumerically(">", len(agents)), "those who wait are let in before the first are done")
}

func TestAStreamThatNobodyUsesGivesItsPlaceAway(t *testing.T) {
	g := NewWithT(t)
	agents, _ := openAgents(t, 3, newStreams(1), &silentProber{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range 3 {
		for i, a := range agents {
			introduction, err := a.Introduction(ctx)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(introduction.Identity.UID).To(Equal(fmt.Sprint(i)))
		}
	}
}

func TestAStreamIsKeptWhereThereAreEnough(t *testing.T) {
	g := NewWithT(t)
	agents, _ := openAgents(t, 2, newStreams(2), &silentProber{})
	var dialed atomic.Int64
	for _, a := range agents {
		dial := a.dial
		a.dial = func(ctx context.Context) (io.ReadWriteCloser, error) {
			dialed.Add(1)
			return dial(ctx)
		}
	}
	for range 5 {
		for _, a := range agents {
			_, err := a.Introduction(t.Context())
			g.Expect(err).NotTo(HaveOccurred())
		}
	}
	g.Expect(dialed.Load()).To(BeEquivalentTo(2))
}

func TestWhoGivesUpWaitingLeavesThePlaceToOthers(t *testing.T) {
	g := NewWithT(t)
	s := newStreams(1)
	g.Expect(s.acquire(t.Context())).To(Succeed())
	ctx, cancel := context.WithCancelCause(t.Context())
	failed := make(chan error)
	go func() { failed <- s.acquire(ctx) }()
	g.Eventually(s.crowd()).Should(BeClosed())
	cancel(context.DeadlineExceeded)
	g.Expect(<-failed).To(MatchError(context.DeadlineExceeded))
	g.Expect(s.crowd()).NotTo(BeClosed())
	s.release()
	g.Expect(s.acquire(t.Context())).To(Succeed())
	g.Expect(s.open).To(Equal(1))
}

func TestWhoHasGivenUpAsksNothing(t *testing.T) {
	g := NewWithT(t)
	prober := &silentProber{}
	agents, _ := openAgents(t, 1, newStreams(0), prober)
	attempts := []probe.Attempt{{Protocol: probe.TCP, Host: "192.0.2.1", Port: 80}}
	g.Expect(agents[0].Run(t.Context(), attempts, func(int, probe.Result) {})).To(Succeed())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g.Expect(agents[0].Run(ctx, attempts, func(int, probe.Result) {})).To(MatchError(context.Canceled))
	// A question that comes later is answered later: the agent has seen all that was sent before.
	g.Expect(agents[0].Run(t.Context(), attempts, func(int, probe.Result) {})).To(Succeed())
	g.Expect(prober.made.Load()).To(BeEquivalentTo(2))
}

func TestWhatIsGivenUpTakesNoRoomInTheAgent(t *testing.T) {
	g := NewWithT(t)
	prober := &silentProber{takes: time.Hour}
	agents, _ := openAgents(t, 1, newStreams(0), prober)
	attempts := make([]probe.Attempt, 1000)
	for i := range attempts {
		attempts[i] = probe.Attempt{Protocol: probe.TCP, Host: "192.0.2.1", Port: 80}
	}
	for i := range 20 { // more than an agent holds at once
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- agents[0].Run(ctx, attempts, func(int, probe.Result) {}) }()
		g.Eventually(prober.begun.Load, "20s").Should(BeEquivalentTo(i + 1))
		cancel()
		g.Expect(<-ended).To(MatchError(context.Canceled))
	}
}

func TestAnAgentIsNotAskedAfterItsEnd(t *testing.T) {
	g := NewWithT(t)
	agents, _ := openAgents(t, 2, newStreams(1), &silentProber{})
	_, err := agents[0].Introduction(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	agents[0].Close()
	_, err = agents[0].Introduction(t.Context())
	g.Expect(err).To(MatchError(ErrClosed))
	_, err = agents[1].Introduction(t.Context())
	g.Expect(err).NotTo(HaveOccurred(), "its place was given back")
}
