package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/runner"
)

// TestManyWrongCellsAreAllNamedAndTheFirstExplained renders a step with more wrong cells than anybody reads explanations of.
func TestManyWrongCellsAreAllNamedAndTheFirstExplained(t *testing.T) {
	const wrong = maxExplained + 5
	lines := make([]string, wrong)
	for i := range lines {
		lines[i] = fmt.Sprintf("client server-%d 80 connected fail", i)
	}
	cells := cellsOf(lines...)
	for i := range cells {
		cells[i].Expected, cells[i].Repeat = "blocked", fmt.Sprintf("podknock run many --only 1/client/server-%d", i)
	}
	r := newReport()
	add(r, runner.ScenarioResult{
		Name: "many", Mark: runner.MarkFail, Counts: runner.Counts{Fail: wrong},
		Steps: []runner.StepResult{{Name: "applied", Mark: runner.MarkFail, Cells: cells}},
	})
	for _, format := range []Format{FormatText, FormatMarkdown} {
		t.Run(string(format), func(t *testing.T) {
			g := NewWithT(t)
			var out bytes.Buffer
			g.Expect(Write(&out, format, r, Options{})).To(Succeed())
			g.Expect(strings.Count(out.String(), "expected blocked, observed connected")).To(Equal(wrong))
			g.Expect(strings.Count(out.String(), "podknock run many --only")).To(Equal(maxExplained))
			g.Expect(out.String()).To(ContainSubstring("the first 25 are explained; -o json has everything on all 30"))
		})
	}
}

func TestAmountsAreWrittenForPeople(t *testing.T) {
	g := NewWithT(t)
	for text, elapsed := range map[string]time.Duration{
		"0.4 ms": 400 * time.Microsecond, "9.9 ms": 9900 * time.Microsecond, "52 ms": 52 * time.Millisecond, "999 ms": 999 * time.Millisecond,
		"1.0 s": time.Second, "59.9 s": 59900 * time.Millisecond, "1m05s": 65 * time.Second, "123m00s": 123 * time.Minute,
	} {
		g.Expect(brief(elapsed)).To(Equal(text))
	}
	g.Expect(latency("deny", runner.LatencyFigures{})).To(BeEmpty())
	g.Expect(latency("deny", runner.LatencyFigures{Samples: 1, P50: 6e9, P95: 6e9, Max: 6e9, Slow: true})).
		To(Equal("deny p50 6.0 s, p95 6.0 s, max 6.0 s (1 sample), slow: above 5.0 s"))
}
