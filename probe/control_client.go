package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// ErrStreamLost says that the stream to an agent ended or makes no sense any more. The agent goes on: open another
// stream and run the same batch again, which repeats nothing.
var ErrStreamLost = errors.New("control stream lost")

// ErrBatchLost says that the agent does not have the batch any more, because it was restarted or dropped it. What was
// not delivered has to be attempted again.
var ErrBatchLost = errors.New("batch lost")

// ControlClient is a runner's side of the control protocol on one stream. Its methods can be called concurrently. Each
// waits until the agent has answered, ctx ends, or the stream is lost.
type ControlClient struct {
	*controlStream
	agent Agent
	done  chan struct{} // closed when the reading side has ended

	mu      sync.Mutex
	last    uint64 // id
	pending map[uint64]*controlAnswers
	lost    error // why the stream ended
}

// controlAnswers queues the frames that answer requests. What it holds is bounded by what the runner asked for.
type controlAnswers struct {
	frames []frame
	wake   chan struct{} // holds one signal
}

func newControlAnswers() *controlAnswers { return &controlAnswers{wake: make(chan struct{}, 1)} }

// OpenControl makes the handshake on a stream, which the client owns from then on. Closing the stream has to end a Read
// and a Write under way, as it does for a net.Conn. It fails with ErrStreamLost if the
// stream ends or the other side speaks something else, and with a *ControlError if the agent refuses. With a token, it
// fails if the agent does not prove that it knows it.
func OpenControl(ctx context.Context, stream io.ReadWriteCloser, token Token) (*ControlClient, error) {
	c := &ControlClient{controlStream: newControlStream(stream), done: make(chan struct{}), pending: map[uint64]*controlAnswers{}}
	ctx, cancel := context.WithTimeout(ctx, handshakeWait)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { stream.Close() })
	err := c.handshake(token)
	if !stop() && err == nil {
		err = lostFor(ctx.Err())
	}
	if err != nil {
		stream.Close()
		if ctx.Err() != nil {
			err = lostFor(ctx.Err())
		}
		return nil, fmt.Errorf("open control stream: %w", err)
	}
	go func() {
		defer close(c.done)
		beatCtx, stopBeat := context.WithCancel(context.WithoutCancel(ctx))
		var beat sync.WaitGroup
		beat.Go(func() { c.beat(beatCtx, c.agent.Heartbeat) })
		c.read()
		stopBeat()
		beat.Wait()
	}()
	return c, nil
}

func lostFor(cause error) error { return fmt.Errorf("%w: %w", ErrStreamLost, cause) }

func (c *ControlClient) handshake(token Token) error {
	greeting, err := c.readHandshake(frameGreeting)
	if err != nil {
		return err
	}
	if greeting.Version != ControlVersion {
		return &ControlError{CodeVersion, fmt.Sprintf("it speaks version %d of the control protocol, this program %d: use both of the same release",
			greeting.Version, ControlVersion)}
	}
	challenge := newChallenge()
	if err := c.send(frame{
		Type: frameHello, Version: ControlVersion, Challenge: challenge,
		Proof: controlProof(token, clientPurpose, greeting.Challenge, challenge),
	}); err != nil {
		return err
	}
	welcome, err := c.readHandshake(frameWelcome)
	if err != nil {
		return err
	}
	if !provesControl(token, welcome.Proof, serverPurpose, greeting.Challenge, challenge) {
		return &ControlError{CodeUnauthorized, "it does not prove that it knows the token of this run"}
	}
	if welcome.Agent == nil || welcome.Agent.Heartbeat <= 0 {
		return lostFor(errors.New("the welcome does not introduce the agent"))
	}
	c.agent = *welcome.Agent
	return nil
}

func (c *ControlClient) readHandshake(want frameType) (frame, error) {
	line, err := c.readLine(MaxControlLine)
	if err != nil {
		return frame{}, lostFor(err)
	}
	f, err := parseFrame(line)
	if err != nil {
		return frame{}, lostFor(fmt.Errorf("the other side does not speak the control protocol: %w", err))
	}
	if f.Type == frameError {
		return frame{}, &ControlError{f.Code, f.Message}
	}
	if f.Type != want {
		return frame{}, lostFor(fmt.Errorf("frame %q where a %s was expected", f.Type, want))
	}
	return f, nil
}

// Agent returns the agent's introduction.
func (c *ControlClient) Agent() Agent { return c.agent }

// Lost returns a channel that closes when the stream has ended, whoever ended it.
func (c *ControlClient) Lost() <-chan struct{} { return c.done }

// Close closes the stream. Attempts that are under way go on.
func (c *ControlClient) Close() error {
	err := c.stream.Close()
	<-c.done
	return err
}

