package cluster

import (
	"context"
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/runner"
)

// newPolicy is a policy of the run.
func newPolicy(policy *networkingv1.NetworkPolicy, o *Options, owner metav1.OwnerReference) *networkingv1.NetworkPolicy {
	object := policy.DeepCopy()
	object.Labels = o.merged(object.Labels)
	object.OwnerReferences = []metav1.OwnerReference{owner}
	object.ResourceVersion, object.UID = "", ""
	return object
}

// ApplyPolicy creates the policy, or puts its spec in the place of the one that the run has applied before.
func (c *Cluster) ApplyPolicy(ctx context.Context, policy *networkingv1.NetworkPolicy) (string, error) {
	owner, ok := c.owners.get(policy.Namespace)
	if !ok {
		return "", fmt.Errorf("the namespace %q was not prepared", policy.Namespace)
	}
	object := newPolicy(policy, &c.options, owner)
	client := c.client.NetworkingV1().NetworkPolicies(object.Namespace)
	version := ""
	err := retry(ctx, func() error {
		made, err := client.Create(ctx, object, metav1.CreateOptions{})
		if err == nil {
			version = runner.PolicyVersion(made)
			return nil
		}
		if !apierrors.IsAlreadyExists(err) {
			return err
		}
		there, err := client.Get(ctx, object.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if there.Labels[runner.LabelRun] != c.options.Run {
			return fmt.Errorf("NetworkPolicy %q exists in namespace %q and is not of this run", object.Name, object.Namespace)
		}
		there.Spec = object.Spec
		replaced, err := client.Update(ctx, there, metav1.UpdateOptions{})
		if err == nil {
			version = runner.PolicyVersion(replaced)
		}
		return err
	})
	return version, err
}

// DeletePolicy deletes a policy of the run. That it is gone already is no error.
func (c *Cluster) DeletePolicy(ctx context.Context, namespace, name string) error {
	err := retry(ctx, func() error {
		return c.client.NetworkingV1().NetworkPolicies(namespace).Delete(ctx, name, metav1.DeleteOptions{})
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// ListPolicies returns the policies in a namespace, those of others too.
func (c *Cluster) ListPolicies(ctx context.Context, namespace string) ([]networkingv1.NetworkPolicy, error) {
	var policies []networkingv1.NetworkPolicy
	err := retry(ctx, func() error {
		list, err := c.client.NetworkingV1().NetworkPolicies(namespace).List(ctx, metav1.ListOptions{})
		if err == nil {
			policies = list.Items
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list policies of namespace %q: %w", namespace, err)
	}
	return policies, nil
}
