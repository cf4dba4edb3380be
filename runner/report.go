package runner

import (
	"time"

	"github.com/podknock/podknock/probe"
)

// The version and kind of the JSON form of a Report. A field may be added under the same version; none changes its meaning.
const (
	ReportAPIVersion = "podknock.dev/v1alpha1"
	ReportKind       = "Report"
)

// Report is everything that a run has found. It is pure data: the same report is rendered to the same bytes. In JSON all durations are
// nanoseconds.
type Report struct {
	// APIVersion is podknock.dev/v1alpha1 and Kind is Report.
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`

	// Run is the id of the run, which is on every object that it created.
	Run string `json:"run"`
	// Version is that of podknock.
	Version string    `json:"version,omitempty"`
	Start   time.Time `json:"start"`
	// Elapsed is the time from the start to the end of the clean-up.
	Elapsed time.Duration `json:"elapsedNs"`
	Cluster ClusterFacts  `json:"cluster"`

	// Scenarios are in the order in which they were asked for. One that was stopped halfway is there with what it has.
	Scenarios []ScenarioResult `json:"scenarios"`
	// Skipped are the scenarios that were not run at all.
	Skipped []Skipped `json:"skipped,omitempty"`

	// Counts are over all cells of all scenarios.
	Counts Counts `json:"counts"`
	// Latency is over all scenarios.
	Latency Latency `json:"latency"`
	// Phases say where the time went, in order of their first start. Those of scenarios that ran at once overlap.
	Phases []PhaseTime `json:"phases,omitempty"`
	// Requests counts the calls of the Kubernetes API that the run made, watches and control streams included.
	Requests int `json:"requests,omitempty"`

	// Notes are facts about the cluster that bear on how far the results can be trusted, such as policies that a platform put into our
	// namespaces. They never change a mark.
	Notes []string `json:"notes,omitempty"`
	// Error says why the run as a whole ended early: interrupted, past its deadline, no access. Empty otherwise.
	Error string `json:"error,omitempty"`
	// Interrupted says that a signal ended the run.
	Interrupted bool `json:"interrupted,omitempty"`
	// CleanUp says what became of the run's objects.
	CleanUp CleanUp `json:"cleanUp"`
}

// ClusterFacts are what a run knows about the cluster.
type ClusterFacts struct {
	// Context is the name of the kubeconfig's context, empty inside a cluster. Server is the address of the API server.
	Context string `json:"context,omitempty"`
	Server  string `json:"server,omitempty"`
	// Version is that of the API server.
	Version string `json:"version,omitempty"`
	// Families are those that probe pods have, the first being that of the cluster's DNS.
	Families []string `json:"families,omitempty"`
	Nodes    []Node   `json:"nodes,omitempty"`
}

// Node is a node that a probe pod ran on.
type Node struct {
	Name string `json:"name"`
	// Kubelet, Kernel and Runtime are the versions that the node reports. They are empty where nodes may not be read.
	Kubelet string `json:"kubelet,omitempty"`
	Kernel  string `json:"kernel,omitempty"`
	Runtime string `json:"runtime,omitempty"`
}

// ScenarioResult is what one scenario has found.
type ScenarioResult struct {
	// Name is the scenario's, Suite that of the library, empty for a file.
	Name  string `json:"name"`
	Suite string `json:"suite,omitempty"`
	File  string `json:"file,omitempty"`
	About string `json:"about,omitempty"`
	// Mark is the worst of its cells, and at least MarkError if Error is set.
	Mark   Mark   `json:"mark"`
	Counts Counts `json:"counts"`
	// Error says why the scenario as a whole could not go on: a namespace refused, a policy not accepted, interrupted. Its steps hold what
	// was found before. Empty otherwise.
	Error string `json:"error,omitempty"`

	Start   time.Time     `json:"start"`
	Elapsed time.Duration `json:"elapsedNs"`
	Phases  []PhaseTime   `json:"phases,omitempty"`
	// Pods are the probe pods, in the order of the scenario.
	Pods  []PodResult  `json:"pods"`
	Steps []StepResult `json:"steps"`
	// Latency is over all steps.
	Latency Latency  `json:"latency"`
	Notes   []string `json:"notes,omitempty"`
}

// PodResult is a probe pod as it was in the cluster.
type PodResult struct {
	// Name is the scenario's, Namespace and Pod are the names in the cluster.
	Name      string   `json:"name"`
	Namespace string   `json:"namespace"`
	Pod       string   `json:"pod"`
	Node      string   `json:"node,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
	// Problem says why the pod could not take part, from its status and events. Empty if it did.
	Problem string `json:"problem,omitempty"`
}

