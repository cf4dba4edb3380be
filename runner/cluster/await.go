package cluster

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
)

// awaitNoNamespaces waits until no namespace is left that the options select.
func awaitNoNamespaces(ctx context.Context, client kubernetes.Interface, options metav1.ListOptions) error {
	return awaitEmpty(ctx, options, client.CoreV1().Namespaces().List, client.CoreV1().Namespaces().Watch,
		func(l *corev1.NamespaceList) (int, string) { return len(l.Items), l.ResourceVersion })
}

// awaitNone waits until no object of that name is left.
func awaitNone[L any](
	ctx context.Context, name string, list func(context.Context, metav1.ListOptions) (L, error),
	follow func(context.Context, metav1.ListOptions) (watch.Interface, error), size func(L) (int, string),
) error {
	selector := fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()
	return awaitEmpty(ctx, metav1.ListOptions{FieldSelector: selector}, list, follow, size)
}

// awaitEmpty lists, and follows what is there until it is gone. A watch that breaks begins with a list again.
func awaitEmpty[L any](
	ctx context.Context, options metav1.ListOptions, list func(context.Context, metav1.ListOptions) (L, error),
	follow func(context.Context, metav1.ListOptions) (watch.Interface, error), size func(L) (count int, version string),
) error {
	for {
		var count int
		var version string
		err := retry(ctx, func() error {
			objects, err := list(ctx, options)
			if err == nil {
				count, version = size(objects)
			}
			return err
		})
		if err != nil {
			return err
		}
		if count == 0 {
			return nil
		}
		followed := options
		followed.ResourceVersion = version
		if err := awaitDeletions(ctx, count, followed, follow); err != nil {
			return err
		}
	}
}

// awaitDeletions returns when so many objects were deleted, or the watch ends.
func awaitDeletions(
	ctx context.Context, count int, options metav1.ListOptions, follow func(context.Context, metav1.ListOptions) (watch.Interface, error),
) error {
	var watching watch.Interface
	if err := retry(ctx, func() (err error) { watching, err = follow(ctx, options); return err }); err != nil {
		return err
	}
	defer watching.Stop()
	for count > 0 {
		select {
		case event, open := <-watching.ResultChan():
			if !open || event.Type == watch.Error {
				return pauseFor(ctx, firstPause)
			}
			switch event.Type {
			case watch.Deleted:
				count--
			case watch.Added:
				count++
			}
		case <-ctx.Done():
			return fmt.Errorf("%d still there: %w", count, context.Cause(ctx))
		}
	}
	return nil
}
