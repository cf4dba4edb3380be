package engine

import (
	"context"
	"time"
)

// late puts off what is done about an object for as long as the defect says.
// All are put off equally, and one goroutine takes them in turn, so that their
// order stays.
func (s *state) late(ctx context.Context, do func(any)) func(any) {
	if s.defect.lateness == 0 {
		return do
	}
	return func(o any) {
		due := time.Now().Add(s.defect.lateness)
		s.queueOnce.Do(func() {
			s.queue = make(chan postponed, 1000)
			go s.catchUp(ctx)
		})
		select {
		case s.queue <- postponed{due, func() { do(o) }}:
		case <-ctx.Done():
		}
	}
}

// postponed is something to do at a time.
type postponed struct {
	due time.Time
	do  func()
}

func (s *state) catchUp(ctx context.Context) {
	for {
		select {
		case p := <-s.queue:
			timer := time.NewTimer(time.Until(p.due))
			select {
			case <-timer.C:
				p.do()
			case <-ctx.Done():
				timer.Stop()
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
