package cluster

import (
	"context"
	"fmt"

	"golang.org/x/sync/semaphore"
	"k8s.io/client-go/util/flowcontrol"
)

// streams bounds the control streams of a run: how many are open at once, and how many are opened in a second.
type streams struct {
	places *semaphore.Weighted
	limit  int
	rate   flowcontrol.RateLimiter
}

func newStreams(limit int) *streams {
	if limit <= 0 {
		limit = DefaultStreams
	}
	return &streams{
		places: semaphore.NewWeighted(int64(limit)), limit: limit, rate: flowcontrol.NewTokenBucketRateLimiter(streamsPerSecond, streamsBurst),
	}
}

// acquire waits for a place and for the rate.
func (s *streams) acquire(ctx context.Context) error {
	if err := s.places.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("wait for one of %d control streams: %w", s.limit, err)
	}
	if err := s.rate.Wait(ctx); err != nil {
		s.release()
		return fmt.Errorf("wait to open a control stream: %w", err)
	}
	return nil
}

func (s *streams) release() { s.places.Release(1) }
