package probe

import (
	"net/netip"
	"testing"

	. "github.com/onsi/gomega"
)

func TestArrivalLog(t *testing.T) {
	everything := func(Arrival) bool { return true }
	numbers := func(arrivals []Arrival) []uint64 {
		var n []uint64
		for _, a := range arrivals {
			n = append(n, a.Number)
		}
		return n
	}
	filled := func(count int) *ArrivalLog {
		l := &ArrivalLog{Capacity: 4}
		for range count {
			l.add(Arrival{Protocol: TCP, Remote: netip.MustParseAddrPort("192.0.2.1:1000")})
		}
		return l
	}
	for _, tc := range []struct {
		name     string
		arrivals int
		after    uint64
		limit    int
		want     []uint64
		complete bool
	}{
		{"an arrival after the mark was overwritten", 7, 2, 10, []uint64{4, 5, 6, 7}, false},
		{"the limit leaves arrivals out", 4, 0, 2, []uint64{1, 2}, false},
		{"nothing came", 0, 0, 10, nil, true},
		{"nothing came after the mark", 3, 3, 10, nil, true},
		{"only what came after the mark", 3, 1, 10, []uint64{2, 3}, true},
		{"what was overwritten came before the mark", 7, 3, 10, []uint64{4, 5, 6, 7}, true},
		{"the limit is just enough", 4, 0, 4, []uint64{1, 2, 3, 4}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			log := filled(tc.arrivals)
			g.Expect(log.Mark()).To(Equal(uint64(tc.arrivals)))
			found, complete := log.Find(tc.after, tc.limit, everything)
			g.Expect(numbers(found)).To(Equal(tc.want))
			g.Expect(complete).To(Equal(tc.complete))
		})
	}

	t.Run("what was heard completes the arrival", func(t *testing.T) {
		g := NewWithT(t)
		log := filled(2)
		nonce := NewNonce()
		log.heard(2, SpeechHello, nonce)
		found, _ := log.Find(0, 10, func(a Arrival) bool { return a.Nonce == nonce })
		g.Expect(numbers(found)).To(Equal([]uint64{2}))
		g.Expect(found[0].Speech).To(Equal(SpeechHello))
	})

	t.Run("what was heard of an overwritten arrival is dropped", func(t *testing.T) {
		g := NewWithT(t)
		log := filled(5)
		log.heard(1, SpeechHello, NewNonce())
		found, _ := log.Find(0, 10, func(a Arrival) bool { return !a.Nonce.IsZero() })
		g.Expect(found).To(BeEmpty())
	})
}
