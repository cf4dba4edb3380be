package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// attempter makes attempts as [Prober] does.
type attempter interface {
	Run(ctx context.Context, attempts []Attempt, deliver func(Result))
	Held() int
	Release()
}

// ControlOptions say what a ControlServer serves. Prober and Witness are needed; the other zero values are sensible.
type ControlOptions struct {
	// Token is the run's. Without it anybody who has a stream is served.
	Token Token
	// Prober makes the attempts.
	Prober attempter
	// Witness answers for evidence.
	Witness *Witness
	// Agent is the introduction. The server fills in Instance, and Heartbeat and Capacity where they are zero: 5 s and
	// 16,384, with which the agent takes about 40 MiB when all of them are kept results.
	Agent Agent
	// Results, if any, gets each result as one line of JSON.
	Results io.Writer
	// Streams bounds the streams that one listener serves at once; more are turned away. Zero means 8.
	Streams int
}

// The defaults of ControlOptions.
const (
	DefaultHeartbeat = 5 * time.Second
	DefaultCapacity  = 1 << 14
	defaultStreams   = 8
)

// ControlServer is the agent's side of the control protocol. Everything that it holds is bounded, and nothing that a
// stream says can end it.
type ControlServer struct {
	options ControlOptions
	batches batchTable
	work    sync.WaitGroup

	resultsMu sync.Mutex
}

// NewControlServer returns a server that serves nothing yet.
func NewControlServer(options ControlOptions) *ControlServer {
	options.Agent.Instance = newChallenge()[:16]
	if options.Agent.Heartbeat <= 0 {
		options.Agent.Heartbeat = DefaultHeartbeat
	}
	if options.Agent.Capacity <= 0 {
		options.Agent.Capacity = DefaultCapacity
	}
	if options.Streams <= 0 {
		options.Streams = defaultStreams
	}
	return &ControlServer{options: options, batches: batchTable{capacity: options.Agent.Capacity}}
}

// Serve serves the streams that the listener accepts until ctx ends, which ends all attempts too. It closes the
// listener and returns when nothing is left to wait for. The error says why the listener failed before that.
func (s *ControlServer) Serve(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	defer listener.Close()

	var streams sync.WaitGroup
	defer s.Wait()
	defer streams.Wait()
	slots := make(chan struct{}, s.options.Streams)
	for {
		conn, err := accept(ctx, listener)
		if ctx.Err() != nil {
			if err == nil {
				conn.Close()
			}
			return nil
		}
		if err != nil {
			cancel()
			return fmt.Errorf("accept control stream: %w", err)
		}
		select {
		case slots <- struct{}{}:
		default:
			streams.Go(func() { turnAway(conn, s.options.Streams) })
			continue
		}
		streams.Go(func() {
			defer func() { <-slots }()
			// How one stream ends is its runner's concern, who sees it too.
			s.ServeStream(ctx, conn)
		})
	}
}

// turnAway tells a runner that there is no room for his stream.
func turnAway(conn net.Conn, streams int) {
	defer conn.Close()
	newControlStream(conn).write(frame{
		Type: frameError, Code: CodeBusy, Message: fmt.Sprintf("%d streams are open already: close one first", streams),
	})
}

// Wait returns when no attempts are under way. Their context has to end, or they have.
func (s *ControlServer) Wait() { s.work.Wait() }

// ServeStream serves one stream until it ends or ctx does, and closes it. The attempts that were begun go on until ctx
// ends. The error says how the stream ended; it is nil if the runner closed it.
func (s *ControlServer) ServeStream(ctx context.Context, stream io.ReadWriteCloser) error {
	streamCtx, cancel := context.WithCancel(ctx)
	c := &controlConversation{server: s, controlStream: newControlStream(stream), leave: map[uint64]context.CancelFunc{}}
	stop := context.AfterFunc(streamCtx, func() { stream.Close() })
	defer func() {
		cancel()
		stop()
		stream.Close()
		c.answers.Wait()
	}()
	err := c.handshake()
	if err != nil {
		err = fmt.Errorf("control handshake: %w", err)
	} else {
		c.answers.Go(func() { c.beat(streamCtx, s.options.Agent.Heartbeat) })
		err = c.serve(ctx, streamCtx)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
		return nil
	}
	return err
}

// begin starts the attempts of a batch, unless it is known already. They end with ctx.
func (s *ControlServer) begin(ctx context.Context, name string, attempts []Attempt) error {
	switch {
	case name == "" || len(name) > maxBatchName:
		return refusal(CodeMalformed, "batch name of %d bytes, 1 to %d are allowed", len(name), maxBatchName)
	case len(attempts) == 0:
		return refusal(CodeMalformed, "batch %q has no attempts", name)
	case len(attempts) > MaxRunAttempts:
		return refusal(CodeTooLarge, "batch %q has %d attempts, at most %d are allowed", name, len(attempts), MaxRunAttempts)
	}
	ctx, cancel := context.WithCancel(ctx)
	b, made, err := s.batches.admit(name, len(attempts), cancel)
	if err != nil || !made {
		cancel()
		return err
	}
	s.work.Go(func() {
		defer cancel()
		s.makeAttempts(ctx, b, attempts)
	})
	return nil
}

// makeAttempts delivers one result for each attempt to the batch.
func (s *ControlServer) makeAttempts(ctx context.Context, b *batchWork, attempts []Attempt) {
	// The prober tells results apart by ID alone, and the runner's need not be unique.
	ids := make([]string, len(attempts))
	for i := range attempts {
		ids[i], attempts[i].ID = attempts[i].ID, strconv.Itoa(i)
	}
	s.options.Prober.Run(ctx, attempts, func(r Result) {
		index, err := strconv.Atoi(r.ID)
		if err != nil || index < 0 || index >= len(ids) {
			return // not one of ours; the missing result shows in the trailer's count
		}
		r.ID = ids[index]
		text, err := json.Marshal(r)
		if err != nil {
			return
		}
		s.logResult(text)
		b.add(keptResult{index: index, json: text})
	})
	b.finish()
}

func (s *ControlServer) logResult(text []byte) {
	if s.options.Results == nil {
		return
	}
	s.resultsMu.Lock()
	defer s.resultsMu.Unlock()
	// A log that cannot be written must not stop the attempts: it is the copy.
	s.options.Results.Write(append(text[:len(text):len(text)], '\n'))
}
