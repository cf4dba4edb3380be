package cluster

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// podSecurityEnforce is the label by which a namespace chooses its Pod Security Standard.
const podSecurityEnforce = "pod-security.kubernetes.io/enforce"

// owners are the ServiceAccounts that own what a run has in each namespace.
type owners struct {
	mu   sync.Mutex
	refs map[string]metav1.OwnerReference
}

func (o *owners) get(namespace string) (metav1.OwnerReference, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	ref, ok := o.refs[namespace]
	return ref, ok
}

func (o *owners) set(namespace string, ref metav1.OwnerReference) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refs[namespace] = ref
}

// newNamespace is a namespace of the run.
func newNamespace(namespace scenarios.NamespaceObject, o *Options) *corev1.Namespace {
	object := namespace.Object.DeepCopy()
	object.Labels = o.merged(object.Labels)
	if _, chosen := object.Labels[podSecurityEnforce]; !chosen {
		object.Labels[podSecurityEnforce] = "restricted"
		if namespace.HostNetwork {
			object.Labels[podSecurityEnforce] = "privileged"
		}
	}
	object.Annotations = map[string]string{AnnotationProcess: o.Process}
	return object
}

// CreateNamespace creates a namespace and the ServiceAccount that owns everything in it. Where nobody may have a privileged one, it becomes
// restricted, so that the pods in it which use their node's network are refused, and the others run.
func (c *Cluster) CreateNamespace(ctx context.Context, namespace scenarios.NamespaceObject) error {
	if c.options.reserved(namespace.Object.Name) {
		if err := c.claimEmptied(ctx, &namespace.Object); err != nil {
			return fmt.Errorf("use namespace %q of the reserve: %w", namespace.Object.Name, err)
		}
		return c.PrepareNamespace(ctx, namespace.Object.Name)
	}
	err := c.createNamespace(ctx, namespace)
	if namespace.HostNetwork && apierrors.IsForbidden(err) {
		namespace.HostNetwork = false
		err = c.createNamespace(ctx, namespace)
	}
	if err != nil {
		return fmt.Errorf("create namespace %q: %w", namespace.Object.Name, err)
	}
	return c.PrepareNamespace(ctx, namespace.Object.Name)
}

func (c *Cluster) createNamespace(ctx context.Context, namespace scenarios.NamespaceObject) error {
	object := newNamespace(namespace, &c.options)
	_, err := create(ctx, func(ctx context.Context) (*corev1.Namespace, error) {
		return c.client.CoreV1().Namespaces().Create(ctx, object, metav1.CreateOptions{})
	}, func(ctx context.Context) (*corev1.Namespace, error) {
		return c.client.CoreV1().Namespaces().Get(ctx, object.Name, metav1.GetOptions{})
	}, c.options.Run)
	return err
}

// newOwner is the ServiceAccount that the pods of a run use, without a token, and that owns everything of the run in its namespace.
func newOwner(namespace string, o *Options) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: "podknock-" + o.Run, Labels: o.labels(), Annotations: map[string]string{AnnotationProcess: o.Process},
		},
		AutomountServiceAccountToken: ptr.To(false),
	}
}

// PrepareNamespace creates the ServiceAccount that owns what the run has in the namespace, unless it is there already. For guests it begins to watch
// pods there.
func (c *Cluster) PrepareNamespace(ctx context.Context, name string) error {
	if _, ok := c.owners.get(name); ok && name == c.options.Tenant {
		return nil
	}
	account := newOwner(name, &c.options)
	made, err := create(ctx, func(ctx context.Context) (*corev1.ServiceAccount, error) {
		made, err := c.client.CoreV1().ServiceAccounts(name).Create(ctx, account, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			// Another scenario of this run has prepared the same existing namespace.
			return c.client.CoreV1().ServiceAccounts(name).Get(ctx, account.Name, metav1.GetOptions{})
		}
		return made, err
	}, func(ctx context.Context) (*corev1.ServiceAccount, error) {
		return c.client.CoreV1().ServiceAccounts(name).Get(ctx, account.Name, metav1.GetOptions{})
	}, c.options.Run)
	if err != nil {
		return fmt.Errorf("create service account in namespace %q: %w", name, err)
	}
	c.owners.set(name, metav1.OwnerReference{APIVersion: "v1", Kind: "ServiceAccount", Name: made.Name, UID: made.UID})
	if !c.options.Guest {
		return nil
	}
	if err := c.pods.follow(ctx, name); err != nil {
		return fmt.Errorf("watch pods in namespace %q: %w", name, err)
	}
	return nil
}

// DeleteNamespace deletes a namespace of the run, and waits for its pods, or for its whole end.
func (c *Cluster) DeleteNamespace(ctx context.Context, name string, gone bool) error {
	c.deleteUnstarted(ctx, name)
	if c.options.reserved(name) {
		return c.retire(ctx, name)
	}
	c.pods.release(name, "")
	// The namespace's own controller would take its time before it gets to the pods.
	err := retry(ctx, func() error {
		return c.client.CoreV1().Pods(name).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: runner.LabelRun + "=" + c.options.Run})
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete the pods of namespace %q: %w", name, err)
	}
	err = retry(ctx, func() error { return c.client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{}) })
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete namespace %q: %w", name, err)
	}
	if err := c.awaitNoPods(ctx, name, ""); err != nil || !gone {
		return err
	}
	return awaitNoNamespaces(ctx, c.client, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()})
}

// LabelNamespace sets labels; nil removes one.
func (c *Cluster) LabelNamespace(ctx context.Context, name string, labels map[string]*string) error {
	if c.options.reserved(name) {
		return c.labelReserved(ctx, name, labels)
	}
	patch, err := labelPatch(labels)
	if err != nil {
		return err
	}
	return retry(ctx, func() error {
		_, err := c.client.CoreV1().Namespaces().Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
}

// newService is a Service of the run.
func newService(service *corev1.Service, o *Options, owner metav1.OwnerReference) *corev1.Service {
	object := service.DeepCopy()
	object.Labels = o.merged(object.Labels)
	object.OwnerReferences = []metav1.OwnerReference{owner}
	// Both families where the cluster has them, as the pods have.
	object.Spec.IPFamilyPolicy = ptr.To(corev1.IPFamilyPolicyPreferDualStack)
	// Beside pods that are not ours, ours are never Ready. This Service selects none but them.
	object.Spec.PublishNotReadyAddresses = o.Tenant != ""
	return object
}

// CreateService creates a Service in a namespace that was created or prepared before.
func (c *Cluster) CreateService(ctx context.Context, service *corev1.Service) (*corev1.Service, error) {
	owner, ok := c.owners.get(service.Namespace)
	if !ok {
		return nil, fmt.Errorf("create Service %q: the namespace %q was not prepared", service.Name, service.Namespace)
	}
	object := newService(service, &c.options, owner)
	made, err := create(ctx, func(ctx context.Context) (*corev1.Service, error) {
		return c.client.CoreV1().Services(object.Namespace).Create(ctx, object, metav1.CreateOptions{})
	}, func(ctx context.Context) (*corev1.Service, error) {
		return c.client.CoreV1().Services(object.Namespace).Get(ctx, object.Name, metav1.GetOptions{})
	}, c.options.Run)
	if err != nil {
		return nil, fmt.Errorf("create Service %q: %w", object.Name, err)
	}
	return made, nil
}
