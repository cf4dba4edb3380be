package series

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

var errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

// fail makes the first calls fail, after they took effect if it is only their answers that are lost.
func fail(client *fake.Clientset, verb, resource string, times int, err error, answers bool) {
	client.PrependReactor(verb, resource, func(action clienttesting.Action) (bool, runtime.Object, error) {
		if times == 0 {
			return false, nil, nil
		}
		times--
		if create, ok := action.(clienttesting.CreateAction); ok && answers {
			_ = client.Tracker().Create(action.GetResource(), create.GetObject(), action.GetNamespace()) // a later try finds it there already
		}
		return true, nil, err
	})
}

func TestWhatFailsForAWhileIsTriedAgain(t *testing.T) {
	busy := apierrors.NewTooManyRequests("busy", 0)
	for _, test := range []struct {
		name    string
		err     error
		answers bool
		want    string
	}{
		{"not a right that is missing", apierrors.NewForbidden(corev1.Resource("configmaps"), "", errors.New("no right")), false, "no right"},
		{"not a mistake in the request", apierrors.NewBadRequest("it is broken"), false, "it is broken"},
		{"not the page of a proxy that knows no such path",
			apierrors.NewGenericServerResponse(404, "get", corev1.Resource("configmaps"), "", "no page", 0, true), false, "could not find the requested resource"},
		{"a connection that is refused while the API server restarts", errRefused, false, ""},
		{"a connection that is reset", &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}, false, ""},
		{"a try that took too long", fmt.Errorf("Post: %w", context.DeadlineExceeded), false, ""},
		{"an API server that is busy", busy, false, ""},
		{"an API server without its etcd", apierrors.NewInternalError(errors.New("etcdserver: leader changed")), false, ""},
		{"an API server that is not ready", apierrors.NewServiceUnavailable("not ready"), false, ""},
		{"a request whose answer was lost", errRefused, true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := NewWithT(t)
			client := fake.NewClientset()
			store := &Store{Client: client, Namespace: "podknock", Series: "nightly", Insist: true}
			for _, call := range [][2]string{{"list", "configmaps"}, {"create", "configmaps"}, {"delete", "configmaps"}, {"create", "events"}} {
				fail(client, call[0], call[1], 1, test.err, test.answers)
			}
			_, listed := store.List(t.Context())
			put, told := store.Put(t.Context(), night(1)), Tell(t.Context(), client, "podknock", night(1), ReasonRegression, "worse")
			if test.want != "" {
				for _, err := range []error{listed, put, told} {
					g.Expect(err).To(MatchError(ContainSubstring(test.want)))
				}
				return
			}
			for _, err := range []error{listed, put, told} {
				g.Expect(err).NotTo(HaveOccurred())
			}
			kept, err := store.List(t.Context())
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(kept).To(HaveLen(1))
			events, err := client.CoreV1().Events("podknock").List(t.Context(), metav1.ListOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(events.Items).To(HaveLen(1))
			g.Expect(store.Prune(t.Context(), 0)).To(Equal(1))
		})
	}
}

func TestTryingAgainEnds(t *testing.T) {
	for _, test := range []struct {
		name   string
		insist bool
		want   string
	}{
		{"with the context, and says both what failed and why it was given up", true, "connection refused (it took longer than a moment)"},
		{"at once for somebody who waits for the answer", false, "connection refused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := NewWithT(t)
			client := fake.NewClientset()
			fail(client, "list", "configmaps", -1, errRefused, false)
			ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, errors.New("it took longer than a moment"))
			defer cancel()
			_, err := (&Store{Client: client, Namespace: "podknock", Series: "nightly", Insist: test.insist}).List(ctx)
			g.Expect(err).To(MatchError(HaveSuffix(test.want)))
			g.Expect(ctx.Err() != nil).To(Equal(test.insist))
		})
	}
}
