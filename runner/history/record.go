package history

import (
	"time"

	"github.com/podknock/podknock/runner"
)

// The version and kind of the JSON form of a Record. A field may be added under the same version; none changes its meaning.
const (
	APIVersion = "podknock.dev/v1alpha1"
	Kind       = "RunRecord"
)

// Record is what is kept of one run. In JSON all durations are nanoseconds.
type Record struct {
	// APIVersion is podknock.dev/v1alpha1 and Kind is RunRecord.
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`

	// Series names the runs that are compared with each other, such as "nightly". Run is the id of this one.
	Series  string        `json:"series"`
	Run     string        `json:"run"`
	Version string        `json:"version,omitempty"`
	Start   time.Time     `json:"start"`
	Elapsed time.Duration `json:"elapsedNs"`
	// Server is the version of the API server.
	Server string `json:"server,omitempty"`
	// ExitCode is that of the run itself, before anything is compared. A job whose run is only worse than the one before, by its latency say, or
	// could not be kept whole, ends with another.
	ExitCode int `json:"exitCode"`
	// Regressions counts what was worse than in the run that it was compared with when it was kept.
	Regressions int `json:"regressions,omitempty"`
	// Headline sums the run up in one sentence. Empty if there is nothing to say but that all is as expected.
	Headline string `json:"headline,omitempty"`
	// Error says why the run as a whole ended early. Empty otherwise.
	Error string `json:"error,omitempty"`
	// Answer is the conclusion of a verification in a word, see package verify. Empty for another run.
	Answer string `json:"answer,omitempty"`
	// AnswerText is the sentence that the verification itself puts first, whatever became the headline.
	AnswerText string `json:"answerText,omitempty"`

	Counts    runner.Counts `json:"counts"`
	Latency   Latency       `json:"latency"`
	Requests  int           `json:"requests,omitempty"`
	Leftovers int           `json:"leftovers,omitempty"`

	Scenarios []Scenario `json:"scenarios"`
	Skipped   []string   `json:"skipped,omitempty"`
	// Nodes are those that probe pods ran on, in order of their names.
	Nodes []Node `json:"nodes,omitempty"`
	// Axes are what was judged of each feature, where the run did that.
	Axes []Axis `json:"axes,omitempty"`

	// Passed are the IDs of the cells that are as expected, in order. A cell that is not among Passed, Unjudged and Others was not part of
	// the run.
	Passed   []string `json:"passed,omitempty"`
	Unjudged []string `json:"unjudged,omitempty"`
	// Others are all other cells, in the order of the report.
	Others []Cell `json:"others,omitempty"`
	// Shortened says what had to be left out for the record to fit. Empty if nothing was.
	Shortened string `json:"shortened,omitempty"`
}

// Tested tells whether the run came so far that anything was tested.
func (r *Record) Tested() bool {
	return len(r.Scenarios)+len(r.Axes)+len(r.Passed)+len(r.Unjudged)+len(r.Others) > 0
}

// Scenario sums up one scenario.
type Scenario struct {
	// Name has the suite in front, where the scenario is of one.
	Name    string        `json:"name"`
	Mark    runner.Mark   `json:"mark"`
	Error   string        `json:"error,omitempty"`
	Counts  runner.Counts `json:"counts"`
	Elapsed time.Duration `json:"elapsedNs"`
	Latency Latency       `json:"latency"`
}

// Node counts the cells with an end on a node.
type Node struct {
	Name   string        `json:"name"`
	Counts runner.Counts `json:"counts"`
	// Enforces is what the canary of a verification has found there. Empty where nobody knows.
	Enforces Enforcement `json:"enforces,omitempty"`
}

// Enforcement says how much of the canary's policies a node enforces.
type Enforcement string

// The enforcements, from the best to the worst.
const (
	EnforcesAll     Enforcement = "everything"
	EnforcesPart    Enforcement = "a part"
	EnforcesNothing Enforcement = "nothing"
)

// Axis is what was judged of one feature.
type Axis struct {
	Name      string `json:"name"`
	Judgement string `json:"judgement"`
	// Why says in a sentence what the judgement is due to. Empty for what is as it should be.
	Why string `json:"why,omitempty"`
	// Accused says that it is the axis that the headline of the run accuses, and that no other explains.
	Accused bool `json:"accused,omitempty"`
}

// Latency is how long changes took to be enforced. It is all zero without a sample.
type Latency struct {
	Allow Figures `json:"allow,omitzero"`
	Deny  Figures `json:"deny,omitzero"`
}

// Figures sum up samples of latency.
type Figures struct {
	Samples int           `json:"samples"`
	P50     time.Duration `json:"p50Ns"`
	P95     time.Duration `json:"p95Ns"`
	Max     time.Duration `json:"maxNs"`
}

// Cell is a cell that is not as expected.
type Cell struct {
	ID       string      `json:"id"`
	Mark     runner.Mark `json:"mark"`
	Expected string      `json:"expected"`
	Observed string      `json:"observed,omitempty"`
	Why      string      `json:"why,omitempty"`
	// FromNode and ToNode are where the pods of its ends ran. Empty where an end is no pod.
	FromNode string `json:"fromNode,omitempty"`
	ToNode   string `json:"toNode,omitempty"`
	Repeat   string `json:"repeat,omitempty"`
	// Evidence is the whole cell as the report has it. Nil where it had to be left out.
	Evidence *runner.Cell `json:"evidence,omitempty"`
}
