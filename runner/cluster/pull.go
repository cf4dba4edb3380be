package cluster

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// DefaultPullTimeout is how long a node may pull the image of an agent. It has a few megabytes.
const DefaultPullTimeout = 20 * time.Second

// pullAgain is the time between two looks at the events of a pod that is created for long, but not because of its image.
const pullAgain = 5 * time.Second

// beingCreated tells whether a node works on the pod and none of its containers has begun to run. Its status says no more than that while a
// registry is silent: the kubelet tells of a pull in an event alone, until it has ended (pkg/kubelet/images/image_manager.go in Kubernetes).
func beingCreated(pod *corev1.Pod) bool {
	if pod.Spec.NodeName == "" || pod.Status.Phase != corev1.PodPending {
		return false
	}
	for _, status := range pod.Status.ContainerStatuses {
		if status.State.Waiting == nil {
			return false
		}
	}
	return true
}

// pullWatch gives up on a pod whose image does not come.
type pullWatch struct {
	// since is when the pod was first seen being created, and look when its events are worth a look.
	since, look time.Time
}

// problem says that the image is still being pulled when the time for that is over. Otherwise look again after the returned time.
func (w *pullWatch) problem(ctx context.Context, c *Cluster, pod *corev1.Pod) (string, time.Duration) {
	now := time.Now()
	if w.since.IsZero() {
		w.since, w.look = now, now.Add(c.options.pullTimeout())
	}
	if wait := w.look.Sub(now); wait > 0 {
		return "", wait
	}
	w.look = now.Add(pullAgain)
	events, err := c.eventsOf(ctx, pod)
	if err != nil {
		return "", pullAgain // the end of the time for the start says it
	}
	image := imageBeingPulled(events)
	if image == "" {
		return "", pullAgain
	}
	return fmt.Sprintf("the node %q is still pulling the image %q after %s: %s does not answer or is slow; bring the image to the nodes, name a "+
		"registry that they reach with --registry, or allow more time with --pull-timeout",
		pod.Spec.NodeName, image, now.Sub(w.since).Round(time.Second), registryOf(image)), 0
}

func (o *Options) pullTimeout() time.Duration {
	if o.PullTimeout > 0 {
		return o.PullTimeout
	}
	return DefaultPullTimeout
}

// imageBeingPulled is the image that a pod's newest event about images says is being pulled, empty if none is. The reasons and messages are
// those of pkg/kubelet/events/event.go and pkg/kubelet/images/image_manager.go in Kubernetes.
func imageBeingPulled(events []corev1.Event) string {
	image := ""
	var newest time.Time
	for i := range events {
		event := &events[i]
		switch event.Reason {
		case "Pulling", "Pulled", "Failed", "BackOff", "ErrImageNeverPull":
		default:
			continue
		}
		at := event.LastTimestamp.Time
		if at.IsZero() {
			at = event.EventTime.Time
		}
		if at.Before(newest) {
			continue
		}
		newest, image = at, ""
		if event.Reason == "Pulling" {
			image = quotedIn(event.Message)
		}
	}
	return image
}

// quotedIn is what stands between the first two quotation marks, or the whole text.
func quotedIn(text string) string {
	if _, rest, found := strings.Cut(text, `"`); found {
		if quoted, _, found := strings.Cut(rest, `"`); found {
			return quoted
		}
	}
	return text
}

// registryOf is the registry of an image's reference. A reference without one means Docker Hub.
func registryOf(image string) string {
	first, _, found := strings.Cut(image, "/")
	if found && (strings.ContainsAny(first, ".:") || first == "localhost") {
		return first
	}
	return "docker.io"
}
