package verify

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/verify/plugins"
)

// Cluster is what verify needs of Kubernetes. Package runner/cluster has the one that talks to an API server.
type Cluster interface {
	runner.Cluster
	// MissingRules are the rights that a run needs and the caller does not have.
	MissingRules(ctx context.Context) ([]rbacv1.PolicyRule, error)
	// Inventory reads what tells which network plugin there is. The notes say what may not be read.
	Inventory(ctx context.Context) (inventory plugins.Inventory, notes []string, err error)
	// NodeStates says of each node whether probe pods can run there.
	NodeStates(nodes []corev1.Node) []NodeState
}

// NodeState says whether probe pods can run on a node.
type NodeState struct {
	Name  string
	Ready bool
	// Problem says why no probe pod can run there. Empty if one can.
	Problem string
}

// holder is an agent that holds connections, see [probe.Attempt.Hold].
type holder interface {
	// Held counts the connections that are answered and held now.
	Held(ctx context.Context) (int, error)
	// Release has the second question asked on all of them.
	Release(ctx context.Context) error
}
