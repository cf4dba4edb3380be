package probe

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
)

func TestLawOfErrors(t *testing.T) {
	for _, tc := range []struct {
		loss   float64
		tries  int
		chance float64
		needed int
	}{
		{0.0001, 1, 2.0e-4, 2},
		{0.001, 2, 4.0e-6, 3},
		{0.01, 3, 7.9e-6, 4},
		{0, 3, 7.9e-6, 4}, // not measured: one per cent is assumed
		{0.1, 4, 1.3e-3, 9},
		{0.3, 21, 7.2e-7, 21},
		{0.5, 24, 1.0e-3, MaxSYNs},
		{1, 24, 1, MaxSYNs},
	} {
		t.Run(fmt.Sprintf("%v lost in each direction", tc.loss), func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(silenceProbability(tc.loss, tc.tries)).To(BeNumerically("~", tc.chance, tc.chance/20))
			g.Expect(triesNeeded(tc.loss)).To(Equal(tc.needed))
			if tc.needed < MaxSYNs {
				g.Expect(silenceProbability(tc.loss, tc.needed)).To(BeNumerically("<", MaxErrorProbability))
				g.Expect(silenceProbability(tc.loss, tc.needed-1)).To(BeNumerically(">=", MaxErrorProbability))
			}
		})
	}
}
