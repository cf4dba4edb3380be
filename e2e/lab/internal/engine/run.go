//go:build linux

package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/kube-network-policies/pkg/podinfo/nri"
)

// Options say which engine runs where.
type Options struct {
	Mutant     string // of the catalogue
	Kubeconfig string
	Node       string
	Queue      uint16 // the netfilter queue that new connections come from
}

// Run enforces policies on one node until ctx ends.
func Run(ctx context.Context, o Options) error {
	d, ok := defects[o.Mutant]
	if !ok {
		return fmt.Errorf("mutant %q: there is no such engine", o.Mutant)
	}
	config, err := clientcmd.BuildConfigFromFlags("", o.Kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	lastNode, err := lastNode(ctx, client)
	if err != nil {
		return err
	}
	s := newState(d)
	if err := s.watch(ctx, client); err != nil {
		return err
	}
	// containerd tells a pod's addresses before its containers start, long
	// before the API does.
	early, err := nri.NewNRIResolver(ctx, o.Node, nil)
	if err != nil {
		return fmt.Errorf("ask the container runtime for pods' addresses: %w", err)
	}
	j := &judge{state: s, node: o.Node, lastNode: lastNode, find: early.LookupPod}
	removeTable, err := loadTable(ctx)
	if err != nil {
		return err
	}
	return errors.Join(takePackets(ctx, o.Queue, j, func() { klog.InfoS("ready", "node", o.Node) }), removeTable())
}

// lastNode returns the last node by name.
func lastNode(ctx context.Context, client kubernetes.Interface) (string, error) {
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	var names []string
	for _, node := range nodes.Items {
		names = append(names, node.Name)
	}
	if len(names) == 0 {
		return "", errors.New("the cluster has no node")
	}
	return slices.Max(names), nil
}

// watch keeps the state as the API tells it, and returns when it is complete.
func (s *state) watch(ctx context.Context, client kubernetes.Interface) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	handlers := []cache.ResourceEventHandlerRegistration{}
	for _, kind := range []struct {
		informer cache.SharedIndexInformer
		set      func(any)
		remove   func(any)
	}{
		{factory.Core().V1().Namespaces().Informer(),
			func(o any) { s.setNamespace(o.(*corev1.Namespace)) }, func(o any) { s.removeNamespace(o.(*corev1.Namespace)) }},
		{factory.Core().V1().Pods().Informer(),
			func(o any) { s.setPod(o.(*corev1.Pod)) }, func(o any) { s.removePod(o.(*corev1.Pod)) }},
		{factory.Networking().V1().NetworkPolicies().Informer(),
			s.late(ctx, func(o any) { s.setPolicy(o.(*networkingv1.NetworkPolicy)) }),
			s.late(ctx, func(o any) { s.removePolicy(o.(*networkingv1.NetworkPolicy)) })},
	} {
		registration, err := kind.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    kind.set,
			UpdateFunc: func(_, o any) { kind.set(o) },
			DeleteFunc: func(o any) {
				if gone, ok := o.(cache.DeletedFinalStateUnknown); ok {
					o = gone.Obj
				}
				kind.remove(o)
			},
		})
		if err != nil {
			return err
		}
		handlers = append(handlers, registration)
	}
	factory.Start(ctx.Done())
	for _, handler := range handlers {
		if !cache.WaitForCacheSync(ctx.Done(), handler.HasSynced) {
			return fmt.Errorf("read the cluster's state: %w", ctx.Err())
		}
	}
	return nil
}
