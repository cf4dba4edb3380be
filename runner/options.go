package runner

import (
	"time"

	"github.com/podknock/podknock/scenarios"
)

// Options say how to run. The zero value of all fields but Run is sensible.
type Options struct {
	// Run is the id of the run, see [NewRunID].
	Run string
	// Version is that of podknock, for the report.
	Version string
	// Parallel is the number of scenarios that run at once. Zero means DefaultParallel.
	Parallel int
	// MaxPods bounds the probe pods that exist at once. Zero means DefaultMaxPods. A scenario that needs more runs alone.
	MaxPods int
	// Timeout is how long an attempt waits for an answer in one round. Zero means that of package probe.
	Timeout time.Duration
	// SettleTimeout bounds how long a step waits for what it expects. Zero means DefaultSettleTimeout.
	SettleTimeout time.Duration
	// GiveUp bounds how long a step goes on asking whose only change is new policies, while what is wrong stays wrong and all else has come to rest.
	// It is for callers that know how fast the engine enforces new policies. For another kind of change it counts from when the run has shown how
	// long that takes, or when two steps have waited for one to the end without anything coming right. Zero means that only SettleTimeout bounds a
	// step.
	GiveUp time.Duration
	// StartTimeout bounds how long probe pods may take to start. Zero means DefaultStartTimeout.
	StartTimeout time.Duration
	// Family restricts cells to IPv4 or IPv6. Empty means every family that the pods have.
	Family scenarios.Family
	// External says which external hosts the caller has named; scenarios that have others are skipped.
	External map[string]bool
	// Only restricts the cells that are knocked on.
	Only []Filter
	// Tenant is the one namespace of the cluster that everything happens in. Empty means that scenarios get namespaces of their own.
	Tenant string
	// Reserve are namespaces of the cluster that scenarios use in turn instead of creating some. Empty means that they create their own.
	Reserve []string
	// Keep leaves the objects of the run in the cluster.
	Keep bool
	// FailFast begins no further scenario after the first that did not pass.
	FailFast bool
	// CleanUpTimeout bounds the clean-up. Zero means DefaultCleanUpTimeout.
	CleanUpTimeout time.Duration
	// Notes go into the report as they are.
	Notes []string
	// Expires is when what is kept expires, for the report.
	Expires time.Time
	// Progress is told what happens, if it is not nil. It is called from several goroutines and should not block.
	Progress func(Event)

	pace pace
}

// The defaults of Options.
const (
	DefaultParallel       = 8
	DefaultMaxPods        = 40
	DefaultSettleTimeout  = 30 * time.Second
	DefaultStartTimeout   = 2 * time.Minute
	DefaultCleanUpTimeout = 2 * time.Minute
)

func (o Options) withDefaults() Options {
	setDefault(&o.Parallel, DefaultParallel)
	setDefault(&o.MaxPods, DefaultMaxPods)
	setDefault(&o.SettleTimeout, DefaultSettleTimeout)
	setDefault(&o.StartTimeout, DefaultStartTimeout)
	setDefault(&o.CleanUpTimeout, DefaultCleanUpTimeout)
	if o.Progress == nil {
		o.Progress = func(Event) {}
	}
	o.pace = o.pace.withDefaults()
	return o
}

func setDefault[T int | time.Duration](value *T, fallback T) {
	if *value == 0 {
		*value = fallback
	}
}

// Event is something that happened during a run, for a progress line.
type Event struct {
	// Scenario is the name of the one that it is about, empty for the run as a whole.
	Scenario string
	// Phase says what goes on: deploy, a step's name, clean-up, done.
	Phase string
	// Mark is set when a scenario is done.
	Mark Mark
	// Done and Total count scenarios.
	Done, Total int
	// Attempts is how many knocks were answered since the last event of the scenario.
	Attempts int
}
