//go:build e2e

package e2e

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// apiProxy stands on loopback between podknock and the API server, and makes
// the trouble that networks and busy servers make. It speaks plain HTTP, and
// to the server it is who the suite is.
type apiProxy struct {
	server  *neturl.URL
	tls     *tls.Config
	forward *httputil.ReverseProxy

	// refuse returns the status to answer a request with instead of passing it
	// on, and 0 to pass it on.
	refuse func(*http.Request) int

	cuts, refused atomic.Int64
	opened        atomic.Int64

	mu      sync.Mutex
	streams map[*controlStream]bool
}

// controlStream is one upgraded connection.
type controlStream struct {
	client, server net.Conn
	// doomed says that it shall end in the middle of the next message.
	doomed atomic.Bool
}

// newAPIProxy starts a proxy, and returns it with a kubeconfig for it.
func newAPIProxy(refuse func(*http.Request) int) (*apiProxy, string) {
	GinkgoHelper()
	server, _, err := rest.DefaultServerUrlFor(restConfig)
	Expect(err).NotTo(HaveOccurred())
	tlsConfig, err := rest.TLSConfigFor(restConfig)
	Expect(err).NotTo(HaveOccurred())
	transport, err := rest.TransportFor(restConfig)
	Expect(err).NotTo(HaveOccurred())
	p := &apiProxy{server: server, tls: tlsConfig, refuse: refuse, streams: map[*controlStream]bool{}}
	p.forward = &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1, // watches
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(server) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}
	listening := httptest.NewServer(p)
	DeferCleanup(func() {
		p.doom()
		p.mu.Lock()
		for stream := range p.streams {
			stream.close()
		}
		p.mu.Unlock()
		listening.CloseClientConnections()
		listening.Close()
	})
	config := clientcmdapi.NewConfig()
	config.Clusters["proxy"] = &clientcmdapi.Cluster{Server: listening.URL}
	config.Contexts["proxy"] = &clientcmdapi.Context{Cluster: "proxy"}
	config.CurrentContext = "proxy"
	path := filepath.Join(GinkgoT().TempDir(), "proxied")
	Expect(clientcmd.WriteToFile(*config, path)).To(Succeed())
	return p, path
}

// ServeHTTP refuses, upgrades or passes on.
func (p *apiProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.refuse != nil {
		if code := p.refuse(r); code != 0 {
			p.refused.Add(1)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			_ = json.NewEncoder(w).Encode(metav1.Status{ // to a client that may have gone
				TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure,
				Message: "the spec's proxy is in the way", Reason: reasons[code], Code: int32(code),
			})
			return
		}
	}
	if r.Header.Get("Upgrade") == "" {
		p.forward.ServeHTTP(w, r)
		return
	}
	if err := p.upgrade(w, r); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
}

var reasons = map[int]metav1.StatusReason{
	http.StatusTooManyRequests:     metav1.StatusReasonTooManyRequests,
	http.StatusInternalServerError: metav1.StatusReasonInternalError,
	http.StatusServiceUnavailable:  metav1.StatusReasonServiceUnavailable,
}

// upgrade passes a request for a control stream on, and then bytes both ways.
func (p *apiProxy) upgrade(w http.ResponseWriter, r *http.Request) error {
	// HTTP/1.1, of which alone a connection can be upgraded.
	config := p.tls.Clone()
	config.NextProtos = []string{"http/1.1"}
	config.ServerName, _, _ = strings.Cut(p.server.Host, ":")
	server, err := tls.Dial("tcp", p.server.Host, config)
	if err != nil {
		return fmt.Errorf("dial the API server: %w", err)
	}
	out := r.Clone(r.Context())
	out.Host, out.URL.Host, out.URL.Scheme = p.server.Host, p.server.Host, "https"
	if restConfig.BearerToken != "" {
		out.Header.Set("Authorization", "Bearer "+restConfig.BearerToken)
	}
	if err := out.Write(server); err != nil {
		server.Close()
		return fmt.Errorf("pass the request on: %w", err)
	}
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		server.Close()
		return fmt.Errorf("take the connection over: %w", err)
	}
	stream := &controlStream{client: client, server: server}
	p.mu.Lock()
	p.streams[stream] = true
	p.mu.Unlock()
	p.opened.Add(1)
	defer func() {
		stream.close()
		p.mu.Lock()
		delete(p.streams, stream)
		p.mu.Unlock()
	}()
	up := make(chan struct{})
	go func() {
		defer close(up)
		_, _ = io.Copy(server, io.MultiReader(io.LimitReader(buffered, int64(buffered.Reader.Buffered())), client)) // ends with the stream
		stream.close()
	}()
	if stream.pass() {
		p.cuts.Add(1)
	}
	stream.close()
	<-up
	return nil
}

// pass copies what the server says until the stream ends, and tells whether
// it was cut in the middle of a message.
func (s *controlStream) pass() (cut bool) {
	reader := bufio.NewReader(s.server)
	buffer := make([]byte, 64<<10)
	for {
		n, err := reader.Read(buffer)
		if n > 1 && s.doomed.Load() {
			_, _ = s.client.Write(buffer[:n-1]) // which is why it ends
			return true
		}
		if n > 0 {
			if _, err := s.client.Write(buffer[:n]); err != nil {
				return false
			}
		}
		if err != nil {
			return false
		}
	}
}

func (s *controlStream) close() {
	_ = s.client.Close() // twice is harmless
	_ = s.server.Close()
}

// doom cuts every control stream that is open now in the middle of the next
// message from its agent. Those that are opened later live.
func (p *apiProxy) doom() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for stream := range p.streams {
		stream.doomed.Store(true)
	}
}
