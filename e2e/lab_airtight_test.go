//go:build e2e

package e2e

import (
	"encoding/json"
	"net"
	"net/netip"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
)

var _ = Describe("the lab is airtight", Label("lab"), func() {
	machines := []string{"control-plane", "world", "node1", "node2"}

	// inside are the ranges of the lab's address plan, and nothing else.
	inside := []netip.Prefix{}
	for _, cidr := range []string{
		"10.89.0.0/24", "10.244.0.0/16", "127.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24",
		"fd00:10:89::/64", "fd00:10:244::/48", "2001:db8::/32", "fe80::/10", "::1/128", "ff00::/8",
	} {
		inside = append(inside, netip.MustParsePrefix(cidr))
	}

	It("because every link of a machine ends on another machine of the lab", func(ctx SpecContext) {
		type link struct {
			Name string `json:"ifname"`
			Info struct {
				Kind string `json:"info_kind"`
			} `json:"linkinfo"`
		}
		links := 0
		for _, machine := range machines {
			var found []link
			Expect(json.Unmarshal([]byte(lab(ctx, suiteLab, "exec", machine, "--", "ip", "-d", "-j", "link")), &found)).To(Succeed())
			for _, l := range found {
				if l.Name != "lo" {
					Expect(l.Info.Kind).To(BeElementOf("veth", "bridge"), "%s on %s", l.Name, machine)
					links++
				}
			}
		}
		Expect(links).To(BeNumerically(">=", 7), "a bridge, and a veth pair for each other machine")
		// A veth pair has two ends: none of them may be on this side.
		for _, line := range traces(suiteLab) {
			if strings.HasPrefix(line, "link ") {
				Expect(line).NotTo(ContainSubstring("@if"), "a link of this machine leads into a namespace")
			}
		}
	}, SpecTimeout(tooLong))

	It("because every route of a machine stays within the lab's address plan, or ends at the world, which has none further", func(ctx SpecContext) {
		type route struct {
			Destination string `json:"dst"`
			Gateway     string `json:"gateway"`
		}
		for _, machine := range machines {
			for _, family := range []string{"-4", "-6"} {
				var routes []route
				out := lab(ctx, suiteLab, "exec", machine, "--", "ip", family, "-j", "route", "show", "table", "all")
				Expect(json.Unmarshal([]byte(out), &routes)).To(Succeed())
				Expect(routes).NotTo(BeEmpty())
				for _, r := range routes {
					if r.Destination == "default" {
						Expect(machine).To(HavePrefix("node"))
						Expect(r.Gateway).To(BeElementOf("10.89.0.254", "fd00:10:89::fe"), "default route of %s", machine)
						continue
					}
					address, _, _ := strings.Cut(r.Destination, "/")
					Expect(inside).To(ContainElement(Satisfy(func(p netip.Prefix) bool {
						return p.Contains(netip.MustParseAddr(address))
					})), "route to %s on %s", r.Destination, machine)
				}
			}
		}
	}, SpecTimeout(tooLong))

	It("so that nobody in it reaches a listener of this machine, nor an address that the lab does not have", func(ctx SpecContext) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		defer listener.Close()
		targets := []string{"tcp://" + listener.Addr().String(), url("tcp", "192.0.2.200", 80), url("tcp", "2001:db8:ffff::1", 80)}
		for _, machine := range machines {
			out, _ := labCommand(ctx, suiteLab, append([]string{"exec", machine, "--", abs(*agentFlag), "knock", "-o", "json"}, targets...)...).Output()
			results, err := parseResults(out)
			Expect(err).NotTo(HaveOccurred())
			Expect(results).To(HaveLen(len(targets)))
			for _, r := range results {
				Expect(r.Outcome).To(BeElementOf(probe.Refused, probe.Unreachable), "%s from %s: %s", r.ID, machine, r.Reason)
			}
		}
	}, SpecTimeout(tooLong))
})
