package plugins

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// conditions are the reasons of the node condition NetworkUnavailable by which plugins report that they are up.
var conditions = map[string]string{
	"FlannelIsUp": "Flannel", "CalicoIsUp": "Calico", "CiliumIsUp": "Cilium", "WeaveIsUp": "Weave Net",
}

// k3sArguments is the annotation in which K3s and RKE2 keep the arguments of a node's server or agent, as a JSON list.
const k3sArguments = "k3s.io/node-args"

// fromNodes names what only nodes tell: distributions with an engine in a process of their own, and plugins by the condition they set.
func fromNodes(inventory *Inventory) []Plugin {
	var found []Plugin
	add := func(plugin Plugin) {
		if !slices.ContainsFunc(found, func(p Plugin) bool { return p.Name == plugin.Name }) {
			found = append(found, plugin)
		}
	}
	engine := slices.ContainsFunc(inventory.workloads(), func(w workload) bool {
		return slices.Contains([]string{"calico-node", "anetd", "cilium", "canal"}, w.name)
	})
	for i := range inventory.Nodes {
		node := &inventory.Nodes[i]
		version := node.Status.NodeInfo.KubeletVersion
		switch {
		case strings.Contains(version, "+k3s") && !engine:
			add(k3s(inventory, node))
		case strings.Contains(version, "-gke.") && !engine:
			add(Plugin{
				Name: "GKE without network policy", Evidence: "the kubelet's version on node " + node.Name, Enforcement: EnforcesNothing, Network: true,
				Advice: "neither calico-node nor Dataplane V2 is there: `gcloud container clusters update CLUSTER --update-addons=NetworkPolicy=ENABLED`, " +
					"then `--enable-network-policy`",
			})
		}
		for _, condition := range node.Status.Conditions {
			if name := conditions[condition.Reason]; name != "" && condition.Type == corev1.NodeNetworkUnavailable {
				plugin := Plugin{Name: name, Evidence: fmt.Sprintf("condition %s of node %s", condition.Reason, node.Name), Enforcement: Enforces, Network: true}
				if name == "Flannel" {
					plugin.Enforcement = EnforcesNothing
				}
				if i := slices.IndexFunc(products, func(p product) bool { return p.name == name }); i >= 0 {
					plugin.Advice = products[i].advice
				}
				add(plugin)
			}
		}
	}
	return found
}

// k3s runs kube-router's policy controller in its own process, unless a server was told not to.
func k3s(inventory *Inventory, node *corev1.Node) Plugin {
	plugin := Plugin{
		Name: "K3s (kube-router's policy controller)", Version: node.Status.NodeInfo.KubeletVersion,
		Evidence: "the kubelet's version on node " + node.Name, Enforcement: Enforces, Network: true,
		Advice: "look for \"network policy\" in the log of the k3s service: `journalctl -u k3s`",
	}
	for i := range inventory.Nodes {
		var arguments []string
		// An annotation that is no list says nothing.
		if json.Unmarshal([]byte(inventory.Nodes[i].Annotations[k3sArguments]), &arguments) != nil {
			continue
		}
		if slices.Contains(arguments, "--disable-network-policy") || slices.Contains(arguments, "--disable-network-policy=true") {
			plugin.off(fmt.Sprintf("k3s runs with --disable-network-policy on node %s: remove the flag and restart k3s", inventory.Nodes[i].Name))
			plugin.Enforcement = SwitchedOff
			break
		}
	}
	return plugin
}

// groups are API groups that only a plugin's own CustomResourceDefinitions bring.
var groups = []struct{ group, name string }{
	{"crd.projectcalico.org", "Calico"}, {"cilium.io", "Cilium"}, {"crd.antrea.io", "Antrea"}, {"kubeovn.io", "Kube-OVN"},
	{"k8s.ovn.org", "OVN-Kubernetes"}, {"vpcresources.k8s.aws", "AWS VPC CNI"},
}

// fromGroups names what has left CustomResourceDefinitions, where nothing else tells.
func fromGroups(inventory *Inventory) []Plugin {
	var found []Plugin
	for _, known := range groups {
		if slices.Contains(inventory.Groups, known.group) {
			found = append(found, Plugin{
				Name: known.name, Evidence: "the API group " + known.group, Enforcement: Enforces, Network: true,
				Notes: []string{"nothing of it seems to run: only its CustomResourceDefinitions were found"},
			})
		}
	}
	return found
}

// OtherPolicies are the API groups of the cluster whose objects decide beside NetworkPolicies.
func OtherPolicies(inventory *Inventory) []string {
	var found []string
	for _, group := range []string{"policy.networking.k8s.io", "crd.projectcalico.org", "projectcalico.org", "cilium.io", "crd.antrea.io", "networking.k8s.aws"} {
		if slices.Contains(inventory.Groups, group) {
			found = append(found, group)
		}
	}
	return found
}
