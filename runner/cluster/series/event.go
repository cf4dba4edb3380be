package series

import (
	"context"
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/podknock/podknock/runner/history"
)

// The reasons of Events.
const (
	// ReasonRegression: something is worse than in the run before.
	ReasonRegression = "ConnectivityRegression"
	// ReasonNotAsExpected: something is not as expected, as it was in the run before.
	ReasonNotAsExpected = "ConnectivityNotAsExpected"
)

// maxMessage is what the API server accepts of an Event's note (events.k8s.io validation in Kubernetes).
const maxMessage = 1024

// Tell creates an Event about the CronJob that has the name of the series, or where there is none, about the ConfigMap with the record. `kubectl
// describe` shows it with that object, and `kubectl get events` in the namespace. What failed for a while is tried again until the context ends.
func Tell(ctx context.Context, client kubernetes.Interface, namespace string, record *history.Record, reason, message string) error {
	regarding := corev1.ObjectReference{APIVersion: "v1", Kind: "ConfigMap", Namespace: namespace, Name: objectName(record)}
	// Without the right to read it, the Event is about the record.
	var job *batchv1.CronJob
	err := insist(ctx, func(ctx context.Context) (err error) {
		job, err = client.BatchV1().CronJobs(namespace).Get(ctx, record.Series, metav1.GetOptions{})
		return err
	})
	if err == nil {
		regarding = corev1.ObjectReference{APIVersion: "batch/v1", Kind: "CronJob", Namespace: namespace, Name: job.Name, UID: job.UID}
	}
	now := metav1.NewTime(time.Now())
	message = strings.ToValidUTF8(message[:min(len(message), maxMessage)], "")
	event := &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("podknock-%s.%s", record.Series, record.Run)},
		InvolvedObject: regarding,
		Type:           corev1.EventTypeWarning, Reason: reason, Message: message,
		Source:         corev1.EventSource{Component: "podknock"},
		FirstTimestamp: now, LastTimestamp: now, Count: 1,
		ReportingController: "podknock.dev/podknock", ReportingInstance: record.Run,
	}
	err = insist(ctx, func(ctx context.Context) error {
		_, err := client.CoreV1().Events(namespace).Create(ctx, event, metav1.CreateOptions{})
		return err
	})
	// An Event that is there was created by a try whose answer was lost: the id of this run is in the name.
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create event in namespace %q: %w", namespace, err)
	}
	return nil
}
