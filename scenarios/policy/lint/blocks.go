package lint

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// checkBlocks compares ipBlocks with the addresses of the cluster.
func (c *checker) checkBlocks(p *networkingv1.NetworkPolicy) {
	for _, r := range rulesOf(p) {
		if !governs(p, r.policyType) {
			continue
		}
		for i := range r.peers {
			if block := newBlock(r.peers[i].IPBlock); block != nil && block.prefix.Bits() > 0 {
				c.checkBlock(p, &r, i, block)
			}
		}
		c.checkFamilies(p, &r)
		c.checkSource(p, &r)
	}
}

// block is an ipBlock that could be read.
type block struct {
	prefix netip.Prefix
	except []netip.Prefix
}

func newBlock(object *networkingv1.IPBlock) *block {
	if object == nil {
		return nil
	}
	prefix, err := netip.ParsePrefix(object.CIDR)
	if err != nil {
		return nil
	}
	b := &block{prefix: prefix.Masked()}
	for _, cidr := range object.Except {
		if except, err := netip.ParsePrefix(cidr); err == nil {
			b.except = append(b.except, except.Masked())
		}
	}
	return b
}

// contains reports whether an address is in the block and in no exception.
func (b *block) contains(address netip.Addr) bool {
	return b.prefix.Contains(address) && !slices.ContainsFunc(b.except, func(except netip.Prefix) bool { return except.Contains(address) })
}

// touches reports whether the block has addresses of a range.
func (b *block) touches(within netip.Prefix) bool {
	return b.prefix.Overlaps(within) && !slices.ContainsFunc(b.except, func(except netip.Prefix) bool {
		return except.Bits() <= within.Bits() && except.Overlaps(within)
	})
}

func (c *checker) checkBlock(p *networkingv1.NetworkPolicy, r *ruleView, i int, b *block) {
	ref, field := refOf(p), r.peerField(i, "ipBlock.cidr")
	if what := c.podsWithin(b); what != "" {
		c.found(ruleBlockOverPods, ref, field, fmt.Sprintf("The range %s covers addresses of pods (%s), which not every plugin matches by ipBlock.", b.prefix, what),
			"Select pods by podSelector and namespaceSelector, and put the range of pods under except if they are not meant.")
	}
	if what := c.nodeWithin(b); what != "" {
		c.found(ruleBlockOverNodes, ref, field, fmt.Sprintf("The range %s covers addresses of nodes (%s), which not every plugin matches by ipBlock.", b.prefix, what),
			"Find out whether your plugin does, or use what it has for nodes.")
	}
	if r.policyType == networkingv1.PolicyTypeEgress {
		if service, behind := c.serviceWithin(b); service != "" {
			c.found(ruleBlockOverServices, ref, field,
				fmt.Sprintf("The range %s covers the address of Service %s and not what is behind it: most plugins see the connection after its translation.", b.prefix, service),
				"Admit what is behind the Service: "+behind+".")
		}
	}
}

// podsWithin names what of the pods' addresses a block covers. A range that is wider than that of the pods means the network at large.
func (c *checker) podsWithin(b *block) string {
	ranges := slices.Clone(c.objects.Cluster.PodRanges)
	for i := range c.objects.Cluster.Nodes {
		for _, cidr := range append(slices.Clone(c.objects.Cluster.Nodes[i].Spec.PodCIDRs), c.objects.Cluster.Nodes[i].Spec.PodCIDR) {
			if prefix, err := netip.ParsePrefix(cidr); err == nil {
				ranges = append(ranges, prefix)
			}
		}
	}
	for _, within := range ranges {
		if b.touches(within) {
			return within.String()
		}
	}
	for _, name := range c.names {
		for _, pod := range c.pods[name] {
			for _, address := range addressesOf(pod) {
				if !pod.Spec.HostNetwork && b.contains(address) {
					return display(pod)
				}
			}
		}
	}
	return ""
}

// addressesOf are the addresses of a pod that could be read.
func addressesOf(pod *corev1.Pod) []netip.Addr {
	var addresses []netip.Addr
	for _, ip := range append(slices.Clone(pod.Status.PodIPs), corev1.PodIP{IP: pod.Status.PodIP}) {
		if address, err := netip.ParseAddr(ip.IP); err == nil && !slices.Contains(addresses, address) {
			addresses = append(addresses, address)
		}
	}
	return addresses
}

