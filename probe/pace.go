package probe

import (
	"slices"
	"sync"
	"time"
)

// Pace bounds what a Prober does at once. The zero value is the default pace.
type Pace struct {
	// SocketsPer100ms bounds new sockets; the bound is halved while the 99th percentile of the handshakes with open
	// ports is above 50 ms, a sign that the prober delays itself. Zero means 300.
	SocketsPer100ms int `json:"socketsPer100ms,omitempty"`
	// Waiting bounds attempts under way; others queue. Zero means 4,096.
	Waiting int `json:"waiting,omitempty"`
	// Descriptors bounds open sockets. Zero means what the process's limit leaves, less a reserve.
	Descriptors int `json:"descriptors,omitempty"`
}

const (
	defaultSocketsPer100ms = 300
	defaultWaiting         = 4096
	slowConnect            = 50 * time.Millisecond
	paceWindow             = 100 * time.Millisecond
	// paceSamples is how many handshakes the percentile is taken of.
	paceSamples = 128
)

// pacer spreads new sockets over time: a bucket that holds a tenth of a window's sockets and refills with the other
// nine tenths in each window, so that no window of 100 ms sees more than its bound.
type pacer struct {
	mu      sync.Mutex
	tokens  float64
	at      time.Time
	samples []time.Duration
	slow    bool
	// sampledAt is when the last sample came.
	sampledAt time.Time
}

// take allows one new socket, or says how long to wait before asking again.
func (p *pacer) take(pace Pace, now time.Time) (wait time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	bound := float64(pace.SocketsPer100ms)
	if bound <= 0 {
		bound = defaultSocketsPer100ms
	}
	if p.slow && now.Sub(p.sampledAt) > 10*paceWindow {
		p.slow, p.samples = false, p.samples[:0]
	}
	if p.slow {
		bound /= 2
	}
	burst := max(1, bound/10)
	perToken := float64(paceWindow) / max(1, bound-burst)
	if p.at.IsZero() {
		p.tokens = burst
	}
	p.tokens = min(burst, p.tokens+float64(now.Sub(p.at))/perToken)
	p.at = now
	if p.tokens < 1 {
		// Never nothing: almost a whole token is less than a nanosecond away, and no wait means that none is needed.
		return max(1, time.Duration((1-p.tokens)*perToken)), false
	}
	p.tokens--
	return 0, true
}

// connected records the duration of a handshake with an open port.
func (p *pacer) connected(handshake time.Duration, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sampledAt = now
	p.samples = append(p.samples, handshake)
	if len(p.samples) < paceSamples {
		return
	}
	slices.Sort(p.samples)
	p.slow = p.samples[len(p.samples)*99/100] > slowConnect
	p.samples = p.samples[:0]
}
