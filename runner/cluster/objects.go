package cluster

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios/policy/inventory"
)

// pageSize is how many objects one call lists, as kubectl does.
const pageSize = 500

// ReadObjects lists what policies are about, and changes nothing. It needs the right to list NetworkPolicies and pods in the namespace, or in all if
// the namespace is empty. Whatever else may not be listed is left out, and the inventory's Knowledge says so: the pods of other namespaces, the
// namespaces with their labels, Services, endpoint slices, nodes, webhook configurations.
func ReadObjects(ctx context.Context, client kubernetes.Interface, namespace string) (*inventory.Inventory, error) {
	r := &objectReader{ctx: ctx, client: client, namespace: namespace}
	r.knowledge.PodsIn = map[string]bool{}
	for _, step := range []func() error{r.readPolicies, r.readPods, r.readNamespaces, r.readServices, r.readSlices, r.readNodes, r.readWebhooks} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	objects := inventory.New(r.objects.Cluster, r.knowledge)
	objects.Webhooks = r.objects.Webhooks
	return objects, nil
}

// ReadPolicies lists the NetworkPolicies of some namespaces, or of all if none is named, without those of runs, and the pods if a policy names a
// port. The note says that pods may not be read, empty otherwise.
func ReadPolicies(ctx context.Context, client kubernetes.Interface, namespaces []string) (policies []networkingv1.NetworkPolicy, pods []corev1.Pod, note string, err error) {
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	for _, namespace := range namespaces {
		r := &objectReader{ctx: ctx, client: client}
		found, err := r.policiesOf(namespace)
		if err != nil {
			return nil, nil, "", err
		}
		policies = append(policies, slices.DeleteFunc(found, func(p networkingv1.NetworkPolicy) bool { return p.Labels[runner.LabelRun] != "" })...)
	}
	if !slices.ContainsFunc(policies, namesPort) {
		return policies, nil, "", nil
	}
	for _, namespace := range namespaces {
		r := &objectReader{ctx: ctx, client: client}
		found, err := r.podsOf(namespace)
		if apierrors.IsForbidden(err) {
			return policies, nil, "pods may not be read: ports that policies name have numbers of podknock's choice", nil
		}
		if err != nil {
			return nil, nil, "", err
		}
		pods = append(pods, found...)
	}
	return policies, pods, "", nil
}

// namesPort tells whether a policy has a port with a name.
func namesPort(policy networkingv1.NetworkPolicy) bool {
	named := func(port networkingv1.NetworkPolicyPort) bool {
		return port.Port != nil && port.Port.Type == intstr.String
	}
	return slices.ContainsFunc(policy.Spec.Ingress, func(r networkingv1.NetworkPolicyIngressRule) bool { return slices.ContainsFunc(r.Ports, named) }) ||
		slices.ContainsFunc(policy.Spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool { return slices.ContainsFunc(r.Ports, named) })
}

// objectReader collects the objects.
type objectReader struct {
	ctx       context.Context
	client    kubernetes.Interface
	namespace string
	objects   inventory.Inventory
	knowledge inventory.Knowledge
}

