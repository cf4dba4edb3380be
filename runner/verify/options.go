package verify

import (
	"time"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// Options say how to verify. The zero value of all fields but Runner.Run is sensible.
type Options struct {
	// Runner are the options of the run of the features, whose id, timeouts, tenant, families and progress hold for all stages.
	Runner runner.Options
	// Namespace exists and is for the stages before the suite, whose namespaces are those of Runner.Reserve then. Empty means that every stage
	// makes its own.
	Namespace string
	// Peers is the number of nodes above which each node is tested with a sample of so many others. Zero means DefaultPeers.
	Peers int
	// CanaryTimeout bounds how long the canary waits for a deny. Zero means DefaultCanaryTimeout.
	CanaryTimeout time.Duration
	// PathTimeout bounds how long paths may take to come up. Zero means DefaultPathTimeout.
	PathTimeout time.Duration
	// Axes are those that the plan was restricted to, see [ScenariosOf]. Empty means that it is the whole suite.
	Axes []scenarios.AxisName
	// Suite is told what the run of the suite has found, cell by cell, if it is not nil and the suite was run.
	Suite func(*runner.Report)
}

// The defaults of Options.
const (
	// DefaultCanaryTimeout is beyond what the slowest plugins need that are known, so that a late one is not taken for none.
	DefaultCanaryTimeout = 20 * time.Second
	DefaultPathTimeout   = 15 * time.Second
)

func (o *Options) setDefaults() {
	if o.Peers <= 0 {
		o.Peers = DefaultPeers
	}
	if o.CanaryTimeout <= 0 {
		o.CanaryTimeout = DefaultCanaryTimeout
	}
	if o.PathTimeout <= 0 {
		o.PathTimeout = DefaultPathTimeout
	}
	if o.Runner.Progress == nil {
		o.Runner.Progress = func(runner.Event) {}
	}
}

func (o *Options) startTimeout() time.Duration {
	if o.Runner.StartTimeout > 0 {
		return o.Runner.StartTimeout
	}
	return runner.DefaultStartTimeout
}
