package verify

import (
	"time"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// The version and kind of the JSON form of a Report. A field may be added under the same version; none changes its meaning.
const (
	ReportAPIVersion = "podknock.dev/v1alpha1"
	ReportKind       = "Verification"
)

// Report is everything that a verification has found. It is pure data: the same report is rendered to the same bytes. In JSON all durations
// are nanoseconds. A stage that was not reached is there with Done false.
type Report struct {
	// APIVersion is podknock.dev/v1alpha1 and Kind is Verification.
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`

	// Run is the id of the run, which is on every object that it created.
	Run string `json:"run"`
	// Version is that of podknock.
	Version string    `json:"version,omitempty"`
	Start   time.Time `json:"start"`
	// Elapsed is the time from the start to the end of the clean-up.
	Elapsed time.Duration       `json:"elapsedNs"`
	Cluster runner.ClusterFacts `json:"cluster"`

	// Headline is the answer.
	Headline Headline `json:"headline"`

	// Comparison is what has changed since another verification. Nil if none was given.
	Comparison *Comparison `json:"comparison,omitempty"`

	Preflight Preflight `json:"preflight"`
	Path      Path      `json:"path"`
	Canary    Canary    `json:"canary"`
	Suite     Suite     `json:"suite"`
	// Axes are judged one by one, in the order of [scenarios.Axes]. Empty if the suite was not run.
	Axes []AxisResult `json:"axes,omitempty"`
	// Changes say how long each kind of change took to be enforced.
	Changes []ChangeLatency `json:"changes,omitempty"`
	// Traits are what the NetworkPolicy API leaves to the plugin, and what this one does. They never change a verdict.
	Traits []Trait `json:"traits,omitempty"`

	// Counts are over the cells of the suite and the checks of the other stages.
	Counts runner.Counts `json:"counts"`
	// Phases say where the time went, in order of their first start.
	Phases []runner.PhaseTime `json:"phases,omitempty"`
	// Requests counts the calls of the Kubernetes API that the run made, watches and control streams included.
	Requests int `json:"requests,omitempty"`
	// Pods is the greatest number of probe pods that existed at once.
	Pods int `json:"pods,omitempty"`

	// Notes are facts about the cluster that bear on how far the results can be trusted.
	Notes []string `json:"notes,omitempty"`
	// Error says why the run as a whole ended early. Empty otherwise.
	Error string `json:"error,omitempty"`
	// Interrupted says that a signal ended the run.
	Interrupted bool `json:"interrupted,omitempty"`
	// CleanUp says what became of the run's objects.
	CleanUp runner.CleanUp `json:"cleanUp"`
}

// Conclusion is the answer of a verification in a word.
type Conclusion string

// The conclusions.
const (
	// ConcludedEnforced: everything that could be tested is enforced.
	ConcludedEnforced Conclusion = "enforced"
	// ConcludedDefective: policies are enforced, but for what the headline names.
	ConcludedDefective Conclusion = "defective"
	// ConcludedUnexplained: cells fail, and no known defect predicts just these.
	ConcludedUnexplained Conclusion = "unexplained"
	// ConcludedNotEnforced: no policy is enforced on any node.
	ConcludedNotEnforced Conclusion = "not enforced"
	// ConcludedPath: packets do not pass even without policies, so that nothing can be said about these.
	ConcludedPath Conclusion = "no path"
	// ConcludedUnknown: too little could be tested.
	ConcludedUnknown Conclusion = "unknown"
)

// Headline is the answer: one sentence, and what it rests on.
type Headline struct {
	Conclusion Conclusion `json:"conclusion"`
	// Text is the sentence. Advice says what to do about it, empty where there is nothing to do.
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"`
	// Axis is the smallest axis that explains the failing cells. Empty where none is accused.
	Axis scenarios.AxisName `json:"axis,omitempty"`
	// Nodes are those that the defect is restricted to. Empty for all nodes.
	Nodes []string `json:"nodes,omitempty"`
	// Explanations are the defects that together predict just the failing cells: nearly always one. Each is a class of defects that no
	// cell of the suite can tell apart.
	Explanations []Explanation `json:"explanations,omitempty"`
	// Accused are the axes of an unexplained run: the smallest set that covers the failing cells.
	Accused []scenarios.AxisName `json:"accused,omitempty"`
	// Nearest is the known defect that comes nearest to explaining an unexplained run, and is not what the engine has. Nil where none is near.
	Nearest *Explanation `json:"nearest,omitempty"`
	// Explained and Unexplained count failing cells.
	Explained   int `json:"explained,omitempty"`
	Unexplained int `json:"unexplained,omitempty"`
}

// Explanation is a class of defects with the same cells, one of which the engine has.
type Explanation struct {
	// Defects are those of the class, the simplest first.
	Defects []Defect `json:"defects"`
	// Nodes are those that the defect is restricted to. Empty for all nodes.
	Nodes []string `json:"nodes,omitempty"`
	// Cells are the IDs of the failing cells that it predicts; none for a defect that shows in latencies.
	Cells []string `json:"cells"`
}

// Defect is one way for an engine to be wrong.
type Defect struct {
	// Name is in kebab-case, such as ignores-except.
	Name string `json:"name"`
	// About is a sentence about the engine: "It ignores the exceptions of an ipBlock."
	About string `json:"about"`
	// Axis is the one that the defect breaks. What else fails follows from it. Empty for an engine that enforces nothing.
	Axis scenarios.AxisName `json:"axis,omitempty"`
}

// The exit codes of `podknock verify`.
const (
	ExitEnforced     = 0
	ExitNotEnforced  = 1
	ExitCannotTell   = 3
	ExitLeftovers    = 4
	exitInterruption = ExitCannotTell
)

// ExitCode is what the report means to a script: 4 if something is left behind, else 3 if it was interrupted, else 1 if something is not
// enforced, no path works, or something has become worse since the verification that it is compared with, else 3 if too little could be tested, else 0. Axes that are not tested for a stated reason, or that nothing in
// the cluster supports, count as nothing.
func (r *Report) ExitCode() int {
	switch {
	case len(r.CleanUp.Leftovers) > 0:
		return ExitLeftovers
	case r.Interrupted:
		return exitInterruption
	}
	if r.Comparison != nil && len(r.Comparison.Regressions) > 0 {
		return ExitNotEnforced
	}
	switch r.Headline.Conclusion {
	case ConcludedDefective, ConcludedUnexplained, ConcludedNotEnforced, ConcludedPath:
		return ExitNotEnforced
	case ConcludedEnforced:
		if r.Error == "" {
			return ExitEnforced
		}
	}
	return ExitCannotTell
}
