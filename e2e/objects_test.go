//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/podknock/podknock/runner"
)

// leavesNothing compares all objects of a cluster, of every kind and in every
// namespace, as they are now with those at the end of the spec.
func leavesNothing(ctx context.Context, config *rest.Config) {
	GinkgoHelper()
	before, err := allObjects(ctx, config)
	Expect(err).NotTo(HaveOccurred())
	Expect(len(before)).To(Or(BeNumerically(">", 50), BeZero()), "the lab has system objects; of another cluster only those of runs count")
	DeferCleanup(func(ctx SpecContext) {
		// Namespaces of the spec's own, and what controllers of the cluster made,
		// go a moment later.
		Eventually(ctx, func() ([]string, error) {
			after, err := allObjects(ctx, config)
			return difference(before, after), err
		}).WithTimeout(30*time.Second).WithPolling(time.Second).Should(BeEmpty(), "nothing is left, and nothing else is gone")
	}, NodeTimeout(time.Minute))
}

// allObjects lists what there is, as "KIND NAMESPACE/NAME". Events are left
// out: they are what the cluster remembers, and expire by themselves. On a
// cluster that others use too, only objects of runs count.
func allObjects(ctx context.Context, config *rest.Config) ([]string, error) {
	kinds, err := listable(config)
	if err != nil {
		return nil, err
	}
	client, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	options := metav1.ListOptions{}
	if *kubeconfigFlag != "" {
		options.LabelSelector = runner.LabelRun
	}
	var found []string
	for _, kind := range kinds {
		list, err := client.Resource(kind).List(ctx, options)
		if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", kind, err)
		}
		for _, object := range list.Items {
			found = append(found, fmt.Sprintf("%s %s/%s", kind.GroupResource(), object.Namespace, object.Name))
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// listable returns every kind of object that the cluster can list.
func listable(config *rest.Config) ([]schema.GroupVersionResource, error) {
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	groups, err := client.ServerPreferredResources()
	if err != nil {
		return nil, err
	}
	var kinds []schema.GroupVersionResource
	for _, group := range groups {
		version, err := schema.ParseGroupVersion(group.GroupVersion)
		if err != nil {
			return nil, err
		}
		for _, resource := range group.APIResources {
			if slices.Contains(resource.Verbs, "list") && resource.Name != "events" && !strings.Contains(resource.Name, "/") {
				kinds = append(kinds, version.WithResource(resource.Name))
			}
		}
	}
	return kinds, nil
}

// difference says what is in one of two sorted lists alone.
func difference(before, after []string) []string {
	var found []string
	for _, object := range after {
		if _, is := slices.BinarySearch(before, object); !is {
			found = append(found, "left: "+object)
		}
	}
	for _, object := range before {
		if _, is := slices.BinarySearch(after, object); !is {
			found = append(found, "gone: "+object)
		}
	}
	return found
}
