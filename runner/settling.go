package runner

import "time"

// settling decides when a step has come to rest: enough rounds in a row agree with what is expected, and they span enough time for silence
// to count as confirmed. It is pure: rounds are told to it in the order of their starts.
type settling struct {
	pace pace
	// once says that a single round that agrees is enough, because nothing is expected but what proves itself.
	once bool
	// notBefore is the start of the first round that may count, which may not be known yet. Nil means that every round may count.
	notBefore func() (start time.Time, known bool)

	// agreeing counts the rounds in a row that agreed, first is the start of the first of them.
	agreeing int
	first    time.Time
}

// add takes the next round and says whether the step has settled.
func (s *settling) add(start time.Time, agrees bool) bool {
	if !agrees || !s.mayCount(start) {
		s.agreeing = 0
		return false
	}
	if s.agreeing++; s.agreeing == 1 {
		s.first = start
	}
	return s.once || s.agreeing >= s.pace.rounds && start.Sub(s.first) >= s.pace.span
}

// mayCount tells whether a round that began then may count.
func (s *settling) mayCount(start time.Time) bool {
	if s.notBefore == nil {
		return true
	}
	from, known := s.notBefore()
	return known && !start.Before(from)
}
