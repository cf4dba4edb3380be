package verify

import (
	"context"
	"sync"

	"github.com/podknock/podknock/runner"
)

// census is a cluster that counts the probe pods that exist.
type census struct {
	Cluster

	mu    sync.Mutex
	pods  map[[2]string]bool
	great int
}

func newCensus(cluster Cluster) *census { return &census{Cluster: cluster, pods: map[[2]string]bool{}} }

// CreatePod creates a pod and counts it.
func (c *census) CreatePod(ctx context.Context, order runner.PodOrder) error {
	c.mu.Lock()
	c.pods[[2]string{order.Meta.Namespace, order.Meta.Name}] = true
	c.great = max(c.great, len(c.pods))
	c.mu.Unlock()
	return c.Cluster.CreatePod(ctx, order)
}

// DeletePod deletes a pod and counts it no more.
func (c *census) DeletePod(ctx context.Context, namespace, name string) error {
	err := c.Cluster.DeletePod(ctx, namespace, name)
	if err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.pods, [2]string{namespace, name})
	}
	return err
}

// DeleteNamespace deletes a namespace and counts its pods no more.
func (c *census) DeleteNamespace(ctx context.Context, name string, gone bool) error {
	err := c.Cluster.DeleteNamespace(ctx, name, gone)
	if err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		for pod := range c.pods {
			if pod[0] == name {
				delete(c.pods, pod)
			}
		}
	}
	return err
}

// now counts the pods that exist.
func (c *census) now() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.pods)
}

// most is the greatest number of pods that existed at once.
func (c *census) most() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.great
}
