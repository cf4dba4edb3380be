package probe

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// maxCollections bounds the collections of one stream that are under way.
const maxCollections = 64

// controlConversation is one stream of a ControlServer.
type controlConversation struct {
	*controlStream
	server  *ControlServer
	answers sync.WaitGroup

	mu    sync.Mutex
	leave map[uint64]context.CancelFunc // by the id of each collection under way
}

// handshake greets the runner and makes sure that it knows the token.
func (c *controlConversation) handshake() error {
	timer := time.AfterFunc(handshakeWait, func() { c.stream.Close() })
	defer timer.Stop()
	challenge := newChallenge()
	if err := c.write(frame{Type: frameGreeting, Version: ControlVersion, Challenge: challenge}); err != nil {
		return err
	}
	line, err := c.readLine(maxHandshakeLine)
	if err != nil {
		return c.refuse(0, lineRefusal(err, maxHandshakeLine))
	}
	hello, err := parseFrame(line)
	if err != nil {
		return c.refuse(0, refusal(CodeMalformed, "%v", err))
	}
	token := c.server.options.Token
	switch {
	case hello.Type != frameHello:
		return c.refuse(0, refusal(CodeMalformed, "frame %q where a hello was expected", hello.Type))
	case hello.Version != ControlVersion:
		return c.refuse(0, refusal(CodeVersion, "the runner speaks version %d of the control protocol, this agent %d: use both of the same release",
			hello.Version, ControlVersion))
	case !provesControl(token, hello.Proof, clientPurpose, challenge, hello.Challenge):
		return c.refuse(0, refusal(CodeUnauthorized, "the runner does not prove that it knows the token of this agent's run"))
	}
	return c.write(frame{
		Type: frameWelcome, Agent: &c.server.options.Agent,
		Proof: controlProof(token, serverPurpose, challenge, hello.Challenge),
	})
}

// lineRefusal is what a side is told whose line could not be read; an error of the stream itself it cannot be told.
func lineRefusal(err error, limit int) error {
	if errors.Is(err, errLineTooLong) {
		return refusal(CodeTooLarge, "a line has more than %d bytes", limit)
	}
	return err
}

// refuse tells the runner, if err is something to tell, and returns err.
func (c *controlConversation) refuse(id uint64, err error) error {
	var told *ControlError
	if errors.As(err, &told) {
		c.write(frame{Type: frameError, ID: id, Code: told.Code, Message: told.Message})
	}
	return err
}

// serve answers requests until the stream ends. Attempts live as long as serverCtx, collections as streamCtx.
func (c *controlConversation) serve(serverCtx, streamCtx context.Context) error {
	silence := silentHeartbeats * c.server.options.Agent.Heartbeat
	timer := time.AfterFunc(silence, func() { c.stream.Close() })
	defer timer.Stop()
	for {
		line, err := c.readLine(MaxControlLine)
		if err != nil {
			return c.refuse(0, lineRefusal(err, MaxControlLine))
		}
		timer.Reset(silence)
		request, err := parseFrame(line)
		if err != nil {
			if err := c.write(frame{Type: frameError, Code: CodeMalformed, Message: err.Error()}); err != nil {
				return err
			}
			continue
		}
		if err := c.answer(serverCtx, streamCtx, request); err != nil {
			return err
		}
	}
}

// answer answers one request. It fails only if the stream does.
func (c *controlConversation) answer(serverCtx, streamCtx context.Context, request frame) error {
	s := c.server
	reply := frame{Type: frameDone, ID: request.ID}
	var err error
	switch request.Type {
	case frameHeartbeat:
		return nil
	case frameRun:
		reply.Type = frameAccepted
		err = s.begin(serverCtx, request.Batch, request.Attempts)
	case frameCollect:
		if err = c.beginCollection(streamCtx, request); err == nil {
			return nil
		}
	case frameLeave:
		c.leaveCollection(request.Of)
	case frameForget:
		err = s.batches.forget(request.Batch, request.After)
	case frameCancel:
		err = s.batches.cancel(request.Batch)
	case frameHeld:
		reply.Type, reply.Count = frameHeld, s.options.Prober.Held()
	case frameRelease:
		s.options.Prober.Release()
	case frameEvidence:
		reply.Type = frameEvidence
		reply.Evidence, err = s.evidence(request.Question)
	case frameCounters:
		reply.Type = frameCounters
		reply.Counters, err = s.counters()
	default:
		err = refusal(CodeMalformed, "frame %q is no request", request.Type)
	}
	var told *ControlError
	if errors.As(err, &told) {
		reply = frame{Type: frameError, ID: request.ID, Code: told.Code, Message: told.Message}
	}
	return c.write(reply)
}

