package verify

import (
	"fmt"
	"iter"
	"time"

	"github.com/podknock/podknock/scenarios"
)

// stoppedEnforcing is an engine that ends, or loses touch with the cluster, while the suite runs.
var stoppedEnforcing = Defect{
	"stopped-enforcing", "It enforces policies for some time, and none after.", scenarios.AxisPolicyCreate,
}

// stoppedScenarios is how many scenarios have to fail for that: one may have another reason.
const stoppedScenarios = 2

// since are guesses that nothing is enforced any more, everywhere or on some nodes, from the moment on at which the first step failed.
func (s *search) since() iter.Seq[guess] {
	return func(yield func(guess) bool) {
		failed, held, ok := s.moments()
		if !ok {
			return
		}
		later := func(k *knock, _ end) level {
			ended := k.ended()
			if ended.IsZero() {
				return unsure
			}
			return certainly(!ended.Before(failed))
		}
		for g := range s.everywhereAndOnNodes() {
			if g.Name != enforcesNothing {
				continue
			}
			restricted := s.within(g, later)
			restricted.Defect = stoppedEnforcing
			restricted.About = fmt.Sprintf("It enforced policies until %s, and none after.", held.UTC().Format("15:04:05 MST"))
			restricted.untimed = true
			if !yield(restricted) {
				return
			}
		}
	}
}

// moments are the end of the first step with a knock that got through although it should not have, and that of the last step before in which all
// were stopped that should have been.
func (s *search) moments() (failed, held time.Time, ok bool) {
	stories := map[*story]bool{}
	for _, k := range s.knocks {
		if ended := k.ended(); k.failed && k.wanted == stopped && !ended.IsZero() {
			stories[k.story] = true
			if failed.IsZero() || ended.Before(failed) {
				failed = ended
			}
		}
	}
	for _, k := range s.knocks {
		if ended := k.ended(); k.proven && k.wanted == stopped && ended.Before(failed) && ended.After(held) {
			held = ended
		}
	}
	return failed, held, len(stories) >= stoppedScenarios && !held.IsZero()
}

// ended is when the step of a knock was over, zero if that is not known.
func (k *knock) ended() time.Time {
	phase := k.step + 1 // the first is the deployment
	if phase >= len(k.story.result.Phases) {
		return time.Time{}
	}
	p := k.story.result.Phases[phase]
	return p.Start.Add(p.Elapsed)
}
