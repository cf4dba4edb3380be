package runner

import (
	"slices"
	"time"
)

// NewLatency sums up samples of opened and of closed ways, in any order.
func NewLatency(allow, deny []time.Duration) Latency {
	return Latency{Allow: newFigures(allow), Deny: newFigures(deny)}
}

func newFigures(samples []time.Duration) LatencyFigures {
	if len(samples) == 0 {
		return LatencyFigures{}
	}
	all := slices.Sorted(slices.Values(samples))
	last := all[len(all)-1]
	return LatencyFigures{
		Samples: len(all), P50: percentile(all, 50), P95: percentile(all, 95), Max: last, Slow: last > SlowEnforcement, All: all,
	}
}

// percentile is the smallest sample that at least so many in a hundred do not exceed.
func percentile(sorted []time.Duration, percent int) time.Duration {
	return sorted[max(0, (len(sorted)*percent+99)/100-1)]
}

// mergeLatencies puts the samples of many together.
func mergeLatencies(parts ...Latency) Latency {
	var allow, deny []time.Duration
	for _, part := range parts {
		allow = append(allow, part.Allow.All...)
		deny = append(deny, part.Deny.All...)
	}
	return NewLatency(allow, deny)
}
