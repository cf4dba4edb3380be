package cluster

import (
	"context"
	"errors"
	"net"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
)

// backoff is how calls are tried again: six times within about twelve seconds.
func backoff() wait.Backoff {
	return wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 0.3, Steps: 7, Cap: 5 * time.Second}
}

// retry makes a call until it succeeds, fails for good, or has been tried often enough. What the server says about when to come back
// (Retry-After) client-go has obeyed already.
func retry(ctx context.Context, call func() error) error {
	var last error
	pause := backoff()
	for {
		if last = call(); last == nil || !temporary(last) || pause.Steps <= 1 {
			return last
		}
		if err := pauseFor(ctx, pause.Step()); err != nil {
			return errors.Join(last, err)
		}
	}
}

// pauseFor waits, unless the context ends before.
func pauseFor(ctx context.Context, duration time.Duration) error {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// temporary tells the errors that a later try may not meet: the server is busy (429), in trouble (5xx), or the connection broke.
func temporary(err error) bool {
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	case apierrors.IsTooManyRequests(err), apierrors.IsInternalError(err), apierrors.IsServerTimeout(err), apierrors.IsTimeout(err),
		apierrors.IsServiceUnavailable(err), apierrors.IsUnexpectedServerError(err):
		return true
	case utilnet.IsConnectionRefused(err), utilnet.IsConnectionReset(err), utilnet.IsProbableEOF(err):
		return true
	}
	return errors.As(err, &timeout) && timeout.Timeout()
}
