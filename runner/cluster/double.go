package cluster

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/why"
	"github.com/podknock/podknock/scenarios"
)

// whyScenario is the value of the scenario label of probe pods that stand in for real ones.
const whyScenario = "why"

// podOrder is the order as that of a run's probe pod among others.
func podOrder(order why.Order) runner.PodOrder {
	return runner.PodOrder{
		PodObject: scenarios.PodObject{
			Logical: string(order.Role), Ports: order.Ports,
			Meta: metav1.ObjectMeta{Namespace: order.Namespace, Name: order.Name, Labels: order.Labels},
		},
		Scenario: whyScenario, AmongOthers: true,
	}
}

// NewDouble is a probe pod that stands in for a real one: on its node without asking the scheduler, which could move others to make room, with its
// tolerations and name servers, never Ready, and the first to be deleted should anything count it after all.
func NewDouble(order why.Order, o Options, owner metav1.OwnerReference, now time.Time) *corev1.Pod {
	pod := newPod(podOrder(order), &o, owner, now)
	pod.Annotations[corev1.PodDeletionCost] = strconv.Itoa(math.MinInt32)
	pod.Spec.Affinity, pod.Spec.NodeSelector, pod.Spec.NodeName = nil, nil, order.Node
	if order.Like != nil {
		pod.Spec.Tolerations = slices.Concat(pod.Spec.Tolerations, order.Like.Spec.Tolerations)
		pod.Spec.DNSConfig = order.Like.Spec.DNSConfig.DeepCopy()
		if order.Like.Spec.DNSPolicy != corev1.DNSClusterFirstWithHostNet {
			pod.Spec.DNSPolicy = order.Like.Spec.DNSPolicy
		}
		pod.Spec.RuntimeClassName = order.Like.Spec.RuntimeClassName
	}
	return pod
}

// FixedLabels are those that every pod of the run gets.
func (c *Cluster) FixedLabels(order why.Order) map[string]string {
	order.Labels = nil
	return NewDouble(order, c.options, metav1.OwnerReference{}, time.Now()).Labels
}

// TryDouble asks the API server what a probe pod would be like after admission, and creates nothing.
func (c *Cluster) TryDouble(ctx context.Context, order why.Order) (*corev1.Pod, error) {
	owner, ok := c.owners.get(order.Namespace)
	if !ok {
		return nil, fmt.Errorf("try pod %q: the namespace %q was not prepared", order.Name, order.Namespace)
	}
	pod := NewDouble(order, c.options, owner, time.Now())
	var made *corev1.Pod
	err := retry(ctx, func() (err error) {
		made, err = c.client.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the cluster refuses the pod: %w", err)
	}
	return made, nil
}

// CreateDouble creates a probe pod in a namespace that was prepared before.
func (c *Cluster) CreateDouble(ctx context.Context, order why.Order) (*corev1.Pod, error) {
	owner, ok := c.owners.get(order.Namespace)
	if !ok {
		return nil, fmt.Errorf("create pod %q: the namespace %q was not prepared", order.Name, order.Namespace)
	}
	pod := NewDouble(order, c.options, owner, time.Now())
	c.controlPorts.Store(types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}, controlPortOf(podOrder(order)))
	made, err := create(ctx, func(ctx context.Context) (*corev1.Pod, error) {
		return c.client.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{})
	}, func(ctx context.Context) (*corev1.Pod, error) {
		return c.client.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
	}, c.options.Run)
	if err != nil {
		return nil, fmt.Errorf("the cluster refuses the pod: %w", err)
	}
	return made, nil
}

// Remove deletes what the run has in these namespaces, with rights in them alone. The pods go at once, and then what the list shows.
func (c *Cluster) Remove(ctx context.Context, namespaces ...string) []runner.Leftover {
	var left []runner.Leftover
	found := make([][]runner.Leftover, len(namespaces))
	var all sync.WaitGroup
	c.controlPorts.Range(func(key, _ any) bool {
		name := key.(types.NamespacedName)
		all.Go(func() {
			// That it failed shows below, where the pod is still listed.
			_ = c.DeletePod(ctx, name.Namespace, name.Name)
		})
		return true
	})
	all.Wait()
	for i, name := range namespaces {
		all.Go(func() { found[i] = Remove(ctx, c.client, c.options.Run, name) })
	}
	all.Wait()
	for _, part := range found {
		left = append(left, part...)
	}
	return left
}
