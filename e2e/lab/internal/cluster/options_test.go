package cluster

import (
	"net/netip"
	"testing"

	. "github.com/onsi/gomega"
)

func TestOptionsThatCannotBe(t *testing.T) {
	for _, row := range []struct {
		name    string
		options Options
		wrong   string
	}{
		{"a name with a slash", Options{Name: "a/b"}, `name "a/b": a lab's name has up to 20`},
		{"a name that is too long for a socket's path", Options{Name: "abcdefghijklmnopqrstu"}, "up to 20 lower case letters"},
		{"no nodes", Options{Nodes: -1}, "nodes -1: a lab has 1 to 20 nodes"},
		{"more nodes than addresses", Options{Nodes: 21}, "nodes 21"},
		{"an unknown IP family", Options{Families: "ipx"}, `IP family "ipx": use one of ["dual" "ipv4" "ipv6"]`},
		{"an unknown engine", Options{Engine: "calico"}, `engine "calico": use one of ["kube-network-policies" "none"]`},
		{"the defaults", Options{}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			err := row.options.Validate()
			if row.wrong == "" {
				g.Expect(err).NotTo(HaveOccurred())
			} else {
				g.Expect(err).To(MatchError(ContainSubstring(row.wrong)))
			}
		})
	}
}

func TestNoTwoMachinesShareAnAddress(t *testing.T) {
	g := NewWithT(t)
	owner := map[netip.Addr]string{}
	take := func(who string, addresses []netip.Addr) {
		for _, a := range addresses {
			g.Expect(owner).NotTo(HaveKey(a), "%s and %s", owner[a], who)
			owner[a] = who
		}
	}
	take("control plane", DualStack.controlPlane())
	take("world", DualStack.world())
	take("world's hosts", DualStack.worldHosts())
	for n := 1; n <= maxNodes; n++ {
		take(nodeName(n), DualStack.node(n))
		for _, pods := range DualStack.podCIDRs(n) {
			for _, all := range DualStack.clusterCIDRs() {
				if all.Addr().Is4() == pods.Addr().Is4() {
					g.Expect(all.Overlaps(pods)).To(BeTrue(), "%s is within %s", pods, all)
				}
			}
			for a, who := range owner {
				g.Expect(pods.Contains(a)).To(BeFalse(), "pods of %s and %s", nodeName(n), who)
			}
		}
	}
}
