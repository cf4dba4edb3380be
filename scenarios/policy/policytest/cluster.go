package policytest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podknock/podknock/scenarios/policy"
)

// Options say what a random cluster may have. The zero value is everything.
type Options struct {
	// Plain leaves out what the NetworkPolicy API leaves to plugins, except ipBlocks over pod addresses: there are no nodes, hostNetwork pods,
	// Services and pods without addresses or with an ambiguous port name.
	Plain bool
}

// Cluster makes a cluster of one to three namespaces, one to six pods and up to four policies.
func Cluster(r *rand.Rand, options Options) policy.Cluster {
	var cluster policy.Cluster
	var namespaces []string
	for i := range 1 + r.IntN(3) {
		namespaces = append(namespaces, namespaceName(i))
		cluster.Namespaces = append(cluster.Namespaces, corev1.Namespace{
			ObjectMeta: metav1.ObjectMeta{Name: namespaceName(i), Labels: randomLabels(r)},
		})
	}
	if !options.Plain {
		for i := range r.IntN(3) {
			cluster.Nodes = append(cluster.Nodes, randomNode(r, i))
		}
	}
	for i := range 1 + r.IntN(6) {
		cluster.Pods = append(cluster.Pods, randomPod(r, i, pick(r, namespaces...), options))
	}
	if !options.Plain {
		for i := range r.IntN(3) {
			cluster.Services = append(cluster.Services, randomService(r, i, pick(r, namespaces...)))
		}
	}
	if !options.Plain && chance(r, 3) {
		cluster.Plugin = randomPlugin(r)
	}
	if !options.Plain && chance(r, 3) {
		cluster.PodRanges = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")}
		cluster.ServiceRanges = []netip.Prefix{netip.MustParsePrefix("10.2.0.0/16")}
	}
	number := 0
	cluster.Policies = list(r, 0, 4, func() networkingv1.NetworkPolicy {
		number++
		return Policy(r, fmt.Sprintf("policy-%d", number), namespaces...)
	})
	return cluster
}

func randomPlugin(r *rand.Rand) policy.Plugin {
	trait := func() policy.Trait { return pick(r, policy.Unknown, policy.Yes, policy.No) }
	return policy.Plugin{
		BlocksMatchPods: trait(), BlocksMatchNodes: trait(), BlocksMatchServices: trait(),
		GovernsHostNetwork: trait(), GovernsHairpin: trait(), GovernsOwnNode: trait(),
	}
}

func namespaceName(i int) string { return fmt.Sprintf("ns-%d", i) }

func randomNode(r *rand.Rand, i int) corev1.Node {
	node := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: nodeName(i)}}
	if !chance(r, 4) {
		node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: nodeAddress(i).String()}}
	}
	if chance(r, 2) {
		node.Spec.PodCIDR = fmt.Sprintf("10.1.%d.0/24", i)
	}
	return node
}

func randomPod(r *rand.Rand, i int, namespace string, options Options) corev1.Pod {
	pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("pod-%d", i), Namespace: namespace, Labels: randomLabels(r)}}
	pod.Spec.Containers = []corev1.Container{{Name: "main", Ports: randomContainerPorts(r)}}
	if chance(r, 4) {
		always := corev1.ContainerRestartPolicyAlways
		pod.Spec.InitContainers = []corev1.Container{
			{Name: "sidecar", Ports: pick(r, nil, randomContainerPorts(r)), RestartPolicy: pick(r, nil, &always)},
		}
	}
	if options.Plain {
		pod.Spec.InitContainers = nil
		pod.Status.PodIPs = []corev1.PodIP{{IP: podAddress(i, 0).String()}, {IP: podAddress(i, 1).String()}}
		return pod
	}
	if !chance(r, 3) {
		pod.Spec.NodeName = nodeName(r.IntN(3))
	}
	pod.Spec.HostNetwork = chance(r, 6)
	if chance(r, 4) {
		return pod
	}
	for family := range 1 + r.IntN(2) {
		pod.Status.PodIPs = append(pod.Status.PodIPs, corev1.PodIP{IP: podAddress(i, family).String()})
	}
	return pod
}

// randomContainerPorts declares each name at most once for a protocol.
func randomContainerPorts(r *rand.Rand) []corev1.ContainerPort {
	var ports []corev1.ContainerPort
	declared := map[string]bool{}
	for range r.IntN(4) {
		port := corev1.ContainerPort{Name: pick(r, portNames...), ContainerPort: pick(r, portNumbers...), Protocol: randomProtocol(r)}
		if key := port.Name + string(port.Protocol); !declared[key] {
			declared[key] = true
			ports = append(ports, port)
		}
	}
	return ports
}

func randomService(r *rand.Rand, i int, namespace string) corev1.Service {
	service := corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("service-%d", i), Namespace: namespace}}
	service.Spec.Selector = map[string]string{pick(r, keys...): pick(r, values...)}
	service.Spec.ClusterIP = pick(r, serviceAddress(i).String(), serviceAddress(i).String(), corev1.ClusterIPNone, "")
	target := intstr.FromInt32(pick(r, portNumbers...))
	if chance(r, 3) {
		target = intstr.FromString(pick(r, portNames...))
	}
	service.Spec.Ports = []corev1.ServicePort{{Port: pick(r, portNumbers...), TargetPort: target, Protocol: randomProtocol(r)}}
	if chance(r, 2) {
		service.Spec.Ports[0].NodePort = int32(30000 + i)
	}
	return service
}

// Query makes a query that the cluster can be asked. It may still be refused where the ends have no family in common.
func Query(r *rand.Rand, cluster policy.Cluster) policy.Query {
	from, to := randomEnd(r, cluster, false), randomEnd(r, cluster, true)
	query := policy.Query{From: from, To: to, Port: pick(r, portNumbers...), Protocol: randomProtocol(r)}
	switch {
	case to.Kind == policy.KindService:
		for _, service := range cluster.Services {
			if service.Name == to.Name && service.Namespace == to.Namespace && !chance(r, 8) {
				query.Port, query.Protocol = service.Spec.Ports[0].Port, service.Spec.Ports[0].Protocol
			}
		}
	case to.Kind == policy.KindNode && len(cluster.Services) > 0 && chance(r, 2):
		query.Port, query.Protocol = 30000, cluster.Services[0].Spec.Ports[0].Protocol
	case to.Kind == policy.KindPod && chance(r, 2):
		for _, pod := range cluster.Pods {
			if ports := pod.Spec.Containers[0].Ports; pod.Name == to.Name && len(ports) > 0 {
				port := pick(r, ports...)
				query.Port, query.Protocol = port.ContainerPort, port.Protocol
			}
		}
	}
	return query
}

func randomEnd(r *rand.Rand, cluster policy.Cluster, target bool) policy.Endpoint {
	kind := r.IntN(10)
	switch {
	case kind == 0:
		return policy.Address(outside(r))
	case kind == 1 && len(cluster.Nodes) > 0:
		return policy.Node(pick(r, cluster.Nodes...).Name)
	case kind < 4 && target && len(cluster.Services) > 0:
		service := pick(r, cluster.Services...)
		return policy.Service(service.Namespace, service.Name)
	}
	pod := pick(r, cluster.Pods...)
	return policy.Pod(pod.Namespace, pod.Name)
}
