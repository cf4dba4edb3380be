package verify

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/scenarios"
)

func TestScenariosOfAxes(t *testing.T) {
	g := NewWithT(t)
	_, err := ScenariosOf([]scenarios.AxisName{"ingres"})
	g.Expect(err).To(MatchError(ContainSubstring(`axis "ingres": there is none of this name`)))
	_, err = ScenariosOf([]scenarios.AxisName{scenarios.AxisHeldConnection})
	g.Expect(err).To(MatchError(ContainSubstring("measured in every verification")))

	names, err := ScenariosOf([]scenarios.AxisName{scenarios.AxisSeveralRules, scenarios.AxisDNSUDP, scenarios.AxisDNSTCP})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(names).To(HaveLen(perAxis + 1))
	g.Expect(names).To(ContainElements("several-rules", "dns"), "the scenarios that are written for the axes")
}
