package plugins

import (
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func daemonSet(namespace, name string, containers ...corev1.Container) appsv1.DaemonSet {
	return appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       appsv1.DaemonSetSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: containers}}},
		Status:     appsv1.DaemonSetStatus{NumberReady: 2, DesiredNumberScheduled: 3},
	}
}

func container(name, image string, args ...string) corev1.Container {
	return corev1.Container{Name: name, Image: image, Args: args}
}

func withEnvironment(c corev1.Container, name, value string) corev1.Container {
	c.Env = append(c.Env, corev1.EnvVar{Name: name, Value: value})
	return c
}

func node(kubelet string, annotations map[string]string, reason string) corev1.Node {
	return corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "node1", Annotations: annotations},
		Status: corev1.NodeStatus{
			NodeInfo:   corev1.NodeSystemInfo{KubeletVersion: kubelet},
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeNetworkUnavailable, Reason: reason}},
		},
	}
}

func ciliumConfig(key, value string) []corev1.ConfigMap {
	return []corev1.ConfigMap{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "cilium-config"}, Data: map[string]string{key: value},
	}}
}

func TestIdentify(t *testing.T) {
	cilium := daemonSet("kube-system", "cilium", container("cilium-agent", "quay.io/cilium/cilium:v1.18.2@sha256:00"))
	aws := container("aws-node", "602401143452.dkr.ecr.eu-west-1.amazonaws.com/amazon-k8s-cni:v1.20.1")
	for _, tc := range []struct {
		name      string
		inventory Inventory
		want      string
		version   string
		does      Enforcement
		off, note string
	}{
		{"AWS VPC CNI with the agent switched off", Inventory{DaemonSets: []appsv1.DaemonSet{
			daemonSet("kube-system", "aws-node", aws, container("aws-eks-nodeagent", "amazon/aws-network-policy-agent:v1.2.2", "--enable-ipv6=false", "--enable-network-policy=false")),
		}}, "AWS VPC CNI", "v1.20.1", SwitchedOff, "--enable-network-policy=true", ""},
		{"AWS VPC CNI without the agent", Inventory{DaemonSets: []appsv1.DaemonSet{daemonSet("kube-system", "aws-node", aws)}},
			"AWS VPC CNI", "v1.20.1", SwitchedOff, "no container aws-eks-nodeagent", ""},
		{"Cilium that enforces never", Inventory{DaemonSets: []appsv1.DaemonSet{cilium}, ConfigMaps: ciliumConfig("enable-policy", "never")},
			"Cilium", "v1.18.2", SwitchedOff, "enable-policy is never in ConfigMap kube-system/cilium-config", ""},
		{"Cilium in audit mode", Inventory{DaemonSets: []appsv1.DaemonSet{cilium}, ConfigMaps: ciliumConfig("policy-audit-mode", "true")},
			"Cilium", "v1.18.2", SwitchedOff, "policy-audit-mode is true", ""},
		{"Cilium that ignores policies of Kubernetes", Inventory{DaemonSets: []appsv1.DaemonSet{
			daemonSet("kube-system", "cilium", container("cilium-agent", "cilium/cilium:v1.18.2", "--enable-k8s-networkpolicy=false")),
		}}, "Cilium", "v1.18.2", SwitchedOff, "enable-k8s-networkpolicy is false in the arguments of DaemonSet kube-system/cilium", ""},
		{"kube-router without its firewall", Inventory{DaemonSets: []appsv1.DaemonSet{
			daemonSet("kube-system", "kube-router", container("kube-router", "docker.io/cloudnativelabs/kube-router:v2.5.0", "--run-router=true", "--run-firewall=false")),
		}}, "kube-router", "v2.5.0", SwitchedOff, "--run-firewall=false", ""},
		{"Kube-OVN without policies", Inventory{Deployments: []appsv1.Deployment{{
			ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kube-ovn-controller"},
			Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{
				container("kube-ovn-controller", "docker.io/kubeovn/kube-ovn:v1.14.0", "--enable-np=false"),
			}}}},
		}}}, "Kube-OVN", "v1.14.0", SwitchedOff, "--enable-np=false", ""},
		{"Weave Net without its policy controller", Inventory{DaemonSets: []appsv1.DaemonSet{
			daemonSet("kube-system", "weave-net", container("weave", "weaveworks/weave-kube:2.8.1")),
		}}, "Weave Net", "2.8.1", SwitchedOff, "no container weave-npc", ""},
		{"K3s that was told not to", Inventory{Nodes: []corev1.Node{
			node("v1.34.1+k3s1", map[string]string{k3sArguments: `["server","--disable-network-policy"]`}, ""),
		}}, "K3s (kube-router's policy controller)", "v1.34.1+k3s1", SwitchedOff, "--disable-network-policy on node node1", ""},
		{"Flannel alone", Inventory{DaemonSets: []appsv1.DaemonSet{
			daemonSet("kube-flannel", "kube-flannel-ds", container("kube-flannel", "ghcr.io/flannel-io/flannel:v0.27.4", "--ip-masq", "--kube-subnet-mgr")),
		}}, "Flannel", "v0.27.4", EnforcesNothing, "", ""},
		{"Flannel by the node's condition alone", Inventory{Nodes: []corev1.Node{node("v1.34.1", nil, "FlannelIsUp")}},
			"Flannel", "", EnforcesNothing, "", ""},
		{"a kindnet from before kind v0.24", Inventory{DaemonSets: []appsv1.DaemonSet{
			daemonSet("kube-system", "kindnet", container("kindnet-cni", "docker.io/kindest/kindnetd:v20240513-cd2ac642")),
		}}, "kindnet", "v20240513-cd2ac642", EnforcesNothing, "", "older than kind v0.24"},
		{"GKE without an engine", Inventory{Nodes: []corev1.Node{node("v1.33.5-gke.1080000", nil, "RouteCreated")}},
			"GKE without network policy", "", EnforcesNothing, "", ""},
		{"a newer kindnet", Inventory{DaemonSets: []appsv1.DaemonSet{
			daemonSet("kube-system", "kindnet", container("kindnet-cni", "docker.io/kindest/kindnetd:v20250512-df8de77b")),
		}}, "kindnet", "v20250512-df8de77b", Enforces, "", ""},
		{"Flannel with its policy engine", Inventory{DaemonSets: []appsv1.DaemonSet{
			daemonSet("kube-flannel", "kube-flannel-ds", container("kube-flannel", "ghcr.io/flannel-io/flannel:v0.27.4"),
				container("kube-network-policies", "registry.k8s.io/networking/kube-network-policies:v1.0.0")),
		}}, "kube-network-policies", "v1.0.0", Enforces, "", ""},
		{"Calico in another plugin's network", Inventory{DaemonSets: []appsv1.DaemonSet{
			daemonSet("kube-system", "calico-node", withEnvironment(container("calico-node", "docker.io/calico/node:v3.31.0"), "CALICO_NETWORKING_BACKEND", "none")),
		}}, "Calico", "v3.31.0", Enforces, "", "in the network of another plugin"},
		{"AWS VPC CNI that enforces, standard mode", Inventory{DaemonSets: []appsv1.DaemonSet{
			daemonSet("kube-system", "aws-node", withEnvironment(aws, "NETWORK_POLICY_ENFORCING_MODE", "standard"),
				container("aws-eks-nodeagent", "amazon/aws-network-policy-agent:v1.2.2", "--enable-network-policy=true")),
		}}, "AWS VPC CNI", "v1.20.1", Enforces, "", "a new pod is open"},
		{"K3s as it comes", Inventory{Nodes: []corev1.Node{node("v1.34.1+k3s1", map[string]string{k3sArguments: `["server"]`}, "")}},
			"K3s (kube-router's policy controller)", "v1.34.1+k3s1", Enforces, "", ""},
		{"leftover CustomResourceDefinitions", Inventory{Groups: []string{"apps", "cilium.io"}}, "Cilium", "", Enforces, "", "nothing of it seems to run"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			found := Identify(&tc.inventory)
			g.Expect(found).NotTo(BeEmpty())
			plugin := found[0]
			g.Expect(plugin.Name).To(Equal(tc.want))
			g.Expect(plugin.Version).To(Equal(tc.version))
			g.Expect(plugin.Enforcement).To(Equal(tc.does))
			if tc.off == "" {
				g.Expect(plugin.Off).To(BeEmpty())
			} else {
				g.Expect(plugin.Off).To(ContainElement(ContainSubstring(tc.off)))
			}
			if tc.note != "" {
				g.Expect(plugin.Notes).To(ContainElement(ContainSubstring(tc.note)))
			}
		})
	}
}

