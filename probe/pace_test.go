package probe

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// A wait of nothing would be taken for "nobody waits", and the run would sleep for ever.
func TestPacerThatRefusesSaysHowLongToWait(t *testing.T) {
	g := NewWithT(t)
	now := time.Now()
	almost := pacer{tokens: 1 - 1e-12, at: now}
	wait, ok := almost.take(Pace{}, now)
	g.Expect(ok).To(BeFalse())
	g.Expect(wait).To(BeNumerically(">", 0))
}
