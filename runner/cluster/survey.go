package cluster

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/podknock/podknock/runner/verify"
	"github.com/podknock/podknock/runner/verify/plugins"
)

// Inventory reads what tells which network plugin and policy engine there are. What may not be read is left out, and named in the notes.
func (c *Cluster) Inventory(ctx context.Context) (inventory plugins.Inventory, notes []string, err error) {
	if c.options.Tenant != "" {
		return inventory, []string{"the network plugin is not looked for: with --namespace, rights in one namespace are assumed"}, nil
	}
	read := func(what string, list func() error) {
		if err != nil {
			return
		}
		switch failure := retry(ctx, list); {
		case apierrors.IsForbidden(failure):
			notes = append(notes, fmt.Sprintf("%s may not be read, so that the network plugin may not be recognized", what))
		case failure != nil && !apierrors.IsNotFound(failure):
			err = fmt.Errorf("list %s: %w", what, failure)
		}
	}
	read("nodes", func() error {
		list, err := c.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err == nil {
			inventory.Nodes = list.Items
		}
		return err
	})
	read("daemonsets.apps", func() error {
		list, err := c.client.AppsV1().DaemonSets("").List(ctx, metav1.ListOptions{})
		if err == nil {
			inventory.DaemonSets = list.Items
		}
		return err
	})
	read("deployments.apps", func() error {
		// Only this product has its switch in a Deployment.
		one := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, plugins.WantedDeployment).String()}
		list, err := c.client.AppsV1().Deployments("").List(ctx, one)
		if err == nil {
			inventory.Deployments = list.Items
		}
		return err
	})
	for _, wanted := range plugins.WantedConfigMaps() {
		read(fmt.Sprintf("configmap %s/%s", wanted.Namespace, wanted.Name), func() error {
			config, err := c.client.CoreV1().ConfigMaps(wanted.Namespace).Get(ctx, wanted.Name, metav1.GetOptions{})
			if err == nil {
				inventory.ConfigMaps = append(inventory.ConfigMaps, *config)
			}
			return err
		})
	}
	read("API groups", func() error {
		list, err := c.client.Discovery().ServerGroups()
		if err == nil {
			for _, group := range list.Groups {
				inventory.Groups = append(inventory.Groups, group.Name)
			}
		}
		return err
	})
	return inventory, notes, err
}

// NodeStates says of each node whether probe pods can run there, and if not, why.
func (c *Cluster) NodeStates(nodes []corev1.Node) []verify.NodeState {
	states := make([]verify.NodeState, len(nodes))
	for i := range nodes {
		states[i] = verify.NodeState{Name: nodes[i].Name, Problem: c.nodeProblem(&nodes[i])}
		states[i].Ready = readyNode(&nodes[i])
	}
	return states
}

func readyNode(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// nodeProblem says why no probe pod can run on the node, or is empty.
func (c *Cluster) nodeProblem(node *corev1.Node) string {
	if !readyNode(node) {
		for _, condition := range node.Status.Conditions {
			if condition.Type == corev1.NodeReady {
				return "it is not Ready: " + phrase(condition.Reason, condition.Message)
			}
		}
		return "it is not Ready: its kubelet has not reported yet"
	}
	if node.Labels[corev1.LabelOSStable] == "windows" {
		return "it runs Windows, for which there is no agent"
	}
	for key, value := range c.options.NodeSelector {
		if node.Labels[key] != value {
			return fmt.Sprintf("--node-selector leaves it out: it has no label %s=%s", key, value)
		}
	}
	if node.Spec.Unschedulable {
		return "it is cordoned"
	}
	for i := range node.Spec.Taints {
		taint := &node.Spec.Taints[i]
		if taint.Effect == corev1.TaintEffectPreferNoSchedule || c.tolerates(taint) {
			continue
		}
		return fmt.Sprintf("it has the taint %s: add --toleration %s to test it too", taint.ToString(), tolerationFlag(taint))
	}
	return ""
}

func (c *Cluster) tolerates(taint *corev1.Taint) bool {
	for i := range c.options.Tolerations {
		toleration := &c.options.Tolerations[i]
		if (toleration.Effect == "" || toleration.Effect == taint.Effect) && (toleration.Key == "" || toleration.Key == taint.Key) &&
			(toleration.Operator == corev1.TolerationOpExists || toleration.Value == taint.Value) {
			return true
		}
	}
	return false
}

func tolerationFlag(taint *corev1.Taint) string {
	if taint.Value == "" {
		return fmt.Sprintf("%s:%s", taint.Key, taint.Effect)
	}
	return fmt.Sprintf("%s=%s:%s", taint.Key, taint.Value, taint.Effect)
}
