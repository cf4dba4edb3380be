package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/podknock/podknock/runner"
)

// CleanUp deletes everything of the run, waits for its end, and returns what is left.
func (c *Cluster) CleanUp(ctx context.Context) []runner.Leftover {
	for _, namespace := range c.owners.namespaces() {
		c.pods.release(namespace, "")
	}
	if len(c.options.Reserve) == 0 {
		return Remove(ctx, c.client, c.options.Run, c.options.Tenant)
	}
	// All at once: what is stuck in one must not use up the time of the others.
	left := make([][]runner.Leftover, len(c.options.Reserve))
	var all sync.WaitGroup
	for i, name := range c.options.Reserve {
		all.Go(func() { left[i] = removeReserved(ctx, c.client, c.options.Run, name, true) })
	}
	all.Wait()
	return slices.Concat(left...)
}

func (o *owners) namespaces() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var names []string
	for name := range o.refs {
		names = append(names, name)
	}
	return names
}

// Remove deletes everything that carries a run's id: its namespaces, and in other namespaces its objects. It waits for their end and returns
// what is left when the context ends. With a tenant it looks into that namespace alone.
func Remove(ctx context.Context, client kubernetes.Interface, run, tenant string) []runner.Leftover {
	r := &remover{client: client, selector: metav1.ListOptions{LabelSelector: runner.LabelRun + "=" + run}}
	if tenant == "" {
		r.removeNamespaces(ctx)
	}
	r.removeObjects(ctx, tenant)
	if tenant == "" && len(r.leftovers) == 0 {
		r.giveBackClaimed(ctx, run)
	}
	slices.SortFunc(r.leftovers, func(a, b runner.Leftover) int {
		return strings.Compare(a.Kind+"/"+a.Namespace+"/"+a.Name, b.Kind+"/"+b.Namespace+"/"+b.Name)
	})
	return r.leftovers
}

// remover removes what a selector of labels selects.
type remover struct {
	client   kubernetes.Interface
	selector metav1.ListOptions

	mu        sync.Mutex
	leftovers []runner.Leftover
	// removed are the namespaces that were deleted as a whole.
	removed map[string]bool
}

func (r *remover) left(kind, namespace, name string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leftovers = append(r.leftovers, runner.Leftover{Kind: kind, Namespace: namespace, Name: name, Reason: err.Error()})
}

// removeNamespaces deletes the namespaces and waits for their end.
func (r *remover) removeNamespaces(ctx context.Context) {
	var namespaces *corev1.NamespaceList
	err := retry(ctx, func() (err error) {
		namespaces, err = r.client.CoreV1().Namespaces().List(ctx, r.selector)
		return err
	})
	if err != nil {
		r.left("Namespace", "", r.selector.LabelSelector, fmt.Errorf("list namespaces: %w", err))
		return
	}
	r.removed = map[string]bool{}
	failed := map[string]error{}
	for _, namespace := range namespaces.Items {
		r.removed[namespace.Name] = true
		if namespace.DeletionTimestamp != nil {
			continue
		}
		err := retry(ctx, func() error {
			return r.client.CoreV1().Namespaces().Delete(ctx, namespace.Name, metav1.DeleteOptions{})
		})
		if err != nil && !apierrors.IsNotFound(err) {
			failed[namespace.Name] = err
		}
	}
	if len(namespaces.Items) == 0 {
		return
	}
	for name, err := range failed {
		r.left("Namespace", "", name, err)
	}
	if len(failed) == len(namespaces.Items) {
		return
	}
	if err := awaitNoNamespaces(ctx, r.client, r.selector); err != nil {
		r.explainNamespaces(ctx, failed, err)
	}
}

// lookTimeout bounds the look at what is left when the time for the clean-up is over.
const lookTimeout = 10 * time.Second

// explainNamespaces says what holds up each namespace that is left.
func (r *remover) explainNamespaces(ctx context.Context, failed map[string]error, cause error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer cancel()
	namespaces, err := r.client.CoreV1().Namespaces().List(ctx, r.selector)
	if err != nil {
		r.left("Namespace", "", r.selector.LabelSelector, errors.Join(cause, err))
		return
	}
	for _, namespace := range namespaces.Items {
		if failed[namespace.Name] == nil {
			r.left("Namespace", "", namespace.Name, errors.New(whyStuck(&namespace)))
		}
	}
}

