package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/podknock/podknock/probe"
)

// errWanted says that somebody else waits for a control stream.
var errWanted = errors.New("another agent needs the stream")

const (
	// minVisit is how long a stream is kept for a batch although others wait for one: what is answered at all is answered by then.
	minVisit = 100 * time.Millisecond
	// revisit is the least time between two visits.
	revisit = 100 * time.Millisecond
)

// Run implements [runner.Agent]. While others wait for a stream, the agent goes on detached, and its results are fetched when they are due.
func (a *agent) Run(ctx context.Context, attempts []probe.Attempt, deliver func(index int, result probe.Result)) error {
	batch, err := probe.NewBatch(attempts)
	if err != nil {
		return err
	}
	begun := time.Now()
	for {
		detached := false
		err := a.ask(ctx, func(client *probe.ControlClient) (err error) {
			detached, err = a.visit(ctx, client, batch, deliver)
			return err
		})
		if err != nil || !detached {
			return err
		}
		if err := pauseFor(ctx, max(revisit, time.Until(begun.Add(longest(attempts))))); err != nil {
			return err
		}
	}
}

// visit starts a batch or takes up where the last visit ended. It leaves early if others want the stream.
func (a *agent) visit(
	ctx context.Context, client *probe.ControlClient, batch *probe.Batch, deliver func(index int, result probe.Result),
) (detached bool, err error) {
	visitCtx, leave := context.WithCancelCause(ctx)
	done := make(chan struct{})
	left := make(chan struct{})
	go func() {
		defer close(left)
		if pauseFor(visitCtx, minVisit) != nil {
			return
		}
		select {
		case <-a.streams.crowd():
			leave(errWanted)
		case <-done:
		}
	}()
	err = client.Run(visitCtx, batch, deliver)
	close(done)
	if ctx.Err() != nil {
		giveUp(ctx, client, batch)
	}
	detached = err != nil && ctx.Err() == nil && errors.Is(context.Cause(visitCtx), errWanted)
	leave(nil)
	<-left
	if detached {
		return true, nil
	}
	return false, err
}

// giveUpTimeout bounds what is said to an agent about a batch that nobody waits for any more.
const giveUpTimeout = time.Second

// giveUp lets an agent end the attempts of a batch and forget it when it needs the room. An agent that does not hear of it keeps what it has.
func giveUp(ctx context.Context, client *probe.ControlClient, batch *probe.Batch) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveUpTimeout)
	defer cancel()
	_ = client.Cancel(ctx, batch)
}

// longest is about how long the slowest of these attempts takes to stay silent.
func longest(attempts []probe.Attempt) time.Duration {
	var longest time.Duration
	for i := range attempts {
		t := attempts[i].Timing
		if t.Timeout == 0 {
			t.Timeout = probe.DefaultTimeout
		}
		if t.Confirm == 0 {
			t.Confirm = probe.DefaultConfirm
		}
		longest = max(longest, t.Timeout+time.Duration(t.Sockets)*t.Stagger+max(0, t.Confirm)+attempts[i].Hold)
	}
	return longest
}
