package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	//lint:ignore SA1019 client-go still has its streams in these types
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"

	"github.com/podknock/podknock/runner"
)

// dialTimeout bounds the opening of a stream. The API server and the kubelet give themselves 30 s for it.
const dialTimeout = 30 * time.Second

// forward opens a stream to a port on the loopback address of a pod: WebSocket as kubectl does it, SPDY where the server or a proxy refuses
// that. There is no local listener.
func (c *Cluster) forward(ctx context.Context, pod runner.Pod, port uint16) (io.ReadWriteCloser, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, dialTimeout, fmt.Errorf("no port-forward within %s", dialTimeout))
	defer cancel()
	dialer, err := c.dialer(ctx, pod, "portforward")
	if err != nil {
		return nil, err
	}
	connection, protocol, err := dialer.Dial(portforward.PortForwardProtocolV1Name)
	if err != nil {
		return nil, errors.Join(err, context.Cause(ctx))
	}
	if protocol != portforward.PortForwardProtocolV1Name {
		return nil, errors.Join(fmt.Errorf("the server speaks %q, not %q", protocol, portforward.PortForwardProtocolV1Name), connection.Close())
	}
	stream, err := openForwarded(connection, port)
	if err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	return stream, nil
}

// dialer dials a subresource of a pod. The context ends the dialling, not the connection.
func (c *Cluster) dialer(ctx context.Context, pod runner.Pod, subresource string) (httpstream.Dialer, error) {
	config := rest.CopyConfig(c.config)
	dialCtx := ctx
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			return next.RoundTrip(request.WithContext(dialCtx))
		})
	})
	url := c.client.CoreV1().RESTClient().Post().Resource(string(corev1.ResourcePods)).Namespace(pod.Namespace).Name(pod.Name).
		SubResource(subresource).URL()
	webSocket, err := portforward.NewSPDYOverWebsocketDialer(url, config)
	if err != nil {
		return nil, err
	}
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, err
	}
	fallback := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, url)
	return portforward.NewFallbackDialer(webSocket, fallback, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}

// forwarded is a connection to a port of a pod.
type forwarded struct {
	httpstream.Stream
	connection httpstream.Connection
	// failure is what the other side says on the error stream, once told is closed.
	told    chan struct{}
	failure error
	close   func() error
}

// openForwarded opens the two streams of a forwarded connection: one for errors, one for data (pkg/kubelet/server/portforward in Kubernetes).
func openForwarded(connection httpstream.Connection, port uint16) (*forwarded, error) {
	headers := http.Header{}
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	headers.Set(corev1.PortHeader, strconv.Itoa(int(port)))
	headers.Set(corev1.PortForwardRequestIDHeader, "0")
	failures, err := connection.CreateStream(headers)
	if err != nil {
		return nil, fmt.Errorf("open the stream for errors: %w", err)
	}
	// Nothing is written to it.
	if err := failures.Close(); err != nil {
		return nil, fmt.Errorf("half-close the stream for errors: %w", err)
	}
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := connection.CreateStream(headers)
	if err != nil {
		return nil, fmt.Errorf("open the stream for data: %w", err)
	}
	f := &forwarded{Stream: data, connection: connection, told: make(chan struct{})}
	f.close = sync.OnceValue(connection.Close)
	go func() {
		defer close(f.told)
		message, err := io.ReadAll(io.LimitReader(failures, 64<<10))
		switch {
		case len(message) > 0:
			f.failure = errors.New(strings.TrimSpace(string(message)))
		case err != nil:
			f.failure = err
		}
		// The data stream would wait for ever for a port that nobody listens on.
		if f.failure != nil {
			_ = f.close()
		}
	}()
	return f, nil
}

// Read reads from the pod. When the stream ends, the error says what the other side told about it.
func (f *forwarded) Read(b []byte) (int, error) {
	n, err := f.Stream.Read(b)
	if err == nil {
		return n, nil
	}
	_ = f.close()
	<-f.told // the connection is closed, which ends its reading
	if f.failure != nil {
		err = fmt.Errorf("%w (%w)", err, f.failure)
	}
	return n, err
}

// Close closes the connection, which ends everything that reads or writes it.
func (f *forwarded) Close() error {
	err := f.close()
	<-f.told
	return err
}
