package probe

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Arrival is one thing that reached a responder: an accepted connection or a datagram. It proves that the way here was
// open for exactly this source port.
type Arrival struct {
	// Number counts the arrivals of one log, from 1.
	Number   uint64    `json:"number"`
	Time     time.Time `json:"time"`
	Protocol Protocol  `json:"protocol"`
	// Remote is where it came from, as seen here; Local is the address that was asked.
	Remote netip.AddrPort `json:"remote"`
	Local  netip.AddrPort `json:"local"`
	// Speech is what the other side said.
	Speech Speech `json:"speech"`
	// Nonce is that of its hello, zero if it said none.
	Nonce Nonce `json:"nonce,omitzero"`
}

// Speech is what somebody said who reached a responder.
type Speech string

// What a responder can hear.
const (
	SpeechNone    Speech = "none"    // nothing, or nothing yet
	SpeechHello   Speech = "hello"   // our hello
	SpeechHTTP    Speech = "http"    // an HTTP request
	SpeechUnknown Speech = "unknown" // something else
)

// DefaultArrivals is the number of arrivals that a log keeps unless told otherwise. They take about 2 MiB.
const DefaultArrivals = 1 << 14

// ArrivalLog keeps the newest arrivals. The zero value keeps DefaultArrivals. It is safe for concurrent use.
type ArrivalLog struct {
	// Capacity is the number of arrivals kept; older ones are overwritten. It must not change after the first.
	Capacity int

	mu   sync.Mutex
	ring []Arrival // arrival n is at (n-1) % capacity
	last uint64    // number of the newest
}

func (l *ArrivalLog) capacity() uint64 {
	if l.Capacity > 0 {
		return uint64(l.Capacity)
	}
	return DefaultArrivals
}

// add records an arrival and returns its number.
func (l *ArrivalLog) add(a Arrival) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	a.Number = l.last
	if uint64(len(l.ring)) < l.capacity() {
		l.ring = append(l.ring, a)
	} else {
		l.ring[(a.Number-1)%l.capacity()] = a
	}
	return a.Number
}

// heard completes the arrival of that number, unless it is overwritten already.
func (l *ArrivalLog) heard(number uint64, speech Speech, nonce Nonce) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := &l.ring[(number-1)%l.capacity()]; a.Number == number {
		a.Speech, a.Nonce = speech, nonce
	}
}

// Mark returns the number of the newest arrival, 0 before the first.
func (l *ArrivalLog) Mark() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// Find returns the arrivals after the mark that pass keep, oldest first, at most limit of them. It is complete unless
// an arrival after the mark was overwritten or limit left one out.
func (l *ArrivalLog) Find(after uint64, limit int, keep func(Arrival) bool) (found []Arrival, complete bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	oldest := l.last - uint64(len(l.ring)) + 1
	for number := max(oldest, after+1); number <= l.last; number++ {
		if a := l.ring[(number-1)%l.capacity()]; keep(a) {
			if len(found) == limit {
				return found, false
			}
			found = append(found, a)
		}
	}
	return slices.Clip(found), oldest <= after+1
}