func (c *checker) nodeWithin(b *block) string {
	for i := range c.objects.Cluster.Nodes {
		node := &c.objects.Cluster.Nodes[i]
		for _, entry := range node.Status.Addresses {
			if address, err := netip.ParseAddr(entry.Address); err == nil && b.contains(address) {
				return node.Name
			}
		}
	}
	return ""
}

// serviceWithin finds a Service whose address a block covers without any of its endpoints, and says what is behind it.
func (c *checker) serviceWithin(b *block) (service, behind string) {
	for i := range c.objects.Cluster.Services {
		one := &c.objects.Cluster.Services[i]
		address, err := netip.ParseAddr(one.Spec.ClusterIP)
		if err != nil || !b.contains(address) {
			continue
		}
		outside := ""
		for _, endpoint := range c.endpointsOf(one) {
			if b.contains(endpoint) {
				outside = ""
				break
			}
			outside = endpoint.String()
		}
		switch {
		case outside == "" && len(one.Spec.Selector) == 0:
			continue
		case len(one.Spec.Selector) > 0:
			return one.Namespace + "/" + one.Name, fmt.Sprintf("pods with %s of namespace %s", spellLabels(one.Spec.Selector), one.Namespace)
		}
		return one.Namespace + "/" + one.Name, "the address " + outside + " and the port there"
	}
	return "", ""
}

// endpointsOf are the addresses behind a Service, as far as endpoint slices say.
func (c *checker) endpointsOf(service *corev1.Service) []netip.Addr {
	var addresses []netip.Addr
	for i := range c.objects.Cluster.EndpointSlices {
		slice := &c.objects.Cluster.EndpointSlices[i]
		if slice.Namespace != service.Namespace || slice.Labels["kubernetes.io/service-name"] != service.Name {
			continue
		}
		for _, endpoint := range slice.Endpoints {
			for _, text := range endpoint.Addresses {
				if address, err := netip.ParseAddr(text); err == nil {
					addresses = append(addresses, address)
				}
			}
		}
	}
	return addresses
}

// checkFamilies finds a rule that opens one family to the world where pods have both.
func (c *checker) checkFamilies(p *networkingv1.NetworkPolicy, r *ruleView) {
	open := map[bool]int{}
	for i := range r.peers {
		b := newBlock(r.peers[i].IPBlock)
		if b == nil {
			continue
		}
		if b.prefix.Bits() > 0 {
			return
		}
		open[b.prefix.Addr().Is4()] = i
	}
	if len(open) != 1 {
		return
	}
	for _, pod := range c.selected(p) {
		addresses := addressesOf(pod)
		if !slices.ContainsFunc(addresses, netip.Addr.Is4) || !slices.ContainsFunc(addresses, netip.Addr.Is6) {
			continue
		}
		for is4, i := range open {
			missing := "::/0"
			if !is4 {
				missing = "0.0.0.0/0"
			}
			c.found(ruleOneFamily, refOf(p), r.peerField(i, "ipBlock.cidr"),
				fmt.Sprintf("The rule opens every address of one IP family, and %s has both: the other one stays closed.", display(pod)),
				"Add an ipBlock for "+missing+" if it should be open, too.")
		}
		return
	}
}

// checkSource finds rules about client addresses that a Service may hide.
func (c *checker) checkSource(p *networkingv1.NetworkPolicy, r *ruleView) {
	narrow := slices.IndexFunc(r.peers, func(peer networkingv1.NetworkPolicyPeer) bool {
		b := newBlock(peer.IPBlock)
		return b != nil && b.prefix.Bits() > 0
	})
	if r.policyType != networkingv1.PolicyTypeIngress || narrow < 0 {
		return
	}
	for i := range c.objects.Cluster.Services {
		service := &c.objects.Cluster.Services[i]
		outer := service.Spec.Type == corev1.ServiceTypeNodePort || service.Spec.Type == corev1.ServiceTypeLoadBalancer
		if !outer || service.Namespace != p.Namespace || service.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal {
			continue
		}
		for _, pod := range c.selected(p) {
			if selectedBy(service, pod) {
				c.found(ruleSourceTranslated, refOf(p), r.peerField(narrow, "ipBlock.cidr"),
					fmt.Sprintf("Clients that come through Service %s, a %s with externalTrafficPolicy Cluster, may arrive with the address of a node.", service.Name, service.Spec.Type),
					"Set externalTrafficPolicy: Local on the Service, or filter before it.")
				return
			}
		}
	}
}
