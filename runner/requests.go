package runner

import (
	"context"
	"sync/atomic"
)

// requestCounter is the key of a counter in a context.
type requestCounter struct{}

// withRequestCounter is a context whose calls of the Kubernetes API are counted there, see [CountRequest].
func withRequestCounter(ctx context.Context, counter *atomic.Int64) context.Context {
	return context.WithValue(ctx, requestCounter{}, counter)
}

// CountRequest counts a call of the Kubernetes API for whoever it is made for. A [Cluster] calls it with the context of each request.
func CountRequest(ctx context.Context) {
	if counter, ok := ctx.Value(requestCounter{}).(*atomic.Int64); ok {
		counter.Add(1)
	}
}
