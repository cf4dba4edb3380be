package diagnose

import (
	"time"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios/policy"
)

// The version and kind of the JSON form of a Report.
const (
	APIVersion = "podknock.dev/v1alpha1"
	Kind       = "Diagnosis"
)

// Report is the answer to a question. It is pure data.
type Report struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Question   Question `json:"question"`
	// Answer says in one sentence what happens and why.
	Answer string `json:"answer"`
	// Wire and Policies are the two facts, in words, one line for each family.
	Wire     []string `json:"wire,omitempty"`
	Policies []string `json:"policies,omitempty"`
	// Agree says that the wire does what the policies mean, as far as both have spoken.
	Agree bool `json:"agree"`
	// AsWanted says that the wire does what was wanted.
	AsWanted bool `json:"asWanted"`
	// Steps are the places on the way, for the picture.
	Steps []Step `json:"steps,omitempty"`
	// Findings are the causes that apply, the most likely first. Empty if nothing is wrong.
	Findings []Finding `json:"findings"`
	// ByHand are commands that repeat the question.
	ByHand []string `json:"byHand,omitempty"`
	// Doubles are the probe pods, Others the policies of other APIs that select a pod of the question.
	Doubles []Double      `json:"doubles,omitempty"`
	Others  []OtherPolicy `json:"others,omitempty"`
	// Unknown says what could not be read or asked.
	Unknown []string `json:"unknown,omitempty"`
	// Asked says that the wire was asked.
	Asked bool `json:"asked"`
	// Knocks and Explanations are the raw evidence.
	Knocks       []Knock              `json:"knocks,omitempty"`
	Explanations []policy.Explanation `json:"explanations,omitempty"`

	// Run is the id on everything that was created, Elapsed how long it all took, Requests how many calls of the API.
	Run      string            `json:"run,omitempty"`
	Elapsed  time.Duration     `json:"elapsedNs,omitempty"`
	Requests int               `json:"requests,omitempty"`
	Left     []runner.Leftover `json:"left,omitempty"`
	// Static says that the wire was not to be asked.
	Static bool `json:"static,omitempty"`
}

// Finding is a cause that applies.
type Finding struct {
	// Cause is the id in the catalogue, Number its number there.
	Cause  string `json:"cause"`
	Number int    `json:"number"`
	// Title is the cause in words, Because what shows that it applies.
	Title   string   `json:"title"`
	Because []string `json:"because"`
	// Advice says what to do, in a sentence, and Fix how, where one object mends it.
	Advice string `json:"advice"`
	Fix    *Fix   `json:"fix,omitempty"`
	// Weight orders findings: how well the cause explains what is seen, from 0 to 100.
	Weight int `json:"weight"`
}

// Fix is a change of one object that mends the cause.
type Fix struct {
	// Object is what changes, Change the change in words.
	Object string `json:"object"`
	Change string `json:"change"`
	// Command does it, in a shell.
	Command string `json:"command"`
}

// Step is a place on the way of a connection.
type Step struct {
	// Name is the place, Says what is known of it.
	Name string `json:"name"`
	Says string `json:"says,omitempty"`
	// State says whether the connection gets past here.
	State State `json:"state"`
}

// State is whether a connection gets past a place.
type State string

// The states.
const (
	StateOpen    State = "open"
	StateClosed  State = "closed"
	StateUnknown State = "unknown"
	// StateIgnored: it should stop here, and gets past.
	StateIgnored State = "ignored"
)

// ExitCode is what the command ends with: 0 if wire, policies and wish agree, 1 if not, 3 if the wire or the policies could not be asked, 4 if
// something was left behind.
func (r *Report) ExitCode() int {
	switch {
	case len(r.Left) > 0:
		return runner.ExitLeftovers
	case !r.Agree || !r.AsWanted:
		return runner.ExitMismatch
	case !r.Asked && !r.Static, r.Static && r.undecided():
		return runner.ExitInconclusive
	}
	return runner.ExitAsExpected
}

// undecided tells whether the policies say nothing, or leave the answer to the plugin where something was wanted.
func (r *Report) undecided() bool {
	if len(r.Explanations) == 0 {
		return true
	}
	if r.Question.Expect == "" {
		return false
	}
	for i := range r.Explanations {
		if r.Explanations[i].Verdict == policy.Depends {
			return true
		}
	}
	return false
}
