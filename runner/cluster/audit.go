package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/podknock/podknock/runner"
)

// AuditLabels names what in an existing namespace would take one of these pods for its own: a Service would send it traffic, a controller
// would adopt it and delete a pod of its own for it (ClaimObject in pkg/controller/controller_ref_manager.go of Kubernetes). It fails if that
// cannot be known. A PodDisruptionBudget is no danger: a pod that is never Ready and has no controller adds nothing to what it allows
// (pkg/controller/disruption).
func (c *Cluster) AuditLabels(ctx context.Context, namespace string, pods []runner.PodOrder) ([]string, error) {
	var sets []labels.Set
	for _, order := range pods {
		sets = append(sets, newPod(order, &c.options, metav1.OwnerReference{}, c.options.Expires).Labels)
	}
	kinds := c.selectingKinds(namespace)
	found := make([][]selecting, len(kinds))
	errs := make([]error, len(kinds))
	var all sync.WaitGroup
	for i, kind := range kinds {
		all.Go(func() {
			errs[i] = retry(ctx, func() (err error) { found[i], err = kind.list(ctx); return err })
		})
	}
	all.Wait()
	var conflicts []string
	for i, kind := range kinds {
		if err := errs[i]; err != nil {
			return nil, fmt.Errorf("list %s in namespace %q, to see whether one selects the probe pods: %w", kind.plural, namespace, err)
		}
		for _, object := range found[i] {
			if matchesAny(object.selector, sets) {
				conflicts = append(conflicts, fmt.Sprintf("%s %q", kind.name, object.name))
			}
		}
	}
	return conflicts, nil
}

func matchesAny(selector labels.Selector, sets []labels.Set) bool {
	return slices.ContainsFunc(sets, func(s labels.Set) bool { return selector.Matches(s) })
}

// selecting is an object that selects pods by their labels.
type selecting struct {
	name     string
	selector labels.Selector
}

// selectingKind is a kind of such objects.
type selectingKind struct {
	name, plural string
	list         func(context.Context) ([]selecting, error)
}

// selectingKinds are the kinds whose objects take over pods by their labels alone. Those of this run do no harm.
func (c *Cluster) selectingKinds(namespace string) []selectingKind {
	others := metav1.ListOptions{LabelSelector: runner.LabelRun + "!=" + c.options.Run}
	core, apps, batch := c.client.CoreV1(), c.client.AppsV1(), c.client.BatchV1()
	return []selectingKind{
		{"Service", "services", func(ctx context.Context) ([]selecting, error) {
			list, err := core.Services(namespace).List(ctx, others)
			return byMap(err, list.Items, func(o *corev1.Service) (string, map[string]string) { return o.Name, o.Spec.Selector })
		}},
		{"ReplicationController", "replicationcontrollers", func(ctx context.Context) ([]selecting, error) {
			list, err := core.ReplicationControllers(namespace).List(ctx, others)
			return byMap(err, list.Items, func(o *corev1.ReplicationController) (string, map[string]string) { return o.Name, o.Spec.Selector })
		}},
		{"ReplicaSet", "replicasets", func(ctx context.Context) ([]selecting, error) {
			list, err := apps.ReplicaSets(namespace).List(ctx, others)
			return bySelector(err, list.Items, func(o *appsv1.ReplicaSet) (string, *metav1.LabelSelector) { return o.Name, o.Spec.Selector })
		}},
		{"DaemonSet", "daemonsets", func(ctx context.Context) ([]selecting, error) {
			list, err := apps.DaemonSets(namespace).List(ctx, others)
			return bySelector(err, list.Items, func(o *appsv1.DaemonSet) (string, *metav1.LabelSelector) { return o.Name, o.Spec.Selector })
		}},
		{"StatefulSet", "statefulsets", func(ctx context.Context) ([]selecting, error) {
			list, err := apps.StatefulSets(namespace).List(ctx, others)
			return bySelector(err, list.Items, func(o *appsv1.StatefulSet) (string, *metav1.LabelSelector) { return o.Name, o.Spec.Selector })
		}},
		{"Job", "jobs", func(ctx context.Context) ([]selecting, error) {
			list, err := batch.Jobs(namespace).List(ctx, others)
			return bySelector(err, list.Items, func(o *batchv1.Job) (string, *metav1.LabelSelector) { return o.Name, o.Spec.Selector })
		}},
	}
}

// byMap takes selectors that are maps. An empty one selects nothing.
func byMap[T any](err error, items []T, of func(*T) (string, map[string]string)) ([]selecting, error) {
	var all []selecting
	for i := range items {
		if name, selector := of(&items[i]); len(selector) > 0 {
			all = append(all, selecting{name, labels.SelectorFromSet(selector)})
		}
	}
	return all, err
}

// bySelector takes selectors with expressions. None selects nothing.
func bySelector[T any](err error, items []T, of func(*T) (string, *metav1.LabelSelector)) ([]selecting, error) {
	var all []selecting
	for i := range items {
		name, selector := of(&items[i])
		parsed, parseErr := metav1.LabelSelectorAsSelector(selector)
		if parseErr != nil {
			return nil, fmt.Errorf("%q: %w", name, parseErr)
		}
		all = append(all, selecting{name, parsed})
	}
	return all, err
}

// ListLimits names the ResourceQuotas and LimitRanges of a namespace.
func (c *Cluster) ListLimits(ctx context.Context, namespace string) ([]string, error) {
	var quotas *corev1.ResourceQuotaList
	var ranges *corev1.LimitRangeList
	err := retry(ctx, func() (err error) {
		quotas, err = c.client.CoreV1().ResourceQuotas(namespace).List(ctx, metav1.ListOptions{})
		return err
	})
	if err == nil {
		err = retry(ctx, func() (err error) {
			ranges, err = c.client.CoreV1().LimitRanges(namespace).List(ctx, metav1.ListOptions{})
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("list quotas and limit ranges of namespace %q: %w", namespace, err)
	}
	var names []string
	for _, quota := range quotas.Items {
		names = append(names, fmt.Sprintf("ResourceQuota %q", quota.Name))
	}
	for _, limits := range ranges.Items {
		names = append(names, fmt.Sprintf("LimitRange %q", limits.Name))
	}
	slices.SortFunc(names, strings.Compare)
	return names, nil
}
