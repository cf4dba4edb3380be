package cluster

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/runner/diagnose"
)

// observer reads lists of objects at once. What may not be read is noted, unless no answer is right without it.
type observer struct {
	ctx      context.Context
	group    *errgroup.Group
	mu       sync.Mutex
	snapshot *diagnose.Snapshot
}

// maxReads bounds the lists that are under way at once.
const maxReads = 8

func newObserver(ctx context.Context, snapshot *diagnose.Snapshot) *observer {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxReads)
	return &observer{ctx: ctx, group: group, snapshot: snapshot}
}

// need says that the question has no answer without a list.
type need bool

const (
	required need = true
	optional need = false
)

// reads lists a kind of objects in some namespaces, or everywhere.
func reads[T any, L any](
	o *observer, what string, wanted need, list func(ctx context.Context, options metav1.ListOptions) (L, error), items func(L) ([]T, string), put func([]T),
) {
	o.group.Go(func() error {
		var all []T
		options := metav1.ListOptions{Limit: pageSize}
		for {
			var page L
			err := retry(o.ctx, func() (err error) {
				page, err = list(o.ctx, options)
				return err
			})
			switch {
			case err == nil:
			case wanted == optional && (apierrors.IsForbidden(err) || apierrors.IsNotFound(err)):
				o.mu.Lock()
				o.snapshot.Unread = append(o.snapshot.Unread, diagnose.Unread{What: what, Why: err.Error()})
				o.mu.Unlock()
				return nil
			default:
				return fmt.Errorf("list %s: %w", what, err)
			}
			found, next := items(page)
			all = append(all, found...)
			if next == "" {
				break
			}
			options.Continue = next
		}
		o.mu.Lock()
		put(all)
		o.mu.Unlock()
		return nil
	})
}

// Observe reads what bears on any question: pods, Services and their endpoints, nodes, namespaces, NetworkPolicies and those of other APIs, in
// the whole cluster, because a peer can be anywhere. Nodes, webhooks and the policies of other APIs are left out where they may not be read.
func (c *Cluster) Observe(ctx context.Context) (*diagnose.Snapshot, error) {
	s := &diagnose.Snapshot{}
	o := newObserver(ctx, s)
	core, apps := c.client.CoreV1(), c.client.AppsV1()
	reads(o, "namespaces", required, core.Namespaces().List,
		func(l *corev1.NamespaceList) ([]corev1.Namespace, string) { return l.Items, l.Continue }, func(i []corev1.Namespace) { s.Namespaces = i })
	reads(o, "pods", required, core.Pods("").List,
		func(l *corev1.PodList) ([]corev1.Pod, string) { return l.Items, l.Continue }, func(i []corev1.Pod) { s.Pods = i })
	reads(o, "services", required, core.Services("").List,
		func(l *corev1.ServiceList) ([]corev1.Service, string) { return l.Items, l.Continue }, func(i []corev1.Service) { s.Services = i })
	reads(o, "endpointslices", required, c.client.DiscoveryV1().EndpointSlices("").List,
		func(l *discoveryv1.EndpointSliceList) ([]discoveryv1.EndpointSlice, string) {
			return l.Items, l.Continue
		},
		func(i []discoveryv1.EndpointSlice) { s.EndpointSlices = i })
	reads(o, "networkpolicies", required, c.client.NetworkingV1().NetworkPolicies("").List,
		func(l *networkingv1.NetworkPolicyList) ([]networkingv1.NetworkPolicy, string) {
			return l.Items, l.Continue
		},
		func(i []networkingv1.NetworkPolicy) { s.Policies = i })
	reads(o, "nodes", optional, core.Nodes().List,
		func(l *corev1.NodeList) ([]corev1.Node, string) { return l.Items, l.Continue }, func(i []corev1.Node) { s.Nodes = i })
	c.observeWorkloads(o, apps, s)
	c.observeOthers(o, s)
	if err := o.group.Wait(); err != nil {
		return nil, err
	}
	return s, nil
}
