package plugins

import "fmt"

// products are the plugins that are known, by what their own manifests and charts create. The order is that of the report.
var products = []product{
	{
		name: "Calico", workloads: []string{"calico-node"}, images: []string{"calico-node"}, main: "calico-node", look: lookCalico,
		advice: "look whether the pods of calico-node are Ready on every node and what felix logs there",
	},
	{
		name: "Canal (flannel with Calico's policies)", workloads: []string{"canal", "rke2-canal"}, main: "calico-node",
		advice: "look whether the container calico-node of DaemonSet canal is Ready on every node and what felix logs there",
	},
	{
		name: "GKE Dataplane V2 (Cilium)", workloads: []string{"anetd"}, main: "cilium-agent", look: lookCilium,
		advice: "look whether the pods of anetd are Ready on every node",
	},
	{
		name: "Cilium", workloads: []string{"cilium"}, images: []string{"cilium"}, main: "cilium-agent", look: lookCilium,
		advice: "look whether the pods of cilium are Ready on every node, and what `cilium status` and `cilium endpoint list` say there",
	},
	{
		name: "AWS VPC CNI", workloads: []string{"aws-node"}, images: []string{"amazon-k8s-cni"}, main: "aws-node", enforcement: EnforcesNothing,
		look: lookAWS,
		advice: "set enableNetworkPolicy to \"true\" in the configuration of the vpc-cni add-on, or nodeAgent.enabled and enableNetworkPolicy in its " +
			"chart; see \"Limit Pod traffic with Kubernetes network policies\" of the EKS user guide",
	},
	{
		name: "Antrea", workloads: []string{"antrea-agent"}, main: "antrea-agent",
		advice: "look whether antrea-controller and the pods of antrea-agent are Ready",
	},
	{
		name: "kube-router", workloads: []string{"kube-router"}, images: []string{"kube-router"}, look: lookKubeRouter,
		advice: "look whether kube-router runs with --run-firewall=true on every node",
	},
	{
		name: "kube-network-policies", workloads: []string{"kube-network-policies"}, images: []string{"kube-network-policies"}, beside: true,
		advice: "look whether its pods are Ready on every node and what they log: it needs nftables and NFQUEUE in the kernel",
	},
	{
		name: "kindnet", workloads: []string{"kindnet"}, images: []string{"kindnetd"}, look: lookKindnet,
		advice: "create the cluster with kind v0.24 or newer, whose kindnet enforces policies, or install a policy engine",
	},
	{
		name: "Flannel", workloads: []string{"kube-flannel-ds", "kube-flannel"}, images: []string{"flannel"}, main: "kube-flannel",
		enforcement: EnforcesNothing, look: lookFlannel,
		advice: "Flannel makes a network and enforces nothing: set netpol.enabled=true in its chart, or install a policy engine beside it " +
			"(kube-network-policies, Calico as Canal)",
	},
	{
		name: "Weave Net", workloads: []string{"weave-net"}, main: "weave", look: lookWeave,
		advice: "look whether the container weave-npc runs on every node",
	},
	{
		name: "OVN-Kubernetes", workloads: []string{"ovnkube-node", "ovnkube-node-dpu"}, main: "ovnkube-controller",
		advice: "look whether the pods of ovnkube-node are Ready on every node",
	},
	{
		name: "Kube-OVN", workloads: []string{WantedDeployment}, main: WantedDeployment, look: lookKubeOVN,
		advice: "look whether kube-ovn-controller runs with --enable-np=true",
	},
	{
		name: "OpenShift SDN", workloads: []string{"sdn"}, images: []string{"openshift-sdn"},
		advice: "only the mode NetworkPolicy of OpenShift SDN enforces policies: see `oc get clusternetwork default -o yaml`",
	},
	{
		name: "Azure Network Policy Manager", workloads: []string{"azure-npm"}, beside: true,
		advice: "look whether the pods of azure-npm are Ready on every node",
	},
	{
		name: "Azure CNI", workloads: []string{"azure-cns", "azure-cni"}, enforcement: EnforcesNothing,
		advice: "the cluster was made without a network policy engine: `az aks update --network-policy cilium|calico|azure`",
	},
	{
		name: "Multus", workloads: []string{"kube-multus-ds", "multus"}, images: []string{"multus-cni"}, enforcement: EnforcesNothing,
		look: func(_ *Inventory, _ *workload, plugin *Plugin) {
			plugin.note("it adds networks to pods: NetworkPolicies do not hold on those, see MultiNetworkPolicy")
		},
		advice: "Multus only calls other plugins: the one that makes the pods' first network has to enforce policies",
	},
}