func (s *ControlServer) evidence(question *EvidenceQuestion) (*Evidence, error) {
	if question == nil {
		return nil, refusal(CodeMalformed, "the request for evidence has no question")
	}
	if len(question.Nonces) > MaxQuestion || len(question.Ports) > MaxQuestion {
		return nil, refusal(CodeTooLarge, "the question names %d nonces and %d ports, at most %d of each are allowed",
			len(question.Nonces), len(question.Ports), MaxQuestion)
	}
	e, err := s.options.Witness.Evidence(*question)
	if err != nil {
		return nil, refusal(CodeUnavailable, "%v", err)
	}
	return &e, nil
}

func (s *ControlServer) counters() (*Counters, error) {
	c, err := s.options.Witness.Counters()
	if err != nil {
		return nil, refusal(CodeUnavailable, "%v", err)
	}
	return &c, nil
}

// beginCollection streams the results of a batch on the side.
func (c *controlConversation) beginCollection(ctx context.Context, request frame) error {
	b, err := c.server.batches.get(request.Batch)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, exists := c.leave[request.ID]; exists {
		return refusal(CodeMalformed, "collection %d is under way already", request.ID)
	}
	if len(c.leave) >= maxCollections {
		return refusal(CodeBusy, "%d collections are under way on this stream already", maxCollections)
	}
	ctx, cancel := context.WithCancel(ctx)
	c.leave[request.ID] = cancel
	c.answers.Go(func() {
		defer c.leaveCollection(request.ID)
		// A stream that cannot be written is closed, and the reading side sees it.
		c.refuse(request.ID, c.collect(ctx, b, request))
	})
	return nil
}

func (c *controlConversation) leaveCollection(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cancel, exists := c.leave[id]; exists {
		cancel()
		delete(c.leave, id)
	}
}

// resultsAtOnce is how many bytes of results are written together: few enough for heartbeats and other answers to get
// in between.
const resultsAtOnce = 32 << 10

// gatherTime is how long results wait for others to be written with. Each write costs every program between the two ends a turn: the node's agent,
// its container runtime, the API server and whatever relays to it.
const gatherTime = 20 * time.Millisecond

// collect sends what the batch holds after the sequence number, then what comes, then the trailer.
func (c *controlConversation) collect(ctx context.Context, b *batchWork, request frame) error {
	sequence := request.After
	var lines []byte
	for {
		results, last, changed, err := b.after(sequence)
		if err != nil {
			return err
		}
		for more := len(results) > 0 || last; more && ctx.Err() == nil; more = len(results) > 0 {
			lines = lines[:0]
			for len(results) > 0 && len(lines) < resultsAtOnce {
				sequence++
				lines = appendResultLine(lines, request.ID, sequence, results[0])
				results = results[1:]
			}
			if last && len(results) == 0 {
				lines = fmt.Appendf(lines, `{"type":%q,"id":%d,"count":%d}`+"\n", frameTrailer, request.ID, sequence)
			}
			if err := c.writeLines(lines); err != nil {
				return err
			}
			if last && len(results) == 0 {
				b.setTold()
				return nil
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if !gather(ctx, b, changed) {
			return nil
		}
	}
}

// gather waits until the batch has changed, and a little longer for more unless it has ended. It reports false if ctx ends before.
func gather(ctx context.Context, b *batchWork, changed <-chan struct{}) bool {
	select {
	case <-changed:
	case <-ctx.Done():
		return false
	}
	select {
	case <-b.ended:
	case <-time.After(gatherTime):
	case <-ctx.Done():
		return false
	}
	return true
}

// appendResultLine writes the line of a result frame around the JSON that is kept.
func appendResultLine(b []byte, id uint64, sequence int, r keptResult) []byte {
	b = fmt.Appendf(b, `{"type":%q,"id":%d,"sequence":%d,"index":%d,"result":`, frameResult, id, sequence, r.index)
	b = append(b, r.json...)
	return append(b, "}\n"...)
}