func TestIdentifyNothing(t *testing.T) {
	g := NewWithT(t)
	other := daemonSet("monitoring", "node-exporter", container("node-exporter", "quay.io/prometheus/node-exporter:v1.9.0"))
	g.Expect(Identify(&Inventory{DaemonSets: []appsv1.DaemonSet{other}, Nodes: []corev1.Node{node("v1.36.3", nil, "")}})).To(BeEmpty())
}

func TestEveryProductHasAdvice(t *testing.T) {
	for _, product := range products {
		NewWithT(t).Expect(product.advice).NotTo(BeEmpty(), product.name)
		NewWithT(t).Expect(product.workloads).NotTo(BeEmpty(), product.name)
	}
}

func TestArgumentReadsBothWaysOfWritingAFlag(t *testing.T) {
	g := NewWithT(t)
	work := workload{spec: corev1.PodSpec{Containers: []corev1.Container{container("c", "i", "--one=1", "--two", "2", "--three", "--four")}}}
	for name, want := range map[string]string{"one": "1", "two": "2", "three": "true", "four": "true"} {
		value, ok := work.argument(name)
		g.Expect(ok).To(BeTrue(), name)
		g.Expect(value).To(Equal(want), name)
	}
	_, ok := work.argument("five")
	g.Expect(ok).To(BeFalse())
}
