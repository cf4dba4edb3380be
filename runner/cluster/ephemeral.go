package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/ptr"

	"github.com/podknock/podknock/runner"
)

// newEphemeral is the container that asks from within a real pod. It is controlled over its standard input and output alone, because in the pod's
// network a port would be open to the pod's own containers, and ends when that stream does. It satisfies the restricted Pod Security Standard.
func newEphemeral(o *Options) corev1.EphemeralContainer {
	return corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
		Name: "podknock-" + o.Run, Image: o.Image, ImagePullPolicy: o.PullPolicy,
		Command: []string{"/podknock-agent", "stdio", "-await"}, Stdin: true, StdinOnce: true,
		Env:                      []corev1.EnvVar{{Name: "PODKNOCK_TOKEN", Value: string(o.Token)}},
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		SecurityContext: &corev1.SecurityContext{
			RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To[int64](agentUser), RunAsGroup: ptr.To[int64](agentUser),
			AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
			Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	}}
}

// JoinPod puts an ephemeral container into a real pod, waits for it, and returns the way to the agent in it. The container cannot be removed from the
// pod again; its process ends with the stream.
func (c *Cluster) JoinPod(ctx context.Context, pod *corev1.Pod) (runner.Agent, error) {
	container := newEphemeral(&c.options)
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"ephemeralContainers": []any{container}}})
	if err != nil {
		return nil, fmt.Errorf("encode the container: %w", err)
	}
	changed, err := c.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "ephemeralcontainers")
	if err != nil {
		return nil, fmt.Errorf("the cluster refuses it: %w", err)
	}
	if err := c.awaitContainer(ctx, changed, container.Name); err != nil {
		return nil, err
	}
	joined := runner.Pod{Namespace: pod.Namespace, Name: pod.Name, UID: string(pod.UID), Node: pod.Spec.NodeName}
	return &agent{
		pod: joined, token: c.options.Token, streams: c.streams,
		gone: func() runner.Incidents { return runner.Incidents{} },
		dial: func(ctx context.Context) (io.ReadWriteCloser, error) { return c.attach(joined, container.Name) },
	}, nil
}

// awaitContainer follows a pod until one of its ephemeral containers runs, or will not.
func (c *Cluster) awaitContainer(ctx context.Context, pod *corev1.Pod, name string) error {
	watching, err := c.client.CoreV1().Pods(pod.Namespace).Watch(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, pod.Name).String(), ResourceVersion: pod.ResourceVersion,
	})
	if err != nil {
		return fmt.Errorf("watch the pod: %w", err)
	}
	defer watching.Stop()
	for {
		select {
		case event, open := <-watching.ResultChan():
			seen, isPod := event.Object.(*corev1.Pod)
			if !open || !isPod || event.Type == watch.Deleted {
				return errors.New("the pod is gone, or cannot be watched any longer")
			}
			for i := range seen.Status.EphemeralContainerStatuses {
				status := &seen.Status.EphemeralContainerStatuses[i]
				switch {
				case status.Name != name:
				case status.State.Running != nil:
					return nil
				case status.State.Terminated != nil:
					return errors.New("it ended: " + phrase(terminationText(status.State.Terminated)))
				case status.State.Waiting != nil:
					if problem := waitingProblem(status, status.State.Waiting); problem != "" {
						return errors.New(problem)
					}
				}
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// attach opens a stream to the standard input and output of a container. What it wrote before is lost, so it waits for a line before it speaks.
func (c *Cluster) attach(pod runner.Pod, container string) (io.ReadWriteCloser, error) {
	url := c.client.CoreV1().RESTClient().Post().Resource(string(corev1.ResourcePods)).Namespace(pod.Namespace).Name(pod.Name).
		SubResource("attach").VersionedParams(&corev1.PodAttachOptions{
		Container: container, Stdin: true, Stdout: true, Stderr: true,
	}, scheme.ParameterCodec).URL()
	executor, err := c.executor(url)
	if err != nil {
		return nil, err
	}
	stream := startExecuted(context.Background(), executor)
	if _, err := io.WriteString(stream, "\n"); err != nil {
		return nil, errors.Join(err, stream.Close())
	}
	return stream, nil
}