// list calls for one page after the other. The page is added by the caller, who returns where the next one begins.
func (r *objectReader) list(what string, call func(options metav1.ListOptions) (next string, err error)) error {
	options := metav1.ListOptions{Limit: pageSize}
	for {
		err := retry(r.ctx, func() error {
			next, err := call(options)
			if err == nil {
				options.Continue = next
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("list %s: %w", what, err)
		}
		if options.Continue == "" {
			return nil
		}
	}
}

// unlessForbidden is for what may be left out.
func unlessForbidden(err error) error {
	if apierrors.IsForbidden(err) {
		return nil
	}
	return err
}

// widely lists in the whole cluster or, where that is not allowed, in the namespace.
func (r *objectReader) widely(list func(namespace string) error) (whole bool, err error) {
	if err = list(metav1.NamespaceAll); err == nil || r.namespace == "" || !apierrors.IsForbidden(err) {
		return err == nil, err
	}
	return false, list(r.namespace)
}

func (r *objectReader) readPolicies() error {
	_, err := r.widely(func(namespace string) (err error) {
		r.objects.Cluster.Policies, err = r.policiesOf(namespace)
		return err
	})
	return err
}

func (r *objectReader) policiesOf(namespace string) (found []networkingv1.NetworkPolicy, err error) {
	err = r.list("NetworkPolicies", func(options metav1.ListOptions) (string, error) {
		page, err := r.client.NetworkingV1().NetworkPolicies(namespace).List(r.ctx, options)
		if err != nil {
			return "", err
		}
		found = append(found, page.Items...)
		return page.Continue, nil
	})
	return found, err
}

func (r *objectReader) readPods() error {
	whole, err := r.widely(func(namespace string) (err error) {
		r.objects.Cluster.Pods, err = r.podsOf(namespace)
		return err
	})
	r.knowledge.Pods = whole
	r.knowledge.PodsIn[r.namespace] = err == nil
	return err
}

func (r *objectReader) podsOf(namespace string) (found []corev1.Pod, err error) {
	err = r.list("pods", func(options metav1.ListOptions) (string, error) {
		page, err := r.client.CoreV1().Pods(namespace).List(r.ctx, options)
		if err != nil {
			return "", err
		}
		found = append(found, page.Items...)
		return page.Continue, nil
	})
	return found, err
}

func (r *objectReader) readNamespaces() error {
	err := r.list("namespaces", func(options metav1.ListOptions) (string, error) {
		page, err := r.client.CoreV1().Namespaces().List(r.ctx, options)
		if err != nil {
			return "", err
		}
		r.objects.Cluster.Namespaces = append(r.objects.Cluster.Namespaces, page.Items...)
		return page.Continue, nil
	})
	r.knowledge.Namespaces = err == nil
	return unlessForbidden(err)
}

func (r *objectReader) readServices() error {
	_, err := r.widely(func(namespace string) error {
		var found []corev1.Service
		err := r.list("Services", func(options metav1.ListOptions) (string, error) {
			page, err := r.client.CoreV1().Services(namespace).List(r.ctx, options)
			if err != nil {
				return "", err
			}
			found = append(found, page.Items...)
			return page.Continue, nil
		})
		r.objects.Cluster.Services = found
		return err
	})
	return unlessForbidden(err)
}

func (r *objectReader) readSlices() error {
	_, err := r.widely(func(namespace string) error {
		var found []discoveryv1.EndpointSlice
		err := r.list("EndpointSlices", func(options metav1.ListOptions) (string, error) {
			page, err := r.client.DiscoveryV1().EndpointSlices(namespace).List(r.ctx, options)
			if err != nil {
				return "", err
			}
			found = append(found, page.Items...)
			return page.Continue, nil
		})
		r.objects.Cluster.EndpointSlices = found
		return err
	})
	return unlessForbidden(err)
}

func (r *objectReader) readNodes() error {
	return unlessForbidden(r.list("nodes", func(options metav1.ListOptions) (string, error) {
		page, err := r.client.CoreV1().Nodes().List(r.ctx, options)
		if err != nil {
			return "", err
		}
		r.objects.Cluster.Nodes = append(r.objects.Cluster.Nodes, page.Items...)
		return page.Continue, nil
	}))
}

func (r *objectReader) readWebhooks() error {
	validating, err := r.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().List(r.ctx, metav1.ListOptions{Limit: pageSize})
	if err != nil {
		return unlessForbidden(fmt.Errorf("list webhook configurations: %w", err))
	}
	for i := range validating.Items {
		for _, webhook := range validating.Items[i].Webhooks {
			if called := webhook.ClientConfig.Service; called != nil {
				r.addWebhook("ValidatingWebhookConfiguration", validating.Items[i].Name, called.Namespace, called.Name, called.Port)
			}
		}
	}
	mutating, err := r.client.AdmissionregistrationV1().MutatingWebhookConfigurations().List(r.ctx, metav1.ListOptions{Limit: pageSize})
	if err != nil {
		return unlessForbidden(fmt.Errorf("list webhook configurations: %w", err))
	}
	for i := range mutating.Items {
		for _, webhook := range mutating.Items[i].Webhooks {
			if called := webhook.ClientConfig.Service; called != nil {
				r.addWebhook("MutatingWebhookConfiguration", mutating.Items[i].Name, called.Namespace, called.Name, called.Port)
			}
		}
	}
	return nil
}

func (r *objectReader) addWebhook(kind, name, namespace, service string, port *int32) {
	webhook := inventory.Webhook{Configuration: inventory.Ref{Kind: kind, Name: name}, Namespace: namespace, Service: service, Port: 443}
	if port != nil {
		webhook.Port = *port
	}
	r.objects.Webhooks = append(r.objects.Webhooks, webhook)
}
