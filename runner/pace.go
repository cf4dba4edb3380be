package runner

import "time"

// pace says when rounds start and which of them count. The zero value is the product's; tests make it faster.
type pace struct {
	// spacing is the time between the starts of two rounds of a small step.
	spacing time.Duration
	// rounds is how many rounds in a row have to agree, and span how far apart the first and the last of them have to start: the time after
	// which silence counts as confirmed.
	rounds int
	span   time.Duration
	// sample is the time between two samples of the sentinels.
	sample time.Duration
	// dwell is the least time that a step waits after the hint of the canaries, or after the change where there are none, if its expected
	// table is that of the step before, so that nothing shows when it is enforced.
	dwell time.Duration
	// canary is how long a canary may take to show a change. An engine that takes longer enforces nothing, or is slow beyond use.
	canary time.Duration
	// stagger is the time between two sockets of an attempt.
	stagger time.Duration
}

func (p pace) withDefaults() pace {
	setDefault(&p.spacing, 400*time.Millisecond)
	setDefault(&p.rounds, 3)
	setDefault(&p.span, 1200*time.Millisecond)
	setDefault(&p.sample, 50*time.Millisecond)
	setDefault(&p.dwell, time.Second)
	setDefault(&p.canary, SlowEnforcement)
	setDefault(&p.stagger, 100*time.Millisecond)
	return p
}

// spacingFor is the time between the rounds of a step with so many cells: a round of many cells keeps agents and streams busy for longer.
func (p pace) spacingFor(cells int) time.Duration {
	const perSpacing = 1000
	return p.spacing * time.Duration(1+cells/perSpacing)
}
