package series

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
)

// tryTimeout bounds one try, so that a connection that swallows everything does not take all the time that there is.
const tryTimeout = 15 * time.Second

// insist makes a call until it succeeds, fails for good, or the context ends. It ends with the context alone, because an API server that
// restarts at the end of a night is away for longer than a count of tries would foresee.
func insist(ctx context.Context, call func(context.Context) error) error {
	pause := wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 0.3, Steps: 7, Cap: 5 * time.Second}
	for {
		err := try(ctx, call)
		if err == nil || !temporary(err) && ctx.Err() == nil {
			return err
		}
		timer := time.NewTimer(pause.Step())
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		}
	}
}

func try(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	return call(ctx)
}

// temporary tells the errors that a later try may not meet: the server is busy (429), in trouble (5xx) or silent, or the connection broke.
func temporary(err error) bool {
	// The code decides: the page of a proxy, with 404, is an unexpected answer and none that will change.
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		code := status.Status().Code
		return code == http.StatusTooManyRequests || code >= http.StatusInternalServerError
	}
	if utilnet.IsConnectionRefused(err) || utilnet.IsConnectionReset(err) || utilnet.IsHTTP2ConnectionLost(err) || utilnet.IsProbableEOF(err) {
		return true
	}
	// The deadline is that of the one try.
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}
