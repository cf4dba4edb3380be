package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/podknock/podknock/runner"
)

// Cluster is one run's view of a cluster. [Open] makes it and Close ends it.
type Cluster struct {
	options  Options
	config   *rest.Config
	client   kubernetes.Interface
	pods     *podWatch
	streams  *streams
	requests *atomic.Int64
	// outage is when a request last found no API server.
	outage *atomic.Int64
	owners owners
	// controlPorts holds where the agent of each pod is controlled, by the pod's name.
	controlPorts sync.Map
}

var _ runner.Cluster = (*Cluster)(nil)

// The rates of ordinary calls, above client-go's own defaults of 5 and 10, which are for controllers.
const (
	callsPerSecond = 50
	callsBurst     = 100
)

// Open begins to watch the run's pods, unless they are guests. It fails if the cluster cannot be reached or does not allow that.
func Open(ctx context.Context, config *rest.Config, options Options) (*Cluster, error) {
	requests, outage := &atomic.Int64{}, &atomic.Int64{}
	config = counted(config, requests, outage)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	c := &Cluster{
		options: options, config: config, client: client, requests: requests, outage: outage, streams: newStreams(options.Streams),
		owners: owners{refs: map[string]metav1.OwnerReference{}},
	}
	c.pods = newPodWatch(client, options.Run)
	if options.Guest {
		return c, nil
	}
	namespaces := options.confined()
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	for _, namespace := range namespaces {
		if err := c.pods.follow(ctx, namespace); err != nil {
			c.pods.close()
			return nil, fmt.Errorf("watch pods: %w", err)
		}
	}
	return c, nil
}

// counted is a copy of the configuration that counts the requests, keeps when the last one found nobody, in nanoseconds since 1970, and has the
// rates of this package.
func counted(config *rest.Config, requests, outage *atomic.Int64) *rest.Config {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = callsPerSecond, callsBurst
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			requests.Add(1)
			runner.CountRequest(request.Context())
			response, err := next.RoundTrip(request)
			if err != nil && request.Context().Err() == nil && !isStream(request.URL.Path) {
				outage.Store(time.Now().UnixNano())
			}
			return response, err
		})
	})
	return config
}

// isStream says whether a request opens a stream to a container. Such a request also fails for reasons of the pod or its node, and where a proxy or
// an older API server does not speak WebSocket: that says nothing about the API server.
func isStream(path string) bool {
	for _, subresource := range []string{"/portforward", "/exec", "/attach"} {
		if strings.HasSuffix(path, subresource) {
			return true
		}
	}
	return false
}

// roundTripper is a function as an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// Close ends the watching.
func (c *Cluster) Close() { c.pods.close() }

// Requests counts the calls of the API so far, watches and streams included.
func (c *Cluster) Requests() int { return int(c.requests.Load()) }

// LastOutage is when a request last found no API server. The watch of the pods asks again and again as long as there is none.
func (c *Cluster) LastOutage() time.Time {
	if last := c.outage.Load(); last != 0 {
		return time.Unix(0, last)
	}
	return time.Time{}
}

// Facts describes the cluster. Nodes are left out where they may not be listed.
func (c *Cluster) Facts(ctx context.Context) (runner.ClusterFacts, error) {
	facts := runner.ClusterFacts{Context: c.options.Context, Server: c.config.Host}
	var version *version.Info
	err := retry(ctx, func() (err error) { version, err = c.client.Discovery().ServerVersion(); return err })
	if err != nil {
		return facts, fmt.Errorf("ask %s for its version: %w", c.config.Host, err)
	}
	facts.Version = version.GitVersion
	if c.options.Tenant != "" {
		return facts, nil
	}
	var nodes *corev1.NodeList
	err = retry(ctx, func() (err error) { nodes, err = c.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{}); return err })
	if apierrors.IsForbidden(err) {
		return facts, nil
	}
	if err != nil {
		return facts, fmt.Errorf("list nodes: %w", err)
	}
	for _, node := range nodes.Items {
		info := node.Status.NodeInfo
		facts.Nodes = append(facts.Nodes, runner.Node{
			Name: node.Name, Kubelet: info.KubeletVersion, Kernel: info.KernelVersion, Runtime: info.ContainerRuntimeVersion,
		})
	}
	return facts, nil
}

// NodeAddresses are the internal addresses of a node.
func (c *Cluster) NodeAddresses(ctx context.Context, name string) ([]netip.Addr, error) {
	node, err := c.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read node %q: %w", name, err)
	}
	var addresses []netip.Addr
	for _, entry := range node.Status.Addresses {
		if entry.Type != corev1.NodeInternalIP {
			continue
		}
		if address, err := netip.ParseAddr(entry.Address); err == nil {
			addresses = append(addresses, address)
		}
	}
	if len(addresses) == 0 {
		return nil, errors.New("it has no internal address")
	}
	return addresses, nil
}