// read hands out the frames that come, until the stream ends or the agent is silent.
func (c *ControlClient) read() {
	silence := silentHeartbeats * c.agent.Heartbeat
	var silent bool
	timer := time.AfterFunc(silence, func() {
		c.mu.Lock()
		silent = true
		c.mu.Unlock()
		c.stream.Close()
	})
	defer timer.Stop()
	for {
		line, err := c.readLine(MaxControlLine)
		var f frame
		if err == nil {
			f, err = parseFrame(line)
		}
		if err == nil && f.Type == frameError && f.ID == 0 {
			err = &ControlError{f.Code, f.Message} // it concerns the stream, and no request of ours
		}
		if err == nil {
			timer.Reset(silence)
			c.take(f)
			continue
		}
		c.stream.Close()
		c.mu.Lock()
		defer c.mu.Unlock()
		if silent {
			err = fmt.Errorf("the agent was silent for %v", silence)
		}
		c.lost = lostFor(err)
		return
	}
}

// take hands one frame to whom it answers. An answer that nobody waits for any more is dropped.
func (c *ControlClient) take(f frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.pending[f.ID]
	if a == nil {
		return
	}
	a.frames = append(a.frames, f)
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// send writes one frame.
func (c *ControlClient) send(f frame) error {
	if err := c.write(f); err != nil {
		return lostFor(err)
	}
	return nil
}

// ask sends a request whose answers go to a, and returns its id. Whoever asked has to call forgetRequest.
func (c *ControlClient) ask(request frame, a *controlAnswers) (uint64, error) {
	c.mu.Lock()
	c.last++
	request.ID = c.last
	c.pending[request.ID] = a
	c.mu.Unlock()
	if err := c.send(request); err != nil {
		c.forgetRequest(request.ID)
		return 0, err
	}
	return request.ID, nil
}

func (c *ControlClient) forgetRequest(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, id)
}

// next returns the frames that have come since the last call, at least one.
func (c *ControlClient) next(ctx context.Context, a *controlAnswers) ([]frame, error) {
	for {
		c.mu.Lock()
		frames, lost := a.frames, c.lost
		a.frames = nil
		c.mu.Unlock()
		if len(frames) > 0 {
			return frames, nil
		}
		if lost != nil {
			return nil, lost
		}
		select {
		case <-a.wake:
		case <-c.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// request asks for one answer of the type want.
func (c *ControlClient) request(ctx context.Context, request frame, want frameType) (frame, error) {
	a := newControlAnswers()
	id, err := c.ask(request, a)
	if err != nil {
		return frame{}, err
	}
	defer c.forgetRequest(id)
	frames, err := c.next(ctx, a)
	if err != nil {
		return frame{}, err
	}
	switch f := frames[0]; f.Type {
	case want:
		return f, nil
	case frameError:
		return frame{}, &ControlError{f.Code, f.Message}
	default:
		return frame{}, fmt.Errorf("agent answers a request for %q with %q", request.Type, f.Type)
	}
}

// Evidence asks what the agent's pod knows about attempts.
func (c *ControlClient) Evidence(ctx context.Context, question EvidenceQuestion) (Evidence, error) {
	f, err := c.request(ctx, frame{Type: frameEvidence, Question: &question}, frameEvidence)
	if err == nil && f.Evidence == nil {
		err = errors.New("the answer has none")
	}
	if err != nil {
		return Evidence{}, fmt.Errorf("ask for evidence: %w", err)
	}
	return *f.Evidence, nil
}

// Counters reads the counters of the agent's pod.
func (c *ControlClient) Counters(ctx context.Context) (Counters, error) {
	f, err := c.request(ctx, frame{Type: frameCounters}, frameCounters)
	if err == nil && f.Counters == nil {
		err = errors.New("the answer has none")
	}
	if err != nil {
		return Counters{}, fmt.Errorf("ask for counters: %w", err)
	}
	return *f.Counters, nil
}

// Held asks how many connections the agent holds, see [Attempt.Hold]: they were answered once, and will be asked again.
func (c *ControlClient) Held(ctx context.Context) (int, error) {
	f, err := c.request(ctx, frame{Type: frameHeld}, frameHeld)
	if err != nil {
		return 0, fmt.Errorf("ask for held connections: %w", err)
	}
	return f.Count, nil
}

// Release makes the agent ask the second question on all connections that it holds, instead of after the rest of their
// [Attempt.Hold]. Their results come as those of all attempts.
func (c *ControlClient) Release(ctx context.Context) error {
	if _, err := c.request(ctx, frame{Type: frameRelease}, frameDone); err != nil {
		return fmt.Errorf("release held connections: %w", err)
	}
	return nil
}
