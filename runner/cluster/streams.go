package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"k8s.io/client-go/util/flowcontrol"

	"github.com/podknock/podknock/probe"
)

// streams bounds the control streams of a run: how many are open at once, and how many are opened in a second. A stream that nobody uses stays
// open until somebody else needs its place, the one that was used longest ago first.
type streams struct {
	limit int
	rate  flowcontrol.RateLimiter

	mu   sync.Mutex
	open int
	// idle are the streams that nobody uses. Who takes one off the list owns its place, and closes it.
	idle []*probe.ControlClient
	// waiting are those who want a place, in the order in which they came. Closing a channel gives one away.
	waiting []chan struct{}
	// wanted is closed when somebody begins to wait while nobody did.
	wanted chan struct{}
}

func newStreams(limit int) *streams {
	if limit <= 0 {
		limit = DefaultStreams
	}
	return &streams{
		limit: limit, rate: flowcontrol.NewTokenBucketRateLimiter(streamsPerSecond, streamsBurst), wanted: make(chan struct{}),
	}
}

// acquire waits for a place and for the rate.
func (s *streams) acquire(ctx context.Context) error {
	if err := s.place(ctx); err != nil {
		return fmt.Errorf("wait for one of %d control streams: %w", s.limit, err)
	}
	if err := s.rate.Wait(ctx); err != nil {
		s.release()
		return fmt.Errorf("wait to open a control stream: %w", err)
	}
	return nil
}

func (s *streams) place(ctx context.Context) error {
	s.mu.Lock()
	switch {
	case s.open < s.limit:
		s.open++
		s.mu.Unlock()
		return nil
	case len(s.idle) > 0:
		victim := s.idle[0]
		s.idle = slices.Delete(s.idle, 0, 1)
		s.mu.Unlock()
		victim.Close()
		return nil
	}
	turn := make(chan struct{})
	s.waiting = append(s.waiting, turn)
	if len(s.waiting) == 1 {
		close(s.wanted)
	}
	s.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	i := slices.Index(s.waiting, turn)
	if i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
		s.calm()
	}
	s.mu.Unlock()
	if i < 0 {
		s.release() // the place came at the last moment
	}
	return context.Cause(ctx)
}

// calm notes that nobody waits any more, if that is so. The lock is held.
func (s *streams) calm() {
	if len(s.waiting) == 0 {
		s.wanted = make(chan struct{})
	}
}

// release gives a place to who has waited longest, or back.
func (s *streams) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		s.open--
		return
	}
	close(s.waiting[0])
	s.waiting = slices.Delete(s.waiting, 0, 1)
	s.calm()
}

// park puts a stream among those that nobody uses. It refuses if somebody waits for its place.
func (s *streams) park(client *probe.ControlClient) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) > 0 {
		return false
	}
	s.idle = append(s.idle, client)
	return true
}

// unpark takes a stream off the idle ones. It fails if somebody else has done so, who closes it.
func (s *streams) unpark(client *probe.ControlClient) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.idle, client)
	if i < 0 {
		return false
	}
	s.idle = slices.Delete(s.idle, i, i+1)
	return true
}

// crowd returns what is closed while somebody waits for a place.
func (s *streams) crowd() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wanted
}
