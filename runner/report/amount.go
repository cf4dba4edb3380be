package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/podknock/podknock/runner"
)

// brief is a duration as a person reads it: two digits or more, never a fraction that means nothing.
func brief(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// count is a number with its noun: "1 cell", "2 cells".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// tally lists the parts of a count that are not zero, the bad ones first.
func tally(c runner.Counts) string {
	var parts []string
	for _, part := range []struct {
		n    int
		word string
	}{{c.Fail, "fail"}, {c.Error, "error"}, {c.Inconclusive, "inconclusive"}, {c.Pass, "pass"}, {c.Unjudged, "not judged"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.word))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// latency is a line on one direction of enforcement, or empty without samples.
func latency(word string, figures runner.LatencyFigures) string {
	if figures.Samples == 0 {
		return ""
	}
	line := fmt.Sprintf("%s p50 %s, p95 %s, max %s (%s)", word, brief(figures.P50), brief(figures.P95), brief(figures.Max),
		count(figures.Samples, "sample"))
	if figures.Slow {
		line += fmt.Sprintf(", slow: above %s", brief(runner.SlowEnforcement))
	}
	return line
}

// latencies joins both directions.
func latencies(l runner.Latency) string {
	var parts []string
	for _, part := range []string{latency("deny", l.Deny), latency("allow", l.Allow)} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "; ")
}
