package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/podknock/podknock/runner"
)

// podWatch follows the pods of a run: with one watch everywhere, or one for each of some namespaces.
type podWatch struct {
	client kubernetes.Interface
	run    string
	// watches run until they are stopped.
	watches sync.WaitGroup

	mu sync.Mutex
	// stops end the watches, by namespace.
	stops map[string]context.CancelFunc
	pods  map[types.NamespacedName]*podRecord
	// changed is closed and replaced at every change.
	changed chan struct{}
}

// podRecord is what is known of a pod.
type podRecord struct {
	pod *corev1.Pod
	// ran says that it ran once; only then something can happen to it.
	ran bool
	// addresses are those that it ran with first, and that it is asked at.
	addresses []corev1.PodIP
	// released says that we delete it ourselves, ended that it exists no longer.
	released  bool
	ended     bool
	incidents runner.Incidents
}

// newPodWatch follows nothing yet.
func newPodWatch(client kubernetes.Interface, run string) *podWatch {
	return &podWatch{
		client: client, run: run, stops: map[string]context.CancelFunc{}, pods: map[types.NamespacedName]*podRecord{}, changed: make(chan struct{}),
	}
}

// follow lists the pods of the run in a namespace, or everywhere if it is empty, and follows them until close. A second time it does nothing.
func (w *podWatch) follow(ctx context.Context, namespace string) error {
	w.mu.Lock()
	_, followed := w.stops[namespace]
	w.mu.Unlock()
	if followed {
		return nil
	}
	client, selector := w.client, runner.LabelRun+"="+w.run
	list := func(ctx context.Context, options metav1.ListOptions) (*corev1.PodList, error) {
		options.LabelSelector = selector
		return client.CoreV1().Pods(namespace).List(ctx, options)
	}
	// The informer would try for ever what is forbidden; so one call goes ahead that fails.
	if err := retry(ctx, func() error { _, err := list(ctx, metav1.ListOptions{Limit: 1}); return err }); err != nil {
		return err
	}
	informer := cache.NewSharedInformer(cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return list(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.LabelSelector = selector
			return client.CoreV1().Pods(namespace).Watch(ctx, options)
		},
	}, client), &corev1.Pod{}, 0)
	registration, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { w.seen(object.(*corev1.Pod)) },
		UpdateFunc: func(_, object any) { w.seen(object.(*corev1.Pod)) },
		DeleteFunc: func(object any) {
			if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = unknown.Obj
			}
			w.gone(object.(*corev1.Pod))
		},
	})
	if err != nil {
		return err
	}
	watchCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	w.mu.Lock()
	w.stops[namespace] = stop
	w.mu.Unlock()
	w.watches.Go(func() { informer.RunWithContext(watchCtx) })
	if !cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		return context.Cause(ctx)
	}
	return nil
}

func (w *podWatch) close() {
	w.mu.Lock()
	for _, stop := range w.stops {
		stop()
	}
	w.mu.Unlock()
	w.watches.Wait()
}

func nameOf(pod *corev1.Pod) types.NamespacedName {
	return types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}
}

// seen takes the newest state of a pod.
func (w *podWatch) seen(pod *corev1.Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.announce()
	record := w.pods[nameOf(pod)]
	if record == nil || record.pod.UID != pod.UID {
		record = &podRecord{pod: pod}
		w.pods[nameOf(pod)] = record
	}
	before := record.pod
	record.pod = pod
	if !record.ran && running(pod) {
		record.ran, record.addresses = true, pod.Status.PodIPs
	}
	if !record.ran || record.released {
		return
	}
	record.incidents.Lost = record.incidents.Lost && !ready(pod)
	for i, status := range pod.Status.ContainerStatuses {
		if i < len(before.Status.ContainerStatuses) && status.RestartCount > before.Status.ContainerStatuses[i].RestartCount {
			record.happened(fmt.Sprintf("container %q was started again: %s", status.Name, phrase(terminationText(status.LastTerminationState.Terminated))), false)
		}
	}
	switch {
	case pod.DeletionTimestamp != nil && before.DeletionTimestamp == nil:
		record.happened("it was deleted", true)
	case pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded:
		if before.Status.Phase == corev1.PodRunning {
			record.happened("it ended: "+phrase(pod.Status.Reason, pod.Status.Message, terminationOf(pod)), true)
		}
	case running(before) && !running(pod):
		record.happened("its agent ended: "+phrase(terminationOf(pod)), false)
	case running(pod) && !record.incidents.Gone && !slices.Equal(pod.Status.PodIPs, record.addresses):
		// So it is after its node was started again. Nobody of the run knows the new ones.
		record.happened("it was started again with other addresses", true)
	case running(pod) && ready(before) && !ready(pod):
		// The node controller takes this condition from the pods of a node whose kubelet has not reported for a while, and nothing else: it
		// cannot know more (pkg/controller/util/node, MarkPodsNotReady).
		record.happened(fmt.Sprintf("its node %q does not answer any more", pod.Spec.NodeName), false)
		record.incidents.Lost = true
	}
}

