package cluster

import (
	"context"
	"fmt"
	"strings"
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

// lister lists one page of a kind of objects.
type lister[L any] func(ctx context.Context, options metav1.ListOptions) (L, error)

// all reads every page of a list.
func all[T any, L any](o *observer, list lister[L], items func(L) ([]T, string)) ([]T, error) {
	var found []T
	options := metav1.ListOptions{Limit: pageSize}
	for {
		var page L
		err := retry(o.ctx, func() (err error) {
			page, err = list(o.ctx, options)
			return err
		})
		if err != nil {
			return nil, err
		}
		more, next := items(page)
		if found = append(found, more...); next == "" {
			return found, nil
		}
		options.Continue = next
	}
}

// reads lists a kind of objects, and puts them into the snapshot.
func reads[T any, L any](o *observer, what string, wanted need, list lister[L], items func(L) ([]T, string), put func([]T)) {
	o.group.Go(func() error {
		found, err := all(o, list, items)
		o.mu.Lock()
		defer o.mu.Unlock()
		switch {
		case err == nil:
			put(found)
		case wanted == optional && (apierrors.IsForbidden(err) || apierrors.IsNotFound(err)):
			o.snapshot.Unread = append(o.snapshot.Unread, diagnose.Unread{What: what, Why: err.Error()})
		default:
			return fmt.Errorf("list %s: %w", what, err)
		}
		return nil
	})
}

// readsIn lists a kind of objects in the whole cluster or, where that is forbidden, in some namespaces: then the snapshot is partial.
func readsIn[T any, L any](o *observer, what string, namespaces []string, in func(namespace string) lister[L], items func(L) ([]T, string), put func([]T)) {
	o.group.Go(func() error {
		found, err := all(o, in(metav1.NamespaceAll), items)
		if apierrors.IsForbidden(err) && len(namespaces) > 0 {
			o.narrow(what, namespaces, err)
			for _, namespace := range namespaces {
				var more []T
				if more, err = all(o, in(namespace), items); err != nil {
					return fmt.Errorf("list %s in namespace %s: %w%s", what, namespace, err, adviceOnRights(err))
				}
				found = append(found, more...)
			}
		}
		if err != nil {
			return fmt.Errorf("list %s: %w", what, err)
		}
		o.mu.Lock()
		put(found)
		o.mu.Unlock()
		return nil
	})
}

// narrow notes that a kind of objects was read in some namespaces alone.
func (o *observer) narrow(what string, namespaces []string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.snapshot.Partial = true
	o.snapshot.Unread = append(o.snapshot.Unread, diagnose.Unread{What: what + " elsewhere than in " + strings.Join(namespaces, " and "), Why: err.Error()})
}

// adviceOnRights says what to do about a refusal.
func adviceOnRights(err error) string {
	if !apierrors.IsForbidden(err) {
		return ""
	}
	return ": without this right name that end by its DNS name or address"
}

// readNamespaces lists the namespaces or, where that is forbidden, gets some: policies look at their labels.
func (c *Cluster) readNamespaces(o *observer, names []string) {
	list := func(l *corev1.NamespaceList) ([]corev1.Namespace, string) { return l.Items, l.Continue }
	o.group.Go(func() error {
		found, err := all(o, c.client.CoreV1().Namespaces().List, list)
		if apierrors.IsForbidden(err) && len(names) > 0 {
			o.narrow("namespaces", names, err)
			for _, name := range names {
				var one *corev1.Namespace
				err = retry(o.ctx, func() (err error) {
					one, err = c.client.CoreV1().Namespaces().Get(o.ctx, name, metav1.GetOptions{})
					return err
				})
				if err != nil {
					return fmt.Errorf("get namespace %s: %w%s", name, err, adviceOnRights(err))
				}
				found = append(found, *one)
			}
		}
		if err != nil {
			return fmt.Errorf("list namespaces: %w", err)
		}
		o.mu.Lock()
		o.snapshot.Namespaces = found
		o.mu.Unlock()
		return nil
	})
}

// Observe reads what bears on any question: pods, Services and their endpoints, nodes, namespaces, NetworkPolicies and those of other APIs, in
// the whole cluster, because a peer can be anywhere, or else in the namespaces that the question names. Nodes, webhooks and the policies of other
// APIs are left out where they may not be read.
func (c *Cluster) Observe(ctx context.Context, namespaces ...string) (*diagnose.Snapshot, error) {
	s := &diagnose.Snapshot{}
	o := newObserver(ctx, s)
	core, apps := c.client.CoreV1(), c.client.AppsV1()
	c.readNamespaces(o, namespaces)
	readsIn(o, "pods", namespaces, func(in string) lister[*corev1.PodList] { return core.Pods(in).List },
		func(l *corev1.PodList) ([]corev1.Pod, string) { return l.Items, l.Continue }, func(i []corev1.Pod) { s.Pods = i })
	readsIn(o, "services", namespaces, func(in string) lister[*corev1.ServiceList] { return core.Services(in).List },
		func(l *corev1.ServiceList) ([]corev1.Service, string) { return l.Items, l.Continue }, func(i []corev1.Service) { s.Services = i })
	readsIn(o, "endpointslices", namespaces, func(in string) lister[*discoveryv1.EndpointSliceList] {
		return c.client.DiscoveryV1().EndpointSlices(in).List
	},
		func(l *discoveryv1.EndpointSliceList) ([]discoveryv1.EndpointSlice, string) {
			return l.Items, l.Continue
		},
		func(i []discoveryv1.EndpointSlice) { s.EndpointSlices = i })
	readsIn(o, "networkpolicies", namespaces, func(in string) lister[*networkingv1.NetworkPolicyList] {
		return c.client.NetworkingV1().NetworkPolicies(in).List
	},
		func(l *networkingv1.NetworkPolicyList) ([]networkingv1.NetworkPolicy, string) {
			return l.Items, l.Continue
		},
		func(i []networkingv1.NetworkPolicy) { s.Policies = i })
	reads(o, "nodes", optional, core.Nodes().List,
		func(l *corev1.NodeList) ([]corev1.Node, string) { return l.Items, l.Continue }, func(i []corev1.Node) { s.Nodes = i })
	c.observeWorkloads(o, apps, s)
	c.observeOthers(o, s, namespaces)
	if err := o.group.Wait(); err != nil {
		return nil, err
	}
	return s, nil
}
