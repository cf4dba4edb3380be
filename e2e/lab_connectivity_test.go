//go:build e2e

package e2e

import (
	"fmt"
	"net/netip"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podknock/podknock/probe"
)

var _ = Describe("pods of the lab", Label("lab"), func() {
	It("reach each other on one node and across nodes, over IPv4 and IPv6, by pod IP, Service, NodePort and name", func(ctx SpecContext) {
		namespace := newNamespace(ctx, "baseline")
		nodes := nodeNames(ctx)
		pods := runPods(ctx,
			agentPod(namespace, "client", nodes[0]),
			agentPod(namespace, "near", nodes[0]),
			agentPod(namespace, "far", nodes[1]))
		client := pods[0]

		var targets []string
		for _, server := range pods[1:] {
			service := newService(ctx, server)
			targets = append(targets, podTargets(server)...)
			Expect(service.Spec.ClusterIPs).To(HaveLen(2), "the Service has both families")
			for _, ip := range service.Spec.ClusterIPs {
				targets = append(targets, url("tcp", ip, 80), url("udp", ip, 80))
			}
			for _, node := range nodes {
				for _, address := range nodeAddresses(ctx, node) {
					targets = append(targets, url("tcp", address, int(service.Spec.Ports[0].NodePort)))
				}
			}
			for _, name := range []string{server.Name, server.Name + "." + namespace, server.Name + "." + namespace + ".svc.cluster.local"} {
				targets = append(targets, url("tcp", name, 80))
			}
		}
		expectKnock(ctx, client, probe.Connected, append([]string{"-responder"}, targets...)...)
		for _, server := range pods[1:] {
			results, err := knock(ctx, client, append([]string{"-uid", string(server.UID)}, podTargets(server)...)...)
			Expect(err).NotTo(HaveOccurred())
			for _, r := range results {
				Expect(r.Outcome).To(Equal(probe.Connected), r.Reason)
				Expect(r.Identity.Pod).To(Equal(server.Name))
				Expect(r.Identity.Source.Addr().String()).To(BeElementOf(podIPs(client)), "no translation between pods")
			}
		}
		By("telling a closed port from silence")
		expectKnock(ctx, client, probe.Refused, url("tcp", pods[2].Status.PodIP, 8081), url("udp", pods[2].Status.PodIP, 8081))
	}, SpecTimeout(2*tooLong))

	It("answer on a port of their node", func(ctx SpecContext) {
		namespace := newNamespace(ctx, "privileged")
		nodes := nodeNames(ctx)
		server := agentPod(namespace, "server", nodes[1])
		server.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 8080, HostPort: 18080}}
		pods := runPods(ctx, agentPod(namespace, "client", nodes[0]), server)
		var targets []string
		for _, address := range nodeAddresses(ctx, nodes[1]) {
			targets = append(targets, url("tcp", address, 18080))
		}
		expectKnock(ctx, pods[0], probe.Connected, append([]string{"-uid", string(pods[1].UID)}, targets...)...)
	}, SpecTimeout(tooLong))

	It("resolve names of the world outside, and learn that others do not exist", func(ctx SpecContext) {
		client := runPods(ctx, agentPod(newNamespace(ctx, "baseline"), "client", nodeNames(ctx)[0]))[0]
		expectKnock(ctx, client, probe.Connected, "dns://api.world.test", "dns://api.world.test?tcp")
		expectKnock(ctx, client, probe.DNSFailure, "dns://nobody.world.test")
	}, SpecTimeout(tooLong))
})

// newService makes a NodePort Service of both families, port 80 to 8080, for
// one agent pod.
func newService(ctx SpecContext, server *corev1.Pod) *corev1.Service {
	GinkgoHelper()
	service, err := clientset.CoreV1().Services(server.Namespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: server.Name},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeNodePort, Selector: server.Labels, IPFamilyPolicy: new(corev1.IPFamilyPolicyPreferDualStack),
			Ports: []corev1.ServicePort{
				{Name: "tcp", Protocol: corev1.ProtocolTCP, Port: 80, TargetPort: intstr.FromInt32(8080)},
				{Name: "udp", Protocol: corev1.ProtocolUDP, Port: 80, TargetPort: intstr.FromInt32(8080)},
			},
		},
	}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	return service
}

// podTargets are the ports of an agent pod on every address it has.
func podTargets(pod *corev1.Pod) []string {
	var targets []string
	for _, ip := range podIPs(pod) {
		targets = append(targets, url("tcp", ip, 8080), url("udp", ip, 8080))
	}
	return targets
}

func podIPs(pod *corev1.Pod) []string {
	var ips []string
	for _, ip := range pod.Status.PodIPs {
		ips = append(ips, ip.IP)
	}
	return ips
}

// nodeAddresses returns the addresses of a node, of every family.
func nodeAddresses(ctx SpecContext, name string) []string {
	GinkgoHelper()
	node, err := clientset.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	Expect(err).NotTo(HaveOccurred())
	var addresses []string
	for _, a := range node.Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			addresses = append(addresses, a.Address)
		}
	}
	Expect(addresses).NotTo(BeEmpty(), name)
	return addresses
}

// hostCIDR is the range that holds one address alone.
func hostCIDR(address string) string {
	a := netip.MustParseAddr(address)
	return fmt.Sprintf("%s/%d", a, a.BitLen())
}
