package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func TestAxesAreDescribed(t *testing.T) {
	g := NewWithT(t)
	seen, group := map[AxisName]bool{}, 0
	groups := AxisGroup("").Values()
	for _, axis := range Axes() {
		g.Expect(string(axis.Name)).To(MatchRegexp(`^[a-z0-9]+(-[a-z0-9]+)*$`), "names are in kebab-case")
		g.Expect(seen[axis.Name]).To(BeFalse(), "%s occurs twice", axis.Name)
		seen[axis.Name] = true
		g.Expect(axis.Title).NotTo(BeEmpty())
		g.Expect(axis.About).To(MatchRegexp(`^\p{Lu}.*\.$`), "about is a sentence")
		place := slices.Index(groups, string(axis.Group))
		g.Expect(place).To(BeNumerically(">=", group), "%s stands with its group", axis.Name)
		group = place
	}
	_, known := AxisNamed("end-ports")
	g.Expect(known).To(BeFalse())
}

// TestEachAxisIsTriedByTheSuiteConformance holds that no axis lacks a scenario, but for those that are measured otherwise.
func TestEachAxisIsTriedByTheSuiteConformance(t *testing.T) {
	g := NewWithT(t)
	suite, err := Loader{}.Find("conformance")
	g.Expect(err).NotTo(HaveOccurred())
	coverage, err := Cover(suite)
	g.Expect(err).NotTo(HaveOccurred())
	for _, covered := range coverage {
		if !covered.Axis.Measured {
			g.Expect(covered.Scenarios).NotTo(BeEmpty(), "no scenario tries %s", covered.Axis.Name)
		} else {
			g.Expect(covered.Scenarios).To(BeEmpty(), "%s is said to be measured without a scenario", covered.Axis.Name)
		}
	}
}

// TestJudgedAxesAreBothAdmittedAndDenied holds that the suite has, for each axis that is judged, a cell that should connect while a policy is
// in force and one that should not.
func TestJudgedAxesAreBothAdmittedAndDenied(t *testing.T) {
	g := NewWithT(t)
	suite, err := Loader{}.Find("conformance")
	g.Expect(err).NotTo(HaveOccurred())
	type pair struct {
		AxisName
		denied bool
	}
	found := map[pair]bool{}
	for _, scenario := range suite {
		expansion, err := Expand(scenario, ExpandOptions{Families: Families()})
		g.Expect(err).NotTo(HaveOccurred())
		for i := range expansion.Steps {
			for j, cell := range expansion.Steps[i].Cells {
				for _, axis := range AxesOf(expansion, i, j) {
					found[pair{axis.Name, cell.Expected.NeedsControl()}] = true
				}
			}
		}
	}
	// What an axis cannot show by its nature.
	never := map[pair]bool{
		{AxisDenyAll, false}: true, {AxisNamespaceName, true}: false, {AxisMatchNotInAbsent, true}: true, {AxisServiceName, true}: false,
		{AxisNodeIP, true}: true, {AxisNodeIP, false}: true, {AxisNamedPortSidecar, true}: true,
	}
	for _, axis := range Axes() {
		for _, denied := range []bool{false, true} {
			if !axis.Unjudged && !never[pair{axis.Name, denied}] {
				g.Expect(found[pair{axis.Name, denied}]).To(BeTrue(), "axis %s, denied: %v", axis.Name, denied)
			}
		}
	}
}

func TestAxesOfACell(t *testing.T) {
	rows := []struct{ scenario, step, cell, want string }{
		{"deny-all", BaselineStep, "near -> server:8080/TCP (IPv4)", "tcp ipv4 pod-ip"},
		{"deny-all", "ingress of the server denied", "near -> server:8080/UDP (IPv6)",
			"ingress policy-selector deny-all udp ipv6 pod-ip policy-create"},
		{"deny-all", "ingress of the server denied", "server -> near:8080/TCP (IPv4)", "policy-selector policy-types replies tcp ipv4 pod-ip"},
		{"deny-all", "egress of the server denied instead", "near -> server:8081/TCP (IPv4)",
			"policy-selector policy-types replies tcp ipv4 pod-ip policy-create policy-delete"},
		{"match-not-in", "all but tier db may come in, all but clients be reached", "far -> server:8081/TCP (IPv4)",
			"ingress policy-selector pod-selector namespace-selector combined-selector match-not-in match-not-in-absent-key replies tcp ipv4 pod-ip"},
		{"end-port", "ingress from 8081 to 8083", "client -> server:8084/TCP (IPv4)",
			"ingress policy-selector ports end-port end-port-edges tcp ipv4 pod-ip policy-create"},
		{"pod-born-later", "a client and another are born", "odd -> server:8080/TCP (IPv4)",
			"ingress egress policy-selector pod-selector namespace-selector combined-selector deny-all policy-types both-ends tcp ipv4 pod-ip pod-born-later"},
		{"namespace-label-change", "the own namespace joins it", "far -> server:8080/TCP (IPv4)",
			"ingress policy-selector namespace-selector replies tcp ipv4 pod-ip namespace-label-change"},
		{"same-node", "one port of the server admitted, and nothing outwards", "server -> client:8080/TCP (IPv4)",
			"egress policy-selector deny-all policy-types replies tcp ipv4 same-node pod-ip policy-create"},
		{"services", "the client may reach one port and DNS instead", "client -> name(web-pods):8081/TCP (IPv4)",
			"egress policy-selector pod-selector ports port-number several-ports several-rules peer-and-port tcp ipv4 headless service-name policy-create policy-delete"},
		{"itself", "the server isolated both ways but for one port", "server -> node(server):10250/TCP (IPv4)",
			"egress policy-selector deny-all policy-types replies tcp ipv4 node-ip own-node"},
		{"deny-all-ingress", "deny-all-ingress applied", "neighbour -> myapp:80/TCP (IPv4)", "ingress policy-selector deny-all tcp ipv4 pod-ip policy-create"},
	}
	for _, row := range rows {
		t.Run(row.scenario+": "+row.cell, func(t *testing.T) {
			g := NewWithT(t)
			found, err := Loader{}.Find(row.scenario)
			g.Expect(err).NotTo(HaveOccurred())
			expansion, err := Expand(found[0], ExpandOptions{Families: Families()})
			g.Expect(err).NotTo(HaveOccurred())
			i := slices.IndexFunc(expansion.Steps, func(s ExpandedStep) bool { return s.Name == row.step })
			g.Expect(i).NotTo(BeNumerically("<", 0), "the step exists")
			j := slices.IndexFunc(expansion.Steps[i].Cells, func(c Cell) bool { return c.String() == row.cell })
			g.Expect(j).NotTo(BeNumerically("<", 0), "the cell exists")
			var names []string
			for _, axis := range AxesOf(expansion, i, j) {
				names = append(names, string(axis.Name))
			}
			want := strings.Fields(row.want)
			slices.SortFunc(want, func(a, b string) int { return axisPlace(a) - axisPlace(b) })
			g.Expect(strings.Join(names, " ")).To(Equal(strings.Join(want, " ")), fmt.Sprint(row))
		})
	}
}

func axisPlace(name string) int {
	return slices.IndexFunc(axes, func(a Axis) bool { return string(a.Name) == name })
}
