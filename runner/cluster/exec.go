package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"

	corev1 "k8s.io/api/core/v1"
	//lint:ignore SA1019 client-go still has its streams in these types
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/klog/v2"

	"github.com/podknock/podknock/runner"
)

// execute opens a stream to the agent of a pod through a process in it that relays to the agent's control port.
func (c *Cluster) execute(ctx context.Context, pod runner.Pod, port uint16) (io.ReadWriteCloser, error) {
	url := c.client.CoreV1().RESTClient().Post().Resource(string(corev1.ResourcePods)).Namespace(pod.Namespace).Name(pod.Name).
		SubResource("exec").VersionedParams(&corev1.PodExecOptions{
		Container: containerName, Stdin: true, Stdout: true, Stderr: true,
		Command: []string{"/podknock-agent", "stdio", fmt.Sprintf("-relay=127.0.0.1:%d", port)},
	}, scheme.ParameterCodec).URL()
	executor, err := c.executor(url)
	if err != nil {
		return nil, err
	}
	return startExecuted(ctx, executor), nil
}

// executor speaks WebSocket, and SPDY where a proxy or an older API server does not let it, as kubectl does.
func (c *Cluster) executor(url *url.URL) (remotecommand.Executor, error) {
	webSocket, err := remotecommand.NewWebSocketExecutor(c.config, http.MethodGet, url.String())
	if err != nil {
		return nil, err
	}
	fallback, err := remotecommand.NewSPDYExecutor(c.config, http.MethodPost, url)
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(webSocket, fallback, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
}

// executed is the standard input and output of a process in a pod.
type executed struct {
	input  *io.PipeWriter
	output *io.PipeReader
	stop   context.CancelFunc
	ended  chan struct{}
}

// startExecuted starts the process. That it could not be started shows at the first Read.
func startExecuted(ctx context.Context, executor remotecommand.Executor) *executed {
	processInput, input := io.Pipe()
	output, processOutput := io.Pipe()
	// The stream outlives the call that opened it.
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	// What client-go has to say about a stream that we close is no message for people.
	ctx = klog.NewContext(ctx, klog.Logger{})
	e := &executed{input: input, output: output, stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(e.ended)
		var complaints complaint
		err := executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: processInput, Stdout: processOutput, Stderr: &complaints})
		if text := complaints.String(); text != "" {
			err = errors.Join(err, errors.New(text))
		}
		if err == nil {
			err = io.EOF
		}
		processOutput.CloseWithError(err)
		processInput.CloseWithError(err)
	}()
	return e
}

// Read reads the process's output.
func (e *executed) Read(b []byte) (int, error) { return e.output.Read(b) }

// Write writes to the process's input.
func (e *executed) Write(b []byte) (int, error) { return e.input.Write(b) }

// Close ends the process.
func (e *executed) Close() error {
	e.stop()
	e.input.Close()
	e.output.Close()
	<-e.ended
	return nil
}

// complaint keeps the beginning of what a process says on standard error.
type complaint struct {
	mu   sync.Mutex
	text []byte
}

const maxComplaint = 4 << 10

// Write implements [io.Writer].
func (c *complaint) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text = append(c.text, b[:min(len(b), maxComplaint-len(c.text))]...)
	return len(b), nil
}

// String is what was said.
func (c *complaint) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.text)
}
