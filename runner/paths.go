package runner

import (
	"maps"
	"math"
	"time"

	"github.com/podknock/podknock/probe"
)

// paths is what the rounds before any policy have measured, for the attempts that follow.
type paths struct {
	// trips are the longest round trips, by the name of the source and the host that was asked.
	trips map[[2]string]time.Duration
	// sent counts the packets that asked over TCP, and lost those of them that stayed unanswered although the way was open.
	sent, lost int
}

// learn takes an attempt that got through.
func (p *paths) learn(a aim, result probe.Result, stagger time.Duration) {
	trip := result.Connect
	if a.attempt.Protocol == probe.UDP {
		trip = result.Exchange
	}
	if result.Outcome != probe.Connected || trip <= 0 {
		return
	}
	if p.trips == nil {
		p.trips = map[[2]string]time.Duration{}
	}
	key := [2]string{a.source, a.attempt.Host}
	p.trips[key] = max(p.trips[key], min(trip, time.Minute))
	// With a round trip as long as the time between two sockets, a packet that is still on its way looks like a lost one.
	if a.attempt.Protocol == probe.TCP && trip < stagger/2 && result.Tries > 0 {
		p.sent += result.Tries
		p.lost += result.Tries - 1
	}
}

// replace takes what was measured anew.
func (p *paths) replace(anew paths) {
	if anew.sent > 0 {
		p.sent, p.lost = anew.sent, anew.lost
	}
	maps.Copy(p.trips, anew.trips)
}

// loss is the chance that a packet is lost in one direction, if both are alike: of a question and its answer one is lost with 1-(1-p)². It is
// zero, which means the default, unless more than that was seen.
func (p *paths) loss() float64 {
	if p.sent == 0 {
		return 0
	}
	unanswered := float64(p.lost) / float64(p.sent)
	if loss := 1 - math.Sqrt(1-unanswered); loss > probe.DefaultLoss {
		return loss
	}
	return 0
}

// prepare tells an attempt what is known about its path.
func (p *paths) prepare(a *aim) {
	a.attempt.RTT = p.trips[[2]string{a.source, a.attempt.Host}]
	a.attempt.Loss = p.loss()
}

// enough adds sockets to a round until silence cannot be loss, as far as their number is bounded. They start so close to each other that
// even the last has half of the deadline.
func enough(timing probe.Timing, loss float64) probe.Timing {
	if loss <= probe.DefaultLoss {
		return timing
	}
	unanswered := 1 - (1-loss)*(1-loss)
	needed := probe.MaxSYNs
	if unanswered < 1 {
		needed = min(needed, int(math.Floor(math.Log(probe.MaxErrorProbability)/math.Log(unanswered)))+1)
	}
	if needed <= timing.Sockets {
		return timing
	}
	timing.Sockets = needed
	deadline := timing.Timeout
	if deadline == 0 {
		deadline = probe.DefaultTimeout
	}
	timing.Stagger = min(timing.Stagger, deadline/2/time.Duration(needed))
	return timing
}
