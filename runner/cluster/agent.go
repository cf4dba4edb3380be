package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
)

// Agent is the way to the agent in a pod. The stream is opened at the first use.
func (c *Cluster) Agent(pod runner.Pod) runner.Agent {
	port := uint16(controlPort)
	if known, ok := c.controlPorts.Load(types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}); ok {
		port = known.(uint16)
	}
	return &agent{
		pod: pod, token: c.options.Token, streams: c.streams, gone: func() runner.Incidents { return c.PodIncidents(pod.Namespace, pod.Name) },
		dial: func(ctx context.Context) (io.ReadWriteCloser, error) {
			if c.options.Channel == Exec {
				return c.execute(ctx, pod, port)
			}
			return c.forward(ctx, pod, port)
		},
	}
}

// Streams is how many agents can be talked to at once.
func (c *Cluster) Streams() int { return c.streams.limit }

// agent is a [runner.Agent] over control streams.
type agent struct {
	pod     runner.Pod
	token   probe.Token
	streams *streams
	dial    func(context.Context) (io.ReadWriteCloser, error)
	gone    func() runner.Incidents

	mu     sync.Mutex
	client *probe.ControlClient
	// opening is closed when the stream that somebody opens is there, or is not. Nil if nobody does.
	opening chan struct{}
	users   int
	closed  bool
}

// Bounds of the attempts to reach an agent for one question.
const (
	// maxReconnects is how often a stream may be lost on the way to one answer.
	maxReconnects = 5
	// firstPause is how long to wait before a stream is opened again; it doubles each time.
	firstPause = 100 * time.Millisecond
)

// ErrClosed says that the agent was asked after Close.
var ErrClosed = errors.New("the way to the agent is closed")

// acquire returns the stream and keeps it open until release.
func (a *agent) acquire(ctx context.Context) (*probe.ControlClient, error) {
	for {
		a.mu.Lock()
		switch {
		case a.closed:
			a.mu.Unlock()
			return nil, ErrClosed
		case a.client != nil && a.users == 0 && !a.streams.unpark(a.client):
			a.client = nil // somebody else has its place now
			a.mu.Unlock()
			continue
		case a.client != nil && !lost(a.client):
			a.users++
			client := a.client
			a.mu.Unlock()
			return client, nil
		case a.opening != nil:
			opening := a.opening
			a.mu.Unlock()
			select {
			case <-opening:
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
			continue
		}
		a.opening = make(chan struct{})
		stale := a.client
		a.client = nil
		a.mu.Unlock()
		if stale != nil {
			stale.Close()
			a.streams.release()
		}
		client, err := a.open(ctx)
		a.mu.Lock()
		close(a.opening)
		a.opening = nil
		if err == nil && a.closed {
			err = ErrClosed
			client.Close()
			a.streams.release()
		}
		if err != nil {
			a.mu.Unlock()
			return nil, err
		}
		a.client = client
		a.users++
		a.mu.Unlock()
		return client, nil
	}
}

func lost(client *probe.ControlClient) bool {
	select {
	case <-client.Lost():
		return true
	default:
		return false
	}
}

// open dials and makes the handshake, in one place of the streams.
func (a *agent) open(ctx context.Context) (*probe.ControlClient, error) {
	if err := a.streams.acquire(ctx); err != nil {
		return nil, err
	}
	stream, err := a.dial(ctx)
	if err == nil {
		var client *probe.ControlClient
		if client, err = probe.OpenControl(ctx, stream, a.token); err == nil {
			return client, nil
		}
	}
	a.streams.release()
	return nil, fmt.Errorf("reach the agent of pod %s/%s: %w", a.pod.Namespace, a.pod.Name, err)
}

// release gives the stream back. The last one who used it leaves it open, unless somebody waits for its place.
func (a *agent) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.users--
	if a.users > 0 || a.client == nil {
		return
	}
	if a.closed || lost(a.client) || !a.streams.park(a.client) {
		a.drop()
	}
}

// drop closes the stream and gives its place away. The lock is held.
func (a *agent) drop() {
	a.client.Close()
	a.client = nil
	a.streams.release()
}

// Close gives the stream back. Questions under way fail.
func (a *agent) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	if a.client == nil {
		return
	}
	if a.users == 0 && !a.streams.unpark(a.client) {
		a.client = nil
		return
	}
	a.drop()
}

// ask does something with a stream, with another one if it is lost meanwhile.
func (a *agent) ask(ctx context.Context, do func(*probe.ControlClient) error) error {
	pause := firstPause
	for tries := 1; ; tries++ {
		if err := context.Cause(ctx); err != nil {
			return err // the question would still be sent over a stream that is open
		}
		client, err := a.acquire(ctx)
		if err == nil {
			err = do(client)
			a.release()
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
		var refused *probe.ControlError
		if errors.Is(err, ErrClosed) || errors.Is(err, probe.ErrBatchLost) || errors.As(err, &refused) {
			return err
		}
		if incidents := a.gone(); incidents.Gone {
			return fmt.Errorf("the pod is gone: %s", incidents.Last)
		}
		if incidents := a.gone(); incidents.Lost {
			return fmt.Errorf("%s: %w", incidents.Last, err)
		}
		if tries > maxReconnects {
			return fmt.Errorf("after %d attempts: %w", tries, err)
		}
		if wait := pauseFor(ctx, pause); wait != nil {
			return errors.Join(err, wait)
		}
		pause *= 2
	}
}

// Evidence implements [runner.Agent].
func (a *agent) Evidence(ctx context.Context, question probe.EvidenceQuestion) (evidence probe.Evidence, err error) {
	err = a.ask(ctx, func(client *probe.ControlClient) (err error) {
		evidence, err = client.Evidence(ctx, question)
		return err
	})
	return evidence, err
}

// Counters implements [runner.Agent].
func (a *agent) Counters(ctx context.Context) (counters probe.Counters, err error) {
	err = a.ask(ctx, func(client *probe.ControlClient) (err error) {
		counters, err = client.Counters(ctx)
		return err
	})
	return counters, err
}

// Introduction implements [runner.Agent].
func (a *agent) Introduction(ctx context.Context) (introduction probe.Agent, err error) {
	err = a.ask(ctx, func(client *probe.ControlClient) error {
		introduction = client.Agent()
		return nil
	})
	return introduction, err
}

// Held counts the connections that the agent holds, see [probe.Attempt.Hold].
func (a *agent) Held(ctx context.Context) (held int, err error) {
	err = a.ask(ctx, func(client *probe.ControlClient) (err error) {
		held, err = client.Held(ctx)
		return err
	})
	return held, err
}

// Release makes the agent ask the second question on all connections that it holds.
func (a *agent) Release(ctx context.Context) error {
	return a.ask(ctx, func(client *probe.ControlClient) error { return client.Release(ctx) })
}
