package probe

import (
	"context"
	"errors"
	"net"
	"time"
)

// accept returns the next connection. It fails when the listener is closed or ctx ends, and not before: want of
// descriptors, and errors of the network that accept(2) passes on, are waited out.
func accept(ctx context.Context, listener net.Listener) (net.Conn, error) {
	for {
		conn, err := listener.Accept()
		if err == nil || !passes(ctx, err) {
			return conn, err
		}
	}
}

// passes waits a moment if err is one that may pass. It is not if the socket is closed or ctx ends.
func passes(ctx context.Context, err error) bool {
	if errors.Is(err, net.ErrClosed) {
		return false
	}
	timer := time.NewTimer(50 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
