package cluster

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// unschedulableGrace is how long a pod may be without a node before that counts as its fate: the pod whose node it wants to share may still
// be on its way.
const unschedulableGrace = 8 * time.Second

// startProblem says why a pod can't start, as far as its status tells. If it may still start, the sentence is empty; look again after the
// returned time then, if that is not zero. It is pure.
func startProblem(pod *corev1.Pod, now time.Time) (problem string, again time.Duration) {
	if pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		return "it ended: " + phrase(pod.Status.Reason, pod.Status.Message, terminationOf(pod)), 0
	}
	if pod.DeletionTimestamp != nil {
		return "it was deleted", 0
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type != corev1.PodScheduled || condition.Status != corev1.ConditionFalse || condition.Reason != corev1.PodReasonUnschedulable {
			continue
		}
		if wait := condition.LastTransitionTime.Add(unschedulableGrace).Sub(now); wait > 0 {
			return "", wait
		}
		return "no node takes it: " + condition.Message, 0
	}
	for _, status := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
		if waiting := status.State.Waiting; waiting != nil {
			if text := waitingProblem(&status, waiting); text != "" {
				return text, 0
			}
		}
	}
	return "", 0
}

// waitingProblem explains the reasons of a waiting container that do not pass by themselves. They are those of pkg/kubelet/images/types.go
// and pkg/kubelet/container/sync_result.go in Kubernetes.
func waitingProblem(status *corev1.ContainerStatus, waiting *corev1.ContainerStateWaiting) string {
	switch waiting.Reason {
	case "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed":
		return fmt.Sprintf("the node does not get the image %q: %s", status.Image, phrase(waiting.Reason, waiting.Message))
	case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
		return fmt.Sprintf("container %q cannot be created: %s", status.Name, phrase(waiting.Reason, waiting.Message))
	case "CrashLoopBackOff":
		return fmt.Sprintf("container %q ends again and again: %s", status.Name, phrase(terminationText(status.LastTerminationState.Terminated)))
	}
	return ""
}

// terminationOf describes how the first container that ended did so.
func terminationOf(pod *corev1.Pod) string {
	for _, status := range pod.Status.ContainerStatuses {
		for _, ended := range []*corev1.ContainerStateTerminated{status.State.Terminated, status.LastTerminationState.Terminated} {
			if ended != nil {
				return terminationText(ended)
			}
		}
	}
	return ""
}

func terminationText(ended *corev1.ContainerStateTerminated) string {
	if ended == nil {
		return ""
	}
	text := fmt.Sprintf("exit code %d", ended.ExitCode)
	if ended.Reason != "" && ended.Reason != "Error" && ended.Reason != "Completed" {
		text += ", " + ended.Reason
	}
	if message := strings.TrimSpace(ended.Message); message != "" {
		lines := strings.Split(message, "\n")
		text += ": " + lines[len(lines)-1]
	}
	return text
}

// phrase joins what there is.
func phrase(parts ...string) string {
	var there []string
	for _, part := range parts {
		if part != "" {
			there = append(there, part)
		}
	}
	if len(there) == 0 {
		return "the cluster does not say why"
	}
	return strings.Join(there, ": ")
}