// lookCalico: with CALICO_NETWORKING_BACKEND=none Calico enforces policies in a network that another plugin makes.
func lookCalico(_ *Inventory, work *workload, plugin *Plugin) {
	if backend, ok := work.environment("CALICO_NETWORKING_BACKEND"); ok && backend == "none" {
		plugin.Network = false
		plugin.note("it enforces policies only, in the network of another plugin (CALICO_NETWORKING_BACKEND=none)")
	}
	if value, ok := work.environment("FELIX_INTERFACEPREFIX"); ok {
		plugin.note(fmt.Sprintf("it takes interfaces that begin with %s for those of pods (FELIX_INTERFACEPREFIX): no policy holds on others", value))
	}
}

// lookCilium reads the three settings of the agent with which standard policies are not enforced.
func lookCilium(inventory *Inventory, work *workload, plugin *Plugin) {
	name := WantedConfigMaps()[0]
	read := func(key string) (value, where string) {
		if value, ok := work.argument(key); ok {
			return value, "the arguments of " + work.String()
		}
		value, _ = inventory.setting(name, key)
		return value, "ConfigMap " + name.Namespace + "/" + name.Name
	}
	if value, where := read("enable-policy"); value == "never" {
		plugin.off(fmt.Sprintf("enable-policy is never in %s: Cilium enforces no policy at all; set it to default", where))
	}
	if value, where := read("policy-audit-mode"); isOn(value) {
		plugin.off(fmt.Sprintf("policy-audit-mode is true in %s: Cilium only writes down what it would drop; set it to false", where))
	}
	if value, where := read("enable-k8s-networkpolicy"); isOff(value) {
		plugin.off(fmt.Sprintf("enable-k8s-networkpolicy is false in %s: Cilium ignores NetworkPolicies of Kubernetes; set it to true", where))
	}
}

// lookAWS: the agent beside the CNI enforces policies, and only where it is told to.
func lookAWS(_ *Inventory, work *workload, plugin *Plugin) {
	if mode, ok := work.environment("NETWORK_POLICY_ENFORCING_MODE"); ok && mode == "standard" {
		plugin.note("a new pod is open until its policies are attached (NETWORK_POLICY_ENFORCING_MODE=standard)")
	}
	if work.container("aws-eks-nodeagent") == nil && work.container("aws-network-policy-agent") == nil {
		plugin.off("DaemonSet aws-node has no container aws-eks-nodeagent: this version of the CNI enforces no policy")
		return
	}
	plugin.Enforcement = Enforces
	if value, ok := work.argument("enable-network-policy"); !ok || isOff(value) {
		plugin.off("the container aws-eks-nodeagent runs without --enable-network-policy=true: policies are not enforced")
	}
}

func lookKubeRouter(_ *Inventory, work *workload, plugin *Plugin) {
	if value, ok := work.argument("run-firewall"); ok && isOff(value) {
		plugin.off("kube-router runs with --run-firewall=false: it makes the network and enforces no policy; remove the flag")
	}
}

// kindnetEnforcesSince is the date in the tag of the first kindnetd that enforces policies, that of kind v0.24.0.
const kindnetEnforcesSince = "v20240813"

func lookKindnet(_ *Inventory, _ *workload, plugin *Plugin) {
	const dateLength = len(kindnetEnforcesSince)
	if len(plugin.Version) >= dateLength && plugin.Version[:2] == "v2" && plugin.Version[:dateLength] < kindnetEnforcesSince {
		plugin.Enforcement = EnforcesNothing
		plugin.note("this version of kindnet is older than kind v0.24 and enforces no policies")
	}
}

func lookFlannel(_ *Inventory, work *workload, plugin *Plugin) {
	if work.container("kube-network-policies") != nil {
		plugin.note("kube-network-policies runs in the same pods and enforces policies")
	}
}

func lookWeave(_ *Inventory, work *workload, plugin *Plugin) {
	if work.container("weave-npc") == nil {
		plugin.off("DaemonSet weave-net has no container weave-npc, which enforces policies")
	}
	if value, ok := work.environment("EXPECT_NPC"); ok && isOff(value) {
		plugin.off("EXPECT_NPC is 0 in DaemonSet weave-net: the network policy controller is not used")
	}
}

func lookKubeOVN(_ *Inventory, work *workload, plugin *Plugin) {
	if value, ok := work.argument("enable-np"); ok && isOff(value) {
		plugin.off("kube-ovn-controller runs with --enable-np=false: NetworkPolicies are ignored; remove the flag")
	}
}