// ready tells whether a pod has the condition Ready. Probe pods among real workloads never have it.
func ready(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

func (r *podRecord) happened(what string, gone bool) {
	r.incidents.Count++
	r.incidents.Last = what
	r.incidents.Gone = r.incidents.Gone || gone
}

// gone takes the end of a pod.
func (w *podWatch) gone(pod *corev1.Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.announce()
	record := w.pods[nameOf(pod)]
	if record == nil || record.pod.UID != pod.UID {
		return
	}
	if record.ran && !record.released && !record.incidents.Gone {
		record.happened("it was deleted", true)
	}
	if record.released {
		delete(w.pods, nameOf(pod))
		return
	}
	record.ended = true
}

// announce wakes everybody who waits. The lock is held.
func (w *podWatch) announce() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// running tells whether a pod has its addresses and all of its containers run.
func running(pod *corev1.Pod) bool {
	if pod.Status.Phase != corev1.PodRunning || len(pod.Status.PodIPs) == 0 || pod.DeletionTimestamp != nil {
		return false
	}
	for _, status := range pod.Status.ContainerStatuses {
		if status.State.Running == nil {
			return false
		}
	}
	return len(pod.Status.ContainerStatuses) > 0
}

// get returns the newest state of a pod, nil if it is not known, and what closes at the next change.
func (w *podWatch) get(namespace, name string) (*corev1.Pod, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if record := w.pods[types.NamespacedName{Namespace: namespace, Name: name}]; record != nil {
		return record.pod, w.changed
	}
	return nil, w.changed
}

// release says that we delete a pod, or all pods of a namespace if the name is empty, so that their end is no incident.
func (w *podWatch) release(namespace, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, record := range w.pods {
		if key.Namespace == namespace && (name == "" || key.Name == name) {
			record.released = true
		}
	}
}

// left counts the pods of a namespace, or one of them, that still exist, and returns what closes at the next change.
func (w *podWatch) left(namespace, name string) (int, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := 0
	for key, record := range w.pods {
		if key.Namespace == namespace && (name == "" || key.Name == name) && !record.ended {
			count++
		}
	}
	return count, w.changed
}

// unstarted are the pods of a namespace of which no container has ever begun to run.
func (w *podWatch) unstarted(namespace string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for key, record := range w.pods {
		if key.Namespace == namespace && !record.ran && !record.ended && neverRan(record.pod) {
			names = append(names, key.Name)
		}
	}
	return names
}

func neverRan(pod *corev1.Pod) bool {
	for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if status.State.Running != nil || status.State.Terminated != nil || status.LastTerminationState.Terminated != nil {
			return false
		}
	}
	return true
}

func (w *podWatch) incidents(namespace, name string) runner.Incidents {
	w.mu.Lock()
	defer w.mu.Unlock()
	if record := w.pods[types.NamespacedName{Namespace: namespace, Name: name}]; record != nil {
		return record.incidents
	}
	return runner.Incidents{}
}

// count is the number of pods of the run that exist.
func (w *podWatch) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	count := 0
	for _, record := range w.pods {
		if !record.ended {
			count++
		}
	}
	return count
}
