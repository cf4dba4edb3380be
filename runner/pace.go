package runner

import (
	"context"
	"errors"
	"time"
)

// pace says when rounds start and which of them count. The zero value is the product's; tests make it faster.
type pace struct {
	// spacing is the time between the starts of two rounds of a small step.
	spacing time.Duration
	// rounds is how many rounds in a row have to agree, and span how far apart the first and the last of them have to start: the time after
	// which silence counts as confirmed.
	rounds int
	span   time.Duration
	// sample is the least time between two samples of the sentinels, see [pace.untilSample].
	sample time.Duration
	// dwell is the least time that a step waits after the hint of the canaries, or after the change where there are none, if its expected
	// table is that of the step before, so that nothing shows when it is enforced.
	dwell time.Duration
	// canary is how long a canary may take to show a change. An engine that takes longer enforces nothing, or is slow beyond use.
	canary time.Duration
	// stagger is the time between two sockets of an attempt.
	stagger time.Duration
	// late is how long an agent may take with an answer before it counts as out of reach meanwhile. A knock takes some 3 s at most.
	late time.Duration
	// answer is how long agents have for what they are asked when a step's bound has passed, and for each question beside its rounds. A stream
	// that is lost is opened again and again meanwhile; without a limit, a node that is cut off would hold a step for minutes.
	answer time.Duration
}

func (p pace) withDefaults() pace {
	setDefault(&p.spacing, 400*time.Millisecond)
	setDefault(&p.rounds, 3)
	setDefault(&p.span, 1200*time.Millisecond)
	setDefault(&p.sample, 50*time.Millisecond)
	setDefault(&p.dwell, time.Second)
	setDefault(&p.canary, SlowEnforcement)
	setDefault(&p.stagger, 100*time.Millisecond)
	setDefault(&p.late, 8*time.Second)
	setDefault(&p.answer, 15*time.Second)
	return p
}

// sampleShare is how many samples lie in the time since the change: a latency is known to a twentieth. An engine that never enforces what is waited
// for would otherwise be sampled to the end as often as one that is about to, in all scenarios at once. But a step that comes right late rests for the span,
// and needs two samples until then.
const sampleShare = 20

// untilSample is the time from one sample of the sentinels to the next.
func (p pace) untilSample(sinceChange time.Duration) time.Duration {
	return max(p.sample, min(sinceChange/sampleShare, p.span/4))
}

// errNoAnswer is the cause of contexts that end when an agent's time is over.
var errNoAnswer = errors.New("its agent did not answer in time")

// forAnswer bounds the wait for answers beside the rounds of a step.
func (p pace) forAnswer(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, p.answer, errNoAnswer)
}

// A round of many packets is spread over time: at once they overflow the queues of engines that judge each connection in a program of their own,
// and some let through then what they have no time for. A burst of so many first packets is harmless; beyond it, so many are sent in a second.
const (
	burst     = 1500
	perSecond = 5000
)

// Rounds that do not become what is expected follow each other more and more slowly: a step that fails would keep the cluster busy for nothing, and
// it may be the knocking itself that the cluster has no time for. As many in a row are made at full pace, and the pace falls to a quarter.
const (
	patience   = 6
	maxSlowing = 4
)

// slowing is how many times as long rounds take after so many in a row that were not as expected.
func slowing(differing int) time.Duration {
	return time.Duration(min(1+max(0, differing-patience)/2, maxSlowing))
}

// spread is the time over which the attempts of a round with so many packets are begun.
func (p pace) spread(packets, differing int) time.Duration {
	if packets <= burst {
		return 0
	}
	return time.Duration(packets) * time.Second / perSecond * slowing(differing)
}

// next is the time from the start of a round that is spread over some time to that of the next one.
func (p pace) next(spread time.Duration, differing int) time.Duration {
	return max(p.spacing*slowing(differing), spread)
}