// whyStuck says what a namespace waits for, from the conditions that its controller sets (pkg/controller/namespace/deletion in Kubernetes).
func whyStuck(namespace *corev1.Namespace) string {
	var reasons []string
	for _, condition := range namespace.Status.Conditions {
		if condition.Status == corev1.ConditionTrue {
			reasons = append(reasons, fmt.Sprintf("%s: %s", condition.Type, condition.Message))
		}
	}
	if len(reasons) == 0 {
		return "its deletion has not finished yet"
	}
	return strings.Join(reasons, "; ")
}

// removeObjects deletes what the run has in namespaces that are not its own.
func (r *remover) removeObjects(ctx context.Context, tenant string) {
	r.removeKinds(ctx, tenant, r.kinds(tenant))
}

// removeKinds deletes the objects of some kinds.
func (r *remover) removeKinds(ctx context.Context, tenant string, kinds []kind) {
	for _, kind := range kinds {
		var objects []metav1.Object
		err := retry(ctx, func() (err error) {
			objects, err = kind.list(ctx)
			return err
		})
		if err != nil {
			r.left(kind.name, tenant, r.selector.LabelSelector, fmt.Errorf("list: %w", err))
			continue
		}
		var all sync.WaitGroup // because a pod that does not end must not keep the others
		for _, object := range objects {
			if r.removed[object.GetNamespace()] {
				continue
			}
			all.Go(func() {
				err := retry(ctx, func() error { return kind.remove(ctx, object) })
				if err != nil && !apierrors.IsNotFound(err) {
					r.left(kind.name, object.GetNamespace(), object.GetName(), err)
				}
			})
		}
		all.Wait()
	}
}

// kind is a kind of objects that a run has inside a namespace.
type kind struct {
	name   string
	list   func(context.Context) ([]metav1.Object, error)
	remove func(context.Context, metav1.Object) error
}

// kinds are all of them, the owner of the others last.
func (r *remover) kinds(namespace string) []kind {
	core, networking := r.client.CoreV1(), r.client.NetworkingV1()
	now := metav1.DeleteOptions{}
	return []kind{
		{"NetworkPolicy", func(ctx context.Context) ([]metav1.Object, error) {
			list, err := networking.NetworkPolicies(namespace).List(ctx, r.selector)
			if err != nil {
				return nil, err
			}
			return objectsOf(list.Items), nil
		}, func(ctx context.Context, o metav1.Object) error {
			return networking.NetworkPolicies(o.GetNamespace()).Delete(ctx, o.GetName(), now)
		}},
		{"Pod", func(ctx context.Context) ([]metav1.Object, error) {
			list, err := core.Pods(namespace).List(ctx, r.selector)
			if err != nil {
				return nil, err
			}
			return objectsOf(list.Items), nil
		}, func(ctx context.Context, o metav1.Object) error { return r.removePod(ctx, o) }},
		{"Service", func(ctx context.Context) ([]metav1.Object, error) {
			list, err := core.Services(namespace).List(ctx, r.selector)
			if err != nil {
				return nil, err
			}
			return objectsOf(list.Items), nil
		}, func(ctx context.Context, o metav1.Object) error {
			return core.Services(o.GetNamespace()).Delete(ctx, o.GetName(), now)
		}},
		{"ServiceAccount", func(ctx context.Context) ([]metav1.Object, error) {
			list, err := core.ServiceAccounts(namespace).List(ctx, r.selector)
			if err != nil {
				return nil, err
			}
			return objectsOf(list.Items), nil
		}, func(ctx context.Context, o metav1.Object) error {
			return core.ServiceAccounts(o.GetNamespace()).Delete(ctx, o.GetName(), now)
		}},
	}
}

// objectsOf are the items of a list as objects.
func objectsOf[T any, P interface {
	*T
	metav1.Object
}](items []T) []metav1.Object {
	objects := make([]metav1.Object, len(items))
	for i := range items {
		objects[i] = P(&items[i])
	}
	return objects
}

// removePod deletes a pod and waits for its end.
func (r *remover) removePod(ctx context.Context, pod metav1.Object) error {
	client := r.client.CoreV1().Pods(pod.GetNamespace())
	if err := client.Delete(ctx, pod.GetName(), metav1.DeleteOptions{}); err != nil {
		return err
	}
	return awaitNone(ctx, pod.GetName(), client.List, client.Watch, func(l *corev1.PodList) (int, string) { return len(l.Items), l.ResourceVersion })
}
