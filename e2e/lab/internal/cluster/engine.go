package cluster

import (
	"context"
	"fmt"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/e2e/lab/internal/machine"
)

// engineQueue is the netfilter queue on which the engine takes packets.
const engineQueue = "100"

// mutantComponent is the name of the component that is any of the mutants.
const mutantComponent = "mutant"

// engineComponents are the names that an engine can have as a component.
var engineComponents = []string{string(KubeNetworkPolicies), mutantComponent}

// grantEngine lets the policy engine read what it goes by.
func (u *upping) grantEngine(ctx context.Context) error {
	meta := metav1.ObjectMeta{Name: engineIdentity.user}
	read := []string{"get", "list", "watch"}
	if _, err := u.api.RbacV1().ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"pods", "namespaces", "nodes"}, Verbs: read},
		{APIGroups: []string{"networking.k8s.io"}, Resources: []string{"networkpolicies"}, Verbs: read},
	}}, metav1.CreateOptions{}); err != nil {
		return err
	}
	_, err := u.api.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: engineIdentity.user}},
	}, metav1.CreateOptions{})
	return err
}

// startEngine starts an engine on a node, and hooks it into the node's traffic
// where it cannot do so itself.
func (u *upping) startEngine(ctx context.Context, node *machine.Machine, engine Engine) error {
	hook, err := findHook(ctx, node)
	if err != nil {
		return err
	}
	mutant, isMutant := engine.mutant()
	if isMutant {
		hook = XTablesQueue // it brings no hook of its own
	}
	if engine == NoEngine {
		hook = NoHook
	}
	u.setHook(hook)
	if hook == XTablesQueue {
		if err := setQueueRule(ctx, node); err != nil {
			return err
		}
	}
	switch {
	case engine == NoEngine:
		return nil
	case isMutant:
		return u.startComponent(ctx, node, mutantComponent, "--mutant="+mutant,
			"--kubeconfig="+u.kubeconfigOf(engineIdentity), "--node="+node.Name, "--queue="+engineQueue)
	default:
		return u.startComponent(ctx, node, string(KubeNetworkPolicies),
			"--kubeconfig="+u.kubeconfigOf(engineIdentity), "--hostname-override="+node.Name,
			"--nfqueue-id="+engineQueue, "--metrics-bind-address=127.0.0.1:9080")
	}
}

// findHook asks the kernel, by trying in the node's own namespace.
func findHook(ctx context.Context, node *machine.Machine) (Hook, error) {
	const table = "podknock-try"
	cmd := node.NetCommand(ctx, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader("add table inet " + table + "\nadd chain inet " + table + " c\n" +
		"add rule inet " + table + " c queue flags bypass to " + engineQueue + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "No such file or directory") || strings.Contains(string(out), "not supported") {
			return XTablesQueue, nil
		}
		return "", fmt.Errorf("try the queue expression of nftables: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return NFTQueue, node.NetCommand(ctx, "nft", "delete", "table", "inet", table).Run()
}
