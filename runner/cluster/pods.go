package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/podknock/podknock/runner"
)

// CreatePod creates a probe pod in a namespace that was created or prepared before.
func (c *Cluster) CreatePod(ctx context.Context, order runner.PodOrder) error {
	owner, ok := c.owners.get(order.Meta.Namespace)
	if !ok {
		return fmt.Errorf("create pod %q: the namespace %q was not prepared", order.Meta.Name, order.Meta.Namespace)
	}
	pod := newPod(order, &c.options, owner, time.Now())
	c.controlPorts.Store(types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}, controlPortOf(order))
	_, err := create(ctx, func(ctx context.Context) (*corev1.Pod, error) {
		return c.client.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{})
	}, func(ctx context.Context) (*corev1.Pod, error) {
		return c.client.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
	}, c.options.Run)
	switch {
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err):
		return fmt.Errorf("%w: %w", runner.ErrRefused, err)
	case err != nil:
		return fmt.Errorf("the pod cannot be created: %w", err)
	}
	return nil
}

// create makes an object. If it is there after a call whose answer was lost, and carries the run's label, it is ours.
func create[T metav1.Object](ctx context.Context, make, get func(context.Context) (T, error), run string) (T, error) {
	var made T
	tries := 0
	err := retry(ctx, func() error {
		var err error
		tries++
		made, err = make(ctx)
		if tries == 1 || !apierrors.IsAlreadyExists(err) {
			return err
		}
		if made, err = get(ctx); err == nil && made.GetLabels()[runner.LabelRun] != run {
			err = fmt.Errorf("%q exists and is not of this run", made.GetName())
		}
		return err
	})
	return made, err
}

// AwaitPod waits until the pod runs, or the cluster says that it won't.
func (c *Cluster) AwaitPod(ctx context.Context, namespace, name string) (runner.Pod, error) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var pulling pullWatch
	for {
		pod, changed := c.pods.get(namespace, name)
		if pod != nil {
			if running(pod) {
				return newRunning(pod), nil
			}
			problem, again := startProblem(pod, time.Now())
			if problem == "" && again == 0 && beingCreated(pod) {
				problem, again = pulling.problem(ctx, c, pod)
			}
			if problem != "" {
				return runner.Pod{}, errors.New(problem)
			}
			if again > 0 {
				timer.Reset(again)
			}
		}
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			return runner.Pod{}, c.whyNotStarted(ctx, pod)
		}
	}
}

func newRunning(pod *corev1.Pod) runner.Pod {
	result := runner.Pod{
		Namespace: pod.Namespace, Name: pod.Name, UID: string(pod.UID), Node: pod.Spec.NodeName, Injected: injectedContainers(pod),
	}
	for _, ip := range pod.Status.PodIPs {
		if address, err := netip.ParseAddr(ip.IP); err == nil {
			result.Addresses = append(result.Addresses, address)
		}
	}
	return result
}

// injectedContainers are the containers of a pod that we did not ask for.
func injectedContainers(pod *corev1.Pod) []string {
	var names []string
	for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if container.Name != containerName {
			names = append(names, container.Name)
		}
	}
	return names
}

// eventsTimeout bounds the look at a pod's events, which happens when its own time is over.
const eventsTimeout = 5 * time.Second

// whyNotStarted explains a pod that is still on its way when the time is over, from its newest warning.
func (c *Cluster) whyNotStarted(ctx context.Context, pod *corev1.Pod) error {
	cause := context.Cause(ctx)
	if pod == nil {
		return fmt.Errorf("%w: the cluster never showed it", cause)
	}
	events, err := c.eventsOf(ctx, pod)
	if err != nil {
		return fmt.Errorf("%w; its events cannot be read: %w", cause, err)
	}
	if image := imageBeingPulled(events); image != "" {
		return fmt.Errorf("%w: the node is still pulling the image %q from %s", cause, image, registryOf(image))
	}
	var newest *corev1.Event
	for i := range events {
		event := &events[i]
		if event.Type == corev1.EventTypeWarning && (newest == nil || newest.LastTimestamp.Before(&event.LastTimestamp)) {
			newest = event
		}
	}
	if newest == nil {
		return fmt.Errorf("%w: its phase is %s", cause, pod.Status.Phase)
	}
	return fmt.Errorf("%w: %s: %s", cause, newest.Reason, newest.Message)
}

// eventsOf reads the events of a pod, within a time of its own.
func (c *Cluster) eventsOf(ctx context.Context, pod *corev1.Pod) ([]corev1.Event, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), eventsTimeout)
	defer cancel()
	events, err := c.client.CoreV1().Events(pod.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("involvedObject.uid", string(pod.UID)).String(),
	})
	if err != nil {
		return nil, err
	}
	return events.Items, nil
}

// PodIncidents says what has happened to a pod since it ran.
func (c *Cluster) PodIncidents(namespace, name string) runner.Incidents {
	return c.pods.incidents(namespace, name)
}

// DeletePod returns when the pod is gone.
func (c *Cluster) DeletePod(ctx context.Context, namespace, name string) error {
	c.pods.release(namespace, name)
	options := metav1.DeleteOptions{}
	if slices.Contains(c.pods.unstarted(namespace), name) {
		options = atOnce()
	}
	err := retry(ctx, func() error { return c.client.CoreV1().Pods(namespace).Delete(ctx, name, options) })
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete pod %q: %w", name, err)
	}
	return c.awaitNoPods(ctx, namespace, name)
}

// atOnce deletes a pod without waiting for its node. That is for pods of which nothing ever ran: a node that still pulls their image would
// answer only when it is done with that.
func atOnce() metav1.DeleteOptions { return metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)} }

// deleteUnstarted deletes the pods of a namespace of which nothing ever ran. What fails here is left to who deletes all.
func (c *Cluster) deleteUnstarted(ctx context.Context, namespace string) {
	var all sync.WaitGroup
	for _, name := range c.pods.unstarted(namespace) {
		all.Go(func() { _ = c.client.CoreV1().Pods(namespace).Delete(ctx, name, atOnce()) })
	}
	all.Wait()
}

// awaitNoPods waits until a pod of the run is gone, or all of a namespace.
func (c *Cluster) awaitNoPods(ctx context.Context, namespace, name string) error {
	for {
		left, changed := c.pods.left(namespace, name)
		if left == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d pods of namespace %q are still there: %w", left, namespace, context.Cause(ctx))
		}
	}
}

// LabelPod sets labels; nil removes one.
func (c *Cluster) LabelPod(ctx context.Context, namespace, name string, labels map[string]*string) error {
	patch, err := labelPatch(labels)
	if err != nil {
		return err
	}
	return retry(ctx, func() error {
		_, err := c.client.CoreV1().Pods(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
}

// labelPatch is a merge patch that sets labels, and removes those that are null (RFC 7396).
func labelPatch(labels map[string]*string) ([]byte, error) {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": labels}})
	if err != nil {
		return nil, fmt.Errorf("encode labels: %w", err)
	}
	return patch, nil
}
