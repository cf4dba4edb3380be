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
	// limit is how many pods there may be; whoever wants another waits. Zero means that nobody has to wait.
	limit int
	// fewer is closed, and made anew, when pods are gone or the limit is another.
	fewer chan struct{}
}

func newCensus(cluster Cluster) *census {
	return &census{Cluster: cluster, pods: map[[2]string]bool{}, fewer: make(chan struct{})}
}

// bound lets no more pods exist at once than the limit, zero meaning any number.
func (c *census) bound(limit int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit = limit
	c.tell()
}

// tell wakes those who wait. The lock is held.
func (c *census) tell() {
	close(c.fewer)
	c.fewer = make(chan struct{})
}

// enter counts a pod as soon as there is room for it.
func (c *census) enter(ctx context.Context, pod [2]string) error {
	for {
		c.mu.Lock()
		if c.limit == 0 || len(c.pods) < c.limit || c.pods[pod] {
			c.pods[pod] = true
			c.great = max(c.great, len(c.pods))
			c.mu.Unlock()
			return nil
		}
		fewer := c.fewer
		c.mu.Unlock()
		select {
		case <-fewer:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// CreatePod creates a pod and counts it.
func (c *census) CreatePod(ctx context.Context, order runner.PodOrder) error {
	if err := c.enter(ctx, [2]string{order.Meta.Namespace, order.Meta.Name}); err != nil {
		return err
	}
	return c.Cluster.CreatePod(ctx, order)
}

// DeletePod deletes a pod and counts it no more.
func (c *census) DeletePod(ctx context.Context, namespace, name string) error {
	err := c.Cluster.DeletePod(ctx, namespace, name)
	if err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.pods, [2]string{namespace, name})
		c.tell()
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
		c.tell()
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