// StepResult is what one step has found.
type StepResult struct {
	Name string `json:"name"`
	// Added says that the step is none of the scenario's own, but was added to prove paths.
	Added bool `json:"added,omitempty"`
	// Changes are what the step did, one short sentence each, in the scenario's names: "apply policy/app/internal".
	Changes []string `json:"changes,omitempty"`
	Mark    Mark     `json:"mark"`
	Counts  Counts   `json:"counts"`
	// Error says why the step was not carried out. Its cells are all MarkError then.
	Error string `json:"error,omitempty"`

	Start   time.Time     `json:"start"`
	Elapsed time.Duration `json:"elapsedNs"`
	Settled Settled       `json:"settled"`
	Latency Latency       `json:"latency"`
	// Requests counts the calls of the Kubernetes API during the step.
	Requests int `json:"requests,omitempty"`
	// Cells are in the order of the scenario's expansion: by source, target, port, protocol and family.
	Cells []Cell `json:"cells"`
}

// Settled says how a step came to rest.
type Settled struct {
	How SettledHow `json:"how"`
	// Rounds is how often the cells were asked. Of a step with very many, those that should be answered are asked in every second round only.
	Rounds int `json:"rounds"`
	// Waited is the time from the change to the start of the first round of those that count, or to the end of the asking.
	Waited time.Duration `json:"waitedNs"`
	// Attempts counts the single knocks of the step.
	Attempts int `json:"attempts,omitempty"`
}

// SettledHow says why a step stopped asking.
type SettledHow string

// The ways to come to rest.
const (
	// SettledAsExpected: enough rounds in a row found what was expected.
	SettledAsExpected SettledHow = "as-expected"
	// SettledByCanary: the expected table equals the one before; a canary policy on each node, applied after the change, was enforced.
	SettledByCanary SettledHow = "canary"
	// SettledAtBound: the table did not become what was expected, up to the bound or until the step was given up; the last one was taken.
	SettledAtBound SettledHow = "bound"
	// SettledNever: the step ended before, see its Error.
	SettledNever SettledHow = "never"
)

// Endpoint is one end of a cell, by the scenario's names.
type Endpoint struct {
	// Kind is pod, external, service, service-name, node-port, node, dns or host-name, as package scenarios has them.
	Kind string `json:"kind"`
	Name string `json:"name,omitempty"`
	// Node is the pod whose node is meant, for node and node-port.
	Node string `json:"node,omitempty"`
	// Text is the endpoint as a scenario file has it: "web", "dns", "name(web)", "node(web)/front".
	Text string `json:"text"`
}

// Cell is one knock: what was expected, what was seen, and what that means.
type Cell struct {
	// ID is unique in the report and stable between runs of the same scenarios: SCENARIO/STEP/FROM->TO:PORT/PROTOCOL/FAMILY, with the
	// step's number from 1.
	ID   string   `json:"id"`
	From Endpoint `json:"from"`
	To   Endpoint `json:"to"`
	// Port is 0 for target dns.
	Port     int32  `json:"port,omitempty"`
	Protocol string `json:"protocol"`
	Family   string `json:"family"`

	// Expected is an outcome, or blocked, or any.
	Expected string `json:"expected"`
	// Because says where the expectation comes from.
	Because Because `json:"because"`

	// Observed is what the wire said, with both ends' evidence joined. Empty if nothing was learnt, see Error.
	Observed probe.Outcome `json:"observed,omitempty"`
	Mark     Mark          `json:"mark"`
	// Why says in one sentence what the mark is due to. Empty for a plain pass.
	Why string `json:"why,omitempty"`
	// Error says why nothing could be asked. Empty otherwise.
	Error string `json:"error,omitempty"`

	// Result is the record of the attempt that decided, its reading made from both ends. Nil if there was none.
	Result *probe.Result `json:"result,omitempty"`
	// Destination is what the other end knows of it. Nil if it was not asked.
	Destination *probe.Destination `json:"destination,omitempty"`
	// Control is the cell that proves the path. Nil for a cell that needs none.
	Control *Control `json:"control,omitempty"`
	// Verdict is what the policies in force mean for the cell. Nil where the evaluator has no answer.
	Verdict *Explanation `json:"verdict,omitempty"`
	// Changes are the outcomes that the cell had during the step, where it was not the same one all the time, oldest first.
	Changes []Change `json:"changes,omitempty"`
	// Flapping says that the outcome changed again after the step had settled.
	Flapping bool `json:"flapping,omitempty"`
	// Repeat is the command that repeats just this cell, without connection flags. Set for every cell that did not pass.
	Repeat string `json:"repeat,omitempty"`
}

