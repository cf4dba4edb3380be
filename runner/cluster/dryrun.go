package cluster

import (
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/podknock/podknock/runner"
)

// Objects are all objects that a plan creates at any time, in the order of creation within each scenario. The uid of owners is only known to
// the cluster and empty.
func Objects(plan *runner.Plan, options Options) []runtime.Object {
	var objects []runtime.Object
	tenant := false
	for i := range plan.Scenarios {
		planned := &plan.Scenarios[i]
		var namespaces []string
		for _, namespace := range planned.Topology.Namespaces {
			object := newNamespace(namespace, &options)
			object.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}
			objects = append(objects, object)
			namespaces = append(namespaces, object.Name)
		}
		for _, pod := range planned.Topology.Pods {
			if !slices.Contains(namespaces, pod.Meta.Namespace) && !(tenant && pod.Meta.Namespace == options.Tenant) {
				namespaces = append(namespaces, pod.Meta.Namespace)
			}
		}
		tenant = true
		for _, namespace := range namespaces {
			account := newOwner(namespace, &options)
			account.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}
			objects = append(objects, account)
		}
		owner := func(namespace string) metav1.OwnerReference {
			return metav1.OwnerReference{APIVersion: "v1", Kind: "ServiceAccount", Name: newOwner(namespace, &options).Name}
		}
		for j := range planned.Topology.Services {
			service := newService(&planned.Topology.Services[j], &options, owner(planned.Topology.Services[j].Namespace))
			service.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}
			objects = append(objects, service)
		}
		for _, order := range planned.Orders(options.Tenant) {
			pod := newPod(order, &options, owner(order.Meta.Namespace), time.Now())
			pod.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
			objects = append(objects, pod)
		}
		for _, policy := range planned.Policies() {
			object := newPolicy(policy, &options, owner(policy.Namespace))
			object.TypeMeta = metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: "NetworkPolicy"}
			objects = append(objects, object)
		}
	}
	return objects
}

// CanaryObjects are those that a run has for canaries if it needs any: one canary stands for those of all nodes.
func CanaryObjects(options Options) []runtime.Object {
	namespace := newNamespace(runner.CanaryNamespaceOrder(options.Run), &options)
	namespace.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}
	account := newOwner(namespace.Name, &options)
	account.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}
	owner := metav1.OwnerReference{APIVersion: "v1", Kind: "ServiceAccount", Name: account.Name}
	objects := []runtime.Object{namespace, account}
	for _, order := range []runner.PodOrder{runner.CanaryOrder(options.Run, "knocker", ""), runner.CanaryOrder(options.Run, "canary-0", "each-node")} {
		pod := newPod(order, &options, owner, time.Now())
		pod.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
		objects = append(objects, pod)
	}
	policy := newPolicy(runner.CanaryPolicy(namespace.Name, "canary-0"), &options, owner)
	policy.TypeMeta = metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: "NetworkPolicy"}
	return append(objects, policy)
}

// Rules are the rights that a run with these options needs: of a Role in the tenant's namespace, or else of a ClusterRole.
func Rules(options Options) []rbacv1.PolicyRule {
	channel := "pods/portforward"
	if options.Channel == Exec {
		channel = "pods/exec"
	}
	rules := []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"create", "delete", "list", "watch", "patch"}},
		// Before Kubernetes 1.35 a WebSocket needs get instead of create.
		{APIGroups: []string{""}, Resources: []string{channel}, Verbs: []string{"create", "get"}},
		{APIGroups: []string{""}, Resources: []string{"services"}, Verbs: []string{"create", "delete", "get", "list"}},
		{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, Verbs: []string{"create", "delete", "get", "list"}},
		{APIGroups: []string{""}, Resources: []string{"events", "resourcequotas", "limitranges", "replicationcontrollers"}, Verbs: []string{"list"}},
		// Nothing that selects pods by labels may take a probe pod for its own.
		{APIGroups: []string{appsv1.GroupName}, Resources: []string{"replicasets", "daemonsets", "statefulsets"}, Verbs: []string{"list"}},
		{APIGroups: []string{batchv1.GroupName}, Resources: []string{"jobs"}, Verbs: []string{"list"}},
		{APIGroups: []string{networkingv1.GroupName}, Resources: []string{"networkpolicies"}, Verbs: []string{"create", "delete", "get", "list", "update"}},
	}
	if options.Tenant == "" {
		rules[0].Verbs = append(rules[0].Verbs, "deletecollection")
		rules = append(rules,
			rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"create", "delete", "get", "list", "patch", "watch"}},
			rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"get", "list"}},
		)
	}
	return rules
}

// Rights are the rights as sentences.
func Rights(options Options) []string {
	where := "in the whole cluster"
	if confined := options.confined(); len(confined) == 1 {
		where = "in namespace " + confined[0]
	} else if len(confined) > 1 {
		where = "in each of the namespaces " + strings.Join(confined, ", ")
	}
	var sentences []string
	for _, rule := range neededRules(options) {
		resource := strings.Join(rule.Resources, ", ")
		if group := rule.APIGroups[0]; group != "" {
			resource += "." + group
		}
		sentences = append(sentences, fmt.Sprintf("%s %s %s", strings.Join(rule.Verbs, ", "), resource, where))
	}
	return sentences
}
