//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"
)

// controlPlane is an address of the lab's API server at which nothing else listens.
const controlPlane = "10.89.0.1"

// serveAPIServer starts a server with TLS that the lab's API server can reach at an address of its own machine. Its socket is opened in the network of
// that machine, where it stays; who accepts from it is this process.
func serveAPIServer(address string, handler http.Handler) *httptest.Server {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join("/run/podknock", whyLab(), "control-plane.pid"))
	Expect(err).NotTo(HaveOccurred())
	var machine struct{ PID int }
	Expect(json.Unmarshal(text, &machine)).To(Succeed())
	namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", machine.PID))
	Expect(err).NotTo(HaveOccurred())
	defer namespace.Close()
	type opened struct {
		listener net.Listener
		err      error
	}
	result := make(chan opened)
	go func() {
		runtime.LockOSThread() // for good: a thread in another network must serve nobody else, so it ends with this goroutine
		if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			result <- opened{err: fmt.Errorf("enter the network of the control plane: %w", err)}
			return
		}
		listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
		result <- opened{listener, err}
	}()
	socket := <-result
	Expect(socket.err).NotTo(HaveOccurred())
	server := httptest.NewUnstartedServer(handler)
	server.Listener.Close()
	server.Listener = socket.listener
	server.StartTLS()
	DeferCleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server
}
