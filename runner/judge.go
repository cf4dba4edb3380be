package runner

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

// finding is everything that a step learnt about one cell, for the judge.
type finding struct {
	answer
	destination *probe.Destination
	changes     []Change
	flapping    bool
	// disturbed says what happened to one of the cell's pods while it was asked. Empty if nothing did.
	disturbed string
	// unclean says why the expectation of a cell before any policy cannot be relied on: a platform has put policies of its own there.
	unclean string
	// untested says that it could not be asked for a reason that is the cluster's right, so that this is no error.
	untested bool
	// leftOut says that the caller did not want the cell asked.
	leftOut bool
}

// judgement is a mark and the reason for it.
type judgement struct {
	mark Mark
	why  string
}

// judge compares what a cell should find with what it found. It is pure. The control is that of the cell's path, nil if it has none.
func judge(cell scenarios.Cell, found finding, control *Control) judgement {
	result := found.result
	switch {
	case !found.asked && found.untested:
		return judgement{MarkInconclusive, found.failure}
	case !found.asked:
		return judgement{MarkError, found.failure}
	case result.Outcome == probe.Error:
		return judgement{MarkError, result.Reason}
	case result.Outcome == probe.Unsupported:
		return judgement{MarkInconclusive, result.Reason}
	case cell.Expected == scenarios.Any:
		return judgement{MarkUnjudged, ""}
	case found.disturbed != "" && !(cell.Expected == scenarios.Expected(probe.Connected) && result.Outcome == probe.Connected):
		return judgement{MarkError, found.disturbed}
	}
	switch agree(cell.Expected, cell.To.Kind, result, found.destination) {
	case differs:
		switch {
		case result.Inconclusive:
			return judgement{MarkInconclusive, fmt.Sprintf("expected %s; %s, which proves too little", cell.Expected, result.Reason)}
		case found.unclean != "":
			return judgement{MarkInconclusive, "the baseline is not clean: " + found.unclean}
		}
		return judgement{MarkFail, differenceReason(cell, result)}
	case unclear:
		if answeredOtherwise(cell, result, control) {
			break
		}
		return judgement{MarkInconclusive, fmt.Sprintf("expected %s; %s, and nothing tells the two apart here", cell.Expected, result.Reason)}
	}
	if !cell.Expected.NeedsControl() {
		return judgement{mark: MarkPass}
	}
	switch {
	case control == nil:
		return judgement{MarkInconclusive, "it looks blocked, but nothing proves that the path works at all: no control was asked"}
	case !control.Proven:
		return judgement{MarkInconclusive, fmt.Sprintf("it looks blocked, but so might a dead path: the control %s found %s", control.Cell, orNothing(control.Observed))}
	}
	return judgement{mark: MarkPass}
}

// answeredOtherwise tells whether silence means something although UDP and a host that is not ours may be silent by nature: the same cell got
// an answer without the policies, and enough datagrams went out for silence not to be loss.
func answeredOtherwise(cell scenarios.Cell, result probe.Result, control *Control) bool {
	sameCell := control != nil && (control.Kind == string(scenarios.ControlBefore) || control.Kind == string(scenarios.ControlAfter))
	return sameCell && control.Proven && control.Observed == probe.Connected && cell.Protocol == corev1.ProtocolUDP &&
		result.Outcome == probe.Timeout && !result.ICMPLimited && result.ErrorProbability <= probe.MaxErrorProbability
}

func differenceReason(cell scenarios.Cell, result probe.Result) string {
	if cell.Expected == scenarios.Blocked && result.Outcome == probe.Timeout {
		return fmt.Sprintf("expected blocked, but the packet arrived: %s", result.Reason)
	}
	return fmt.Sprintf("expected %s, found %s: %s", cell.Expected, result.Outcome, result.Reason)
}

func orNothing(outcome probe.Outcome) string {
	if outcome == "" {
		return "nothing"
	}
	return string(outcome)
}

// proves reports whether a finding shows that packets pass: the cell was to succeed, and did.
func proves(cell scenarios.Cell, found finding) bool {
	return found.asked && found.disturbed == "" && !cell.Expected.NeedsControl() && cell.Expected != scenarios.Any &&
		agree(cell.Expected, cell.To.Kind, found.result, found.destination) == agrees
}

// judgeSteps makes the steps of a report from findings, which are by step and cell. Steps that were not reached have no findings.
func judgeSteps(expansion *scenarios.Expansion, findings [][]finding, command string) []StepResult {
	name := expansion.Scenario.Metadata.Name
	steps := make([]StepResult, len(findings))
	for i := range findings {
		step := &expansion.Steps[i]
		steps[i] = StepResult{Name: step.Name, Added: step.Step < 0, Mark: MarkUnjudged, Cells: []Cell{}}
		evaluator, unexplained := step.Evaluator()
		for j, cell := range step.Cells {
			found := findings[i][j]
			if found.leftOut {
				continue
			}
			control := controlOf(expansion, findings, cell)
			judged := judge(cell, found, control)
			result := newCell(cellID(name, i, cell), cell, found, control, judged)
			if judged.mark != MarkPass && judged.mark != MarkUnjudged {
				result.Repeat = fmt.Sprintf("%s --only %s", command, shellWord(filterOf(i, cell)))
				if unexplained == nil {
					result.Verdict = verdictOf(evaluator, cell)
				}
			}
			steps[i].Cells = append(steps[i].Cells, result)
			steps[i].Counts.Add(judged.mark)
			steps[i].Mark = worse(steps[i].Mark, judged.mark)
		}
	}
	return steps
}

// verdictOf is what the policies mean for a cell, or is nil where they do not say.
func verdictOf(evaluator *scenarios.Evaluator, cell scenarios.Cell) *Explanation {
	explanation, err := evaluator.Explain(cell)
	if err != nil {
		return nil
	}
	return &explanation
}

// controlOf is the control of a cell as it turned out.
func controlOf(expansion *scenarios.Expansion, findings [][]finding, cell scenarios.Cell) *Control {
	if cell.Control == nil {
		return nil
	}
	proof := expansion.Steps[cell.Control.Step].Cells[cell.Control.Cell]
	control := &Control{
		Kind: string(cell.Control.Kind), Cell: cellID(expansion.Scenario.Metadata.Name, cell.Control.Step, proof),
	}
	if cell.Control.Step < len(findings) {
		found := findings[cell.Control.Step][cell.Control.Cell]
		control.Proven = proves(proof, found)
		if found.asked {
			control.Observed = found.result.Outcome
		}
	}
	return control
}

func newCell(id string, cell scenarios.Cell, found finding, control *Control, judged judgement) Cell {
	result := Cell{
		ID: id, From: newEndpoint(cell.From), To: newEndpoint(cell.To),
		Port: cell.Port, Protocol: string(cell.Protocol), Family: string(cell.Family),
		Expected: string(cell.Expected), Because: Because{string(cell.Reason.Origin), cell.Reason.File, cell.Reason.Line},
		Mark: judged.mark, Why: judged.why, Control: control,
		Destination: found.destination, Changes: found.changes, Flapping: found.flapping,
	}
	if !found.asked {
		result.Error = found.failure
		return result
	}
	result.Observed, result.Result = found.result.Outcome, &found.result
	return result
}

func newEndpoint(endpoint scenarios.Endpoint) Endpoint {
	return Endpoint{Kind: string(endpoint.Kind), Name: endpoint.Name, Node: endpoint.Node, Text: endpoint.String()}
}
