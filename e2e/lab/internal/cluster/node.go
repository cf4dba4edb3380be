package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// runtimeSocket is where containerd listens, in the /run of its node.
const runtimeSocket = "/run/containerd/containerd.sock"

// startRuntime starts containerd on node n and gives it the lab's images.
func (u *upping) startRuntime(ctx context.Context, n int) error {
	name, node := nodeName(n), u.nodes[n-1]
	if err := os.WriteFile(u.runtimeConfigFile(name), []byte(u.runtimeConfig(name)), 0o644); err != nil {
		return err
	}
	if err := u.writeCNIConfig(n); err != nil {
		return err
	}
	if err := u.runRuntime(ctx, n); err != nil {
		return err
	}
	for _, archive := range imageArchives(u.bin) {
		if err := importImage(ctx, node, u.bin, archive); err != nil {
			return err
		}
	}
	return nil
}

func (u *upping) runtimeConfigFile(node string) string { return u.disk(node, "containerd.toml") }

// runRuntime runs containerd on node n, which has been configured.
func (u *upping) runRuntime(ctx context.Context, n int) error {
	name, node := nodeName(n), u.nodes[n-1]
	if err := u.startComponent(ctx, node, "containerd", "--config", u.runtimeConfigFile(name)); err != nil {
		return err
	}
	return u.await(ctx, "containerd on "+name, func(ctx context.Context) (bool, string) {
		out, err := node.Command(ctx, u.bin+"/ctr", "--address", runtimeSocket, "version").CombinedOutput()
		return err == nil, strings.TrimSpace(string(out))
	})
}

// runtimeConfig is containerd's configuration, version 3. Without
// CAP_SYS_RESOURCE no process may lower its OOM score, which runc would fail
// on; restrict_oom_score_adj makes containerd ask for what is allowed.
func (u *upping) runtimeConfig(node string) string {
	return fmt.Sprintf(`version = 3
root = %q
state = "/run/containerd"

[grpc]
address = %q

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = %q

[plugins."io.containerd.cri.v1.runtime"]
enable_unprivileged_ports = true
enable_unprivileged_icmp = true
restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = [%q]
conf_dir = %q
`, u.disk(node, "containerd"), runtimeSocket, pauseImage, u.bin, u.disk(node, "cni", "net.d"))
}

// writeCNIConfig describes node n's pod network: a routed veth for each pod,
// so that even traffic between pods of one node is forwarded, which is where
// policies are enforced; and host ports.
func (u *upping) writeCNIConfig(n int) error {
	type object = map[string]any
	var ranges [][]object
	var routes []object
	for _, cidr := range u.Families.podCIDRs(n) {
		ranges = append(ranges, []object{{"subnet": cidr.String()}})
		all := "0.0.0.0/0"
		if cidr.Addr().Is6() {
			all = "::/0"
		}
		routes = append(routes, object{"dst": all})
	}
	disk := u.disk(nodeName(n), "cni")
	config, err := json.MarshalIndent(object{
		"cniVersion": "1.0.0",
		"name":       "podknock-lab",
		"plugins": []object{
			{"type": "nodad"},
			{"type": "ptp", "ipMasq": false, "ipam": object{
				"type": "host-local", "dataDir": filepath.Join(disk, "addresses"), "ranges": ranges, "routes": routes,
			}},
			{"type": "portmap", "capabilities": object{"portMappings": true}, "backend": "nftables"},
		},
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(disk, "net.d"), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(disk, "net.d", "10-podknock.conflist"), config, 0o644)
}

// startNode registers node n and starts what runs beside its runtime.
func (u *upping) startNode(ctx context.Context, n int) error {
	name := nodeName(n)
	if err := u.registerNode(ctx, n); err != nil {
		return err
	}
	if err := writeJSON(u.kubeletConfigFile(name), u.kubeletConfig(name)); err != nil {
		return err
	}
	if err := writeJSON(u.proxyConfigFile(name), u.proxyConfig(name)); err != nil {
		return err
	}
	resolvConf := u.disk(name, "resolv.conf")
	if err := os.WriteFile(resolvConf, []byte("search lab.test\n"), 0o644); err != nil {
		return err
	}
	return u.runNode(ctx, n, u.Engine)
}

func (u *upping) kubeletConfigFile(node string) string { return u.disk(node, "kubelet.json") }
func (u *upping) proxyConfigFile(node string) string   { return u.disk(node, "kube-proxy.json") }

// runNode runs what belongs beside the runtime on node n, which has been
// configured.
func (u *upping) runNode(ctx context.Context, n int, engine Engine) error {
	name, node := nodeName(n), u.nodes[n-1]
	if err := u.startComponent(ctx, node, "kubelet",
		"--config="+u.kubeletConfigFile(name), "--kubeconfig="+u.kubeconfigOf(kubeletIdentity(name)),
		"--hostname-override="+name, "--node-ip="+join(u.Families.node(n)), "--root-dir="+u.disk(name, "kubelet"),
	); err != nil {
		return err
	}
	if err := u.startComponent(ctx, node, "kube-proxy", "--config="+u.proxyConfigFile(name)); err != nil {
		return err
	}
	return u.startEngine(ctx, node, engine)
}

// registerNode makes the Node object with the pod ranges of the address plan;
// the kubelet finds it and takes it over.
func (u *upping) registerNode(ctx context.Context, n int) error {
	name := nodeName(n)
	cidrs := strings.Split(join(u.Families.podCIDRs(n)), ",")
	_, err := u.api.CoreV1().Nodes().Create(ctx, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}},
		Spec:       corev1.NodeSpec{PodCIDR: cidrs[0], PodCIDRs: cidrs},
	}, metav1.CreateOptions{})
	return err
}

