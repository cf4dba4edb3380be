package history

import (
	"fmt"
	"time"
)

// Diff is what differs between two runs.
type Diff struct {
	// Old and New are the ids of the runs, and the times of their starts.
	Old      string    `json:"old"`
	OldStart time.Time `json:"oldStart"`
	New      string    `json:"new"`
	NewStart time.Time `json:"newStart"`
	// Regressions are what is worse, the most telling first; Improvements what is better. Other says what is merely different: scenarios and
	// nodes that came or went.
	Regressions  []Change `json:"regressions"`
	Improvements []Change `json:"improvements"`
	Other        []Change `json:"other,omitempty"`
}

// ChangeKind says what a change is about.
type ChangeKind string

// The kinds of changes, in the order in which they are told.
const (
	ChangeRun      ChangeKind = "run"
	ChangeAxis     ChangeKind = "axis"
	ChangeAnswer   ChangeKind = "answer"
	ChangeNode     ChangeKind = "node"
	ChangeScenario ChangeKind = "scenario"
	ChangeCell     ChangeKind = "cell"
	ChangeLatency  ChangeKind = "latency"
)

// ChangeKinds are all kinds.
func ChangeKinds() []ChangeKind {
	return []ChangeKind{ChangeRun, ChangeAxis, ChangeAnswer, ChangeNode, ChangeScenario, ChangeCell, ChangeLatency}
}

// Change is one difference.
type Change struct {
	Kind ChangeKind `json:"kind"`
	// Subject is the axis, the node, the scenario or the cell.
	Subject string `json:"subject"`
	// Was and Is are marks, judgements or figures. Empty where the subject was or is not there.
	Was string `json:"was,omitempty"`
	Is  string `json:"is,omitempty"`
	// Why is the reason that the new run gives. Empty if it gives none.
	Why string `json:"why,omitempty"`
}

// Headline is the most telling regression in one sentence, and how many there are. Empty if nothing is worse.
func (d *Diff) Headline() string {
	if len(d.Regressions) == 0 {
		return ""
	}
	first := d.Regressions[0]
	text := first.String()
	if more := len(d.Regressions) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// String is the change as a sentence without a full stop.
func (c *Change) String() string {
	text := fmt.Sprintf("%s %s was %s and is %s now", c.Kind, c.Subject, orAbsent(c.Was), orAbsent(c.Is))
	if c.Kind == ChangeRun {
		text = fmt.Sprintf("the run %s", c.Subject)
	}
	if c.Why != "" {
		text += ": " + c.Why
	}
	return text
}

func orAbsent(text string) string {
	if text == "" {
		return "absent"
	}
	return text
}
