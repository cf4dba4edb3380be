package verify

import (
	"time"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// Judgement is what is said of an axis.
type Judgement string

// The judgements.
const (
	// Enforced: every cell of the axis that proves something is as it should be.
	Enforced Judgement = "enforced"
	// NotEnforced: the axis fails wherever it was tested.
	NotEnforced Judgement = "not enforced"
	// Partly: some of its cells fail; the result names them.
	Partly Judgement = "partly"
	// NotSupported: the cluster or its nodes lack what the axis needs, such as SCTP.
	NotSupported Judgement = "not supported"
	// Undefined: the NetworkPolicy API leaves it to the plugin.
	Undefined Judgement = "undefined by the API"
	// NotTested: nothing was learnt, and Why says for what reason.
	NotTested Judgement = "not tested"
)

// AxisResult is what is said of one axis.
type AxisResult struct {
	Axis  scenarios.AxisName  `json:"axis"`
	Title string              `json:"title"`
	Group scenarios.AxisGroup `json:"group"`

	Judgement Judgement `json:"judgement"`
	// Why is a sentence where the judgement needs one.
	Why string `json:"why,omitempty"`
	// Headline says that the axis is the one that the headline accuses.
	Headline bool `json:"headline,omitempty"`
	// Follows is the defect that all failing cells of the axis follow from, where the axis is not itself accused.
	Follows string `json:"follows,omitempty"`

	// Counts are over the cells of the axis.
	Counts runner.Counts `json:"counts"`
	// Failing are its failing cells, by scenario, step and cell.
	Failing []Failing `json:"failing,omitempty"`
	// Nodes are those that the failing cells share, where they do not concern all. They are the nodes of the pods whose policies failed.
	Nodes []string `json:"nodes,omitempty"`
	// Scenarios are those that have cells of the axis.
	Scenarios []string `json:"scenarios,omitempty"`
	// Latency is how long the steps of the axis took to be enforced.
	Latency runner.Latency `json:"latency,omitzero"`
}

// Failing is a cell that failed.
type Failing struct {
	// ID is that of the cell in the run of the suite.
	ID string `json:"id"`
	// Pair is the cell in a line: "web -> mysql:3306/TCP (IPv4)".
	Pair string `json:"pair"`
	// FromNode and ToNode are the nodes of its pods, empty where they are not known.
	FromNode string `json:"fromNode,omitempty"`
	ToNode   string `json:"toNode,omitempty"`
	Expected string `json:"expected"`
	Observed string `json:"observed"`
	// Repeat is the command that repeats just this cell.
	Repeat string `json:"repeat,omitempty"`
}

// Suite says how the run of the suite went.
type Suite struct {
	Stage
	Name      string          `json:"name"`
	Scenarios []SuiteScenario `json:"scenarios,omitempty"`
	// Skipped are those that were not run.
	Skipped []runner.Skipped `json:"skipped,omitempty"`
	Counts  runner.Counts    `json:"counts"`
}

// SuiteScenario is one scenario of the suite.
type SuiteScenario struct {
	Name    string        `json:"name"`
	Mark    runner.Mark   `json:"mark"`
	Counts  runner.Counts `json:"counts"`
	Elapsed time.Duration `json:"elapsedNs"`
	Error   string        `json:"error,omitempty"`
}

// ChangeLatency is how long one kind of change took to be enforced.
type ChangeLatency struct {
	// Axis is policy-create, policy-update, policy-delete, pod-label-change, namespace-label-change or pod-born-later.
	Axis  scenarios.AxisName `json:"axis"`
	Title string             `json:"title"`
	// Latency is that of the steps with the change. For pods born later, deny is how long a new pod was open.
	Latency runner.Latency `json:"latency"`
	// Steps are the medians of the steps with the change, in ascending order. The samples of a step are of one and the same change: if that is
	// late, all of them are.
	Steps []time.Duration `json:"stepsNs,omitempty"`
}

// Trait is a behaviour that the NetworkPolicy API leaves to the plugin.
type Trait struct {
	// Axis is the unjudged axis that it belongs to, empty where there is none.
	Axis  scenarios.AxisName `json:"axis,omitempty"`
	Title string             `json:"title"`
	// Found says in a short sentence what this plugin does, or why nobody knows.
	Found string `json:"found"`
	// Known says that it was observed.
	Known bool `json:"known"`
}