func (u *upping) kubeletConfig(node string) map[string]any {
	return map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false},
			"webhook":   map[string]any{"enabled": true},
			"x509":      map[string]any{"clientCAFile": u.ca.CertFile()},
		},
		"authorization":     map[string]any{"mode": "Webhook"},
		"tlsCertFile":       u.pki("kubelet-serving-" + node + ".crt"),
		"tlsPrivateKeyFile": u.pki("kubelet-serving-" + node + ".key"),

		"clusterDomain": clusterDomain,
		"clusterDNS":    strings.Split(join(u.Families.dnsService()), ","),
		"resolvConf":    u.disk(node, "resolv.conf"),

		"containerRuntimeEndpoint": "unix://" + runtimeSocket,
		"podLogsDir":               u.disk(node, "pod-logs"),
		"volumePluginDir":          u.disk(node, "volume-plugins"),
		"serializeImagePulls":      false,

		// Machines share one host: no resources are set apart, and cgroups lie
		// below one folder that can be removed. Hybrid hosts have cgroup v1,
		// which Kubernetes 1.36 refuses unless it is told not to.
		"cgroupDriver": "cgroupfs", "cgroupRoot": u.cgroup(node), "cgroupsPerQOS": false, "enforceNodeAllocatable": []string{},
		"failCgroupV1": false, "failSwapOn": false, "localStorageCapacityIsolation": false,
		"evictionHard":                map[string]string{"memory.available": "1Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%", "imagefs.inodesFree": "0%"},
		"imageGCHighThresholdPercent": 100,
	}
}

func (u *upping) proxyConfig(node string) map[string]any {
	zero := 0
	return map[string]any{
		"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
		"mode":             "nftables",
		"clientConnection": map[string]any{"kubeconfig": u.kubeconfigOf(proxyIdentity)},
		"hostnameOverride": node,
		"clusterCIDR":      join(u.Families.clusterCIDRs()),
		// A network namespace cannot size the connection table: leave it alone.
		"conntrack": map[string]any{"maxPerCore": zero, "min": zero, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
	}
}

func (u *upping) waitForNodes(ctx context.Context) error {
	return u.await(ctx, "nodes to be Ready", func(ctx context.Context) (bool, string) {
		nodes, err := u.api.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err.Error()
		}
		for _, node := range nodes.Items {
			if ready, why := nodeReady(&node); !ready {
				return false, why
			}
		}
		return len(nodes.Items) == u.Nodes, fmt.Sprintf("%d of %d nodes registered", len(nodes.Items), u.Nodes)
	})
}

func nodeReady(node *corev1.Node) (bool, string) {
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue, fmt.Sprintf("node %s: %s", node.Name, c.Message)
		}
	}
	return false, fmt.Sprintf("node %s: its kubelet has not reported", node.Name)
}

func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