// Because says where an expectation comes from.
type Because struct {
	// Origin is stated, kept, computed or no-policy, as package scenarios has them.
	Origin string `json:"origin"`
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
}

// Change is an outcome that a cell took on.
type Change struct {
	// After is the time since the step's change of policies.
	After   time.Duration `json:"afterNs"`
	Outcome probe.Outcome `json:"outcome"`
}

// Control is the cell that proves the path of another.
type Control struct {
	// Kind is before, other-port or after, as package scenarios has them.
	Kind string `json:"kind"`
	// Cell is the ID of that cell.
	Cell string `json:"cell"`
	// Proven says that it found what it should have.
	Proven bool `json:"proven"`
	// Observed is what it found.
	Observed probe.Outcome `json:"observed,omitempty"`
}

// Skipped is a scenario that was not run.
type Skipped struct {
	Name  string `json:"name"`
	Suite string `json:"suite,omitempty"`
	File  string `json:"file,omitempty"`
	// Reason is one sentence that also says what to do about it, where something can be done.
	Reason string `json:"reason"`
}

// Counts are numbers of cells.
type Counts struct {
	Pass         int `json:"pass"`
	Fail         int `json:"fail"`
	Inconclusive int `json:"inconclusive"`
	Error        int `json:"error"`
	// Unjudged are cells whose expectation is any. They are not among the others.
	Unjudged int `json:"unjudged"`
}

// PhaseTime is how long a phase took.
type PhaseTime struct {
	// Name is plan, deploy, a step's name, or clean-up.
	Name    string        `json:"name"`
	Start   time.Time     `json:"start"`
	Elapsed time.Duration `json:"elapsedNs"`
}

// Latency is how long changes took to be enforced.
type Latency struct {
	Allow LatencyFigures `json:"allow"`
	Deny  LatencyFigures `json:"deny"`
}

// LatencyFigures sum up samples. All are zero without one.
type LatencyFigures struct {
	Samples int           `json:"samples"`
	P50     time.Duration `json:"p50Ns,omitempty"`
	P95     time.Duration `json:"p95Ns,omitempty"`
	Max     time.Duration `json:"maxNs,omitempty"`
	// Slow says that a sample is above SlowEnforcement.
	Slow bool `json:"slow,omitempty"`
	// All are the samples, in ascending order.
	All []time.Duration `json:"allNs,omitempty"`
}

// SlowEnforcement is the latency above which a change is reported as slow.
const SlowEnforcement = 5 * time.Second

// CleanUp says what became of the objects of a run.
type CleanUp struct {
	// Kept says that they were to stay (--keep), and Until when they expire then.
	Kept  bool      `json:"kept,omitempty"`
	Until time.Time `json:"until,omitzero"`
	// Elapsed is how long the clean-up took.
	Elapsed time.Duration `json:"elapsedNs,omitempty"`
	// Leftovers are objects that are still there and should not be.
	Leftovers []Leftover `json:"leftovers,omitempty"`
}

// Leftover is an object that could not be deleted, or whose end was not seen.
type Leftover struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// Reason says why, as far as the API tells: finalizers, a refusal.
	Reason string `json:"reason"`
}
