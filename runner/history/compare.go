package history

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/verify"
)

// Options say what counts as worse.
type Options struct {
	// LatencyFactor is how many times the former p95 of enforcement a new one has to reach. Zero means DefaultLatencyFactor; below 1 nothing
	// counts.
	LatencyFactor float64
	// LatencyFloor is what the new p95 has to reach besides, because small figures vary by their nature. Zero means DefaultLatencyFloor.
	LatencyFloor time.Duration
}

// The defaults of Options.
const (
	DefaultLatencyFactor = 3
	DefaultLatencyFloor  = time.Second
)

// Compare says what differs between two records.
func Compare(before, after *Record, options Options) *Diff {
	if options.LatencyFactor == 0 {
		options.LatencyFactor = DefaultLatencyFactor
	}
	if options.LatencyFloor == 0 {
		options.LatencyFloor = DefaultLatencyFloor
	}
	diff := &Diff{
		Old: before.Run, OldStart: before.Start, New: after.Run, NewStart: after.Start,
		Regressions: []Change{}, Improvements: []Change{},
	}
	diff.run(before, after)
	diff.axes(before, after)
	diff.answer(before, after)
	diff.nodes(before, after)
	diff.scenarios(before, after)
	diff.cells(before, after)
	diff.latency("allow", before.Latency.Allow, after.Latency.Allow, options)
	diff.latency("deny", before.Latency.Deny, after.Latency.Deny, options)
	return diff
}

// run tells that a run ended early or left something behind, where the one before did not.
func (d *Diff) run(before, after *Record) {
	if after.Error != "" && before.Error == "" {
		d.Regressions = append(d.Regressions, Change{Kind: ChangeRun, Subject: "ended early", Is: "ended early", Why: after.Error})
	}
	if before.Error != "" && after.Error == "" {
		d.Improvements = append(d.Improvements, Change{Kind: ChangeRun, Subject: "ended as it should, as the one before had not", Was: before.Error})
	}
	if after.Leftovers > 0 && before.Leftovers == 0 {
		d.Regressions = append(d.Regressions, Change{
			Kind: ChangeRun, Subject: fmt.Sprintf("left %d objects behind", after.Leftovers), Is: fmt.Sprint(after.Leftovers),
		})
	}
}

// axes compares the judgements. Only one that was as it should be can get worse, and only what is judged badly is worse: an axis that could
// not be tested this time is told as different.
func (d *Diff) axes(before, after *Record) {
	was := map[string]Axis{}
	for _, axis := range before.Axes {
		was[axis.Name] = axis
	}
	// The accused axis explains the others.
	accusedFirst := slices.SortedStableFunc(slices.Values(after.Axes), func(a, b Axis) int {
		switch {
		case a.Accused == b.Accused:
			return 0
		case a.Accused:
			return -1
		}
		return 1
	})
	for _, axis := range accusedFirst {
		old, known := was[axis.Name]
		if !known || old.Judgement == axis.Judgement {
			continue
		}
		change := Change{Kind: ChangeAxis, Subject: axis.Name, Was: old.Judgement, Is: axis.Judgement, Why: axis.Why}
		switch a, b := badness(old.Judgement), badness(axis.Judgement); {
		case a < b:
			d.Regressions = append(d.Regressions, change)
		case a > b:
			d.Improvements = append(d.Improvements, change)
		default:
			d.Other = append(d.Other, change)
		}
	}
}

// answerRank says how good the conclusions of a verification are; those that are not here, nobody can compare.
var answerRank = map[string]int{
	string(verify.ConcludedEnforced): 4, string(verify.ConcludedDefective): 3, string(verify.ConcludedUnexplained): 3,
	string(verify.ConcludedNotEnforced): 2, string(verify.ConcludedPath): 1,
}

// answer compares the conclusions of two verifications.
func (d *Diff) answer(before, after *Record) {
	if before.Answer == after.Answer || before.Answer == "" || after.Answer == "" {
		return
	}
	change := Change{Kind: ChangeAnswer, Subject: "of the verification", Was: before.Answer, Is: after.Answer, Why: after.AnswerText}
	switch was, is := answerRank[before.Answer], answerRank[after.Answer]; {
	case was == 0 || is == 0 || was == is:
		d.Other = append(d.Other, change)
	case is < was:
		d.Regressions = append(d.Regressions, change)
	default:
		d.Improvements = append(d.Improvements, change)
	}
}

// badness orders the judgements of package runner/verify. What was not tested counts as good: it proves nothing against the cluster.
func badness(judgement string) int {
	switch verify.Judgement(judgement) {
	case verify.NotEnforced:
		return 2
	case verify.Partly:
		return 1
	}
	return 0
}

// nodes tells of nodes that have begun to fail: the canary's policies are enforced there less than before, or the cells with an end there that
// are not as expected outnumber those that are, and did not before.
func (d *Diff) nodes(before, after *Record) {
	was := map[string]Node{}
	for _, node := range before.Nodes {
		was[node.Name] = node
	}
	is := map[string]bool{}
	for _, node := range after.Nodes {
		is[node.Name] = true
		old, known := was[node.Name]
		if !known {
			d.Other = append(d.Other, Change{Kind: ChangeNode, Subject: node.Name, Is: "tested"})
			continue
		}
		if old.Enforces != node.Enforces && old.Enforces != "" && node.Enforces != "" {
			change := Change{Kind: ChangeNode, Subject: node.Name, Was: enforcing(old.Enforces), Is: enforcing(node.Enforces)}
			if enforcements[node.Enforces] > enforcements[old.Enforces] {
				d.Regressions = append(d.Regressions, change)
			} else {
				d.Improvements = append(d.Improvements, change)
			}
		}
		change := Change{Kind: ChangeNode, Subject: node.Name, Was: share(old.Counts), Is: share(node.Counts)}
		switch {
		case failing(node.Counts) && !failing(old.Counts):
			d.Regressions = append(d.Regressions, change)
		case failing(old.Counts) && !failing(node.Counts):
			d.Improvements = append(d.Improvements, change)
		}
	}
	for _, node := range before.Nodes {
		if !is[node.Name] {
			d.Other = append(d.Other, Change{Kind: ChangeNode, Subject: node.Name, Was: "tested"})
		}
	}
}

// enforcements orders them from the best to the worst.
var enforcements = map[Enforcement]int{EnforcesAll: 0, EnforcesPart: 1, EnforcesNothing: 2}

func enforcing(e Enforcement) string { return "enforcing " + string(e) }

func failing(c runner.Counts) bool { return c.Fail+c.Error > c.Pass }

func share(c runner.Counts) string {
	return fmt.Sprintf("%d of %d cells as expected", c.Pass, c.Total()-c.Unjudged)
}

// scenarios tells of scenarios that could not go on, and of those that came and went. It tells of marks too where a record had no room for its
// cells, which tell of them otherwise.
func (d *Diff) scenarios(before, after *Record) {
	was := map[string]Scenario{}
	for _, scenario := range before.Scenarios {
		was[scenario.Name] = scenario
	}
	lost := before.lostCells() || after.lostCells()
	for _, scenario := range after.Scenarios {
		old, known := was[scenario.Name]
		delete(was, scenario.Name)
		switch change := (Change{Kind: ChangeScenario, Subject: scenario.Name, Why: scenario.Error}); {
		case !known:
			change.Is = string(scenario.Mark)
			d.Other = append(d.Other, change)
		case scenario.Error != "" && old.Error == "":
			change.Was, change.Is = string(old.Mark), string(scenario.Mark)
			d.Regressions = append(d.Regressions, change)
		case scenario.Error == "" && old.Error != "":
			change.Was, change.Is = string(old.Mark), string(scenario.Mark)
			d.Improvements = append(d.Improvements, change)
		case !lost || old.Mark == scenario.Mark || old.Mark == runner.MarkUnjudged || scenario.Mark == runner.MarkUnjudged:
		case old.Mark == runner.MarkPass:
			change.Was, change.Is = string(old.Mark), string(scenario.Mark)
			d.Regressions = append(d.Regressions, change)
		case scenario.Mark == runner.MarkPass:
			change.Was, change.Is = string(old.Mark), string(scenario.Mark)
			d.Improvements = append(d.Improvements, change)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		change := Change{Kind: ChangeScenario, Subject: name, Was: string(was[name].Mark)}
		if was[name].Mark == runner.MarkPass && after.Error == "" && slices.Contains(after.Skipped, name) {
			change.Is = "skipped"
			d.Regressions = append(d.Regressions, change)
			continue
		}
		d.Other = append(d.Other, change)
	}
}

// cells tells of cells that passed and do not, or the other way round. Cells that only one of the runs has are not told: their scenarios are.
func (d *Diff) cells(before, after *Record) {
	was, is := before.marks(), after.marks()
	reasons := map[string]string{}
	for _, cell := range after.Others {
		reasons[cell.ID] = cell.Why
	}
	var worse, better []Change
	for id, mark := range is {
		old, known := was[id]
		if !known || old == mark {
			continue
		}
		change := Change{Kind: ChangeCell, Subject: id, Was: string(old), Is: string(mark), Why: reasons[id]}
		switch {
		case old == runner.MarkPass && mark != runner.MarkUnjudged:
			worse = append(worse, change)
		case mark == runner.MarkPass && old != runner.MarkUnjudged:
			better = append(better, change)
		default:
			d.Other = append(d.Other, change)
		}
	}
	rank := map[string]int{string(runner.MarkFail): 0, string(runner.MarkError): 1, string(runner.MarkInconclusive): 2}
	slices.SortFunc(worse, func(a, b Change) int {
		return cmp.Or(cmp.Compare(rank[a.Is], rank[b.Is]), cmp.Compare(a.Subject, b.Subject))
	})
	bySubject := func(a, b Change) int { return cmp.Compare(a.Subject, b.Subject) }
	slices.SortFunc(better, bySubject)
	slices.SortStableFunc(d.Other, func(a, b Change) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), bySubject(a, b)) })
	d.Regressions = append(d.Regressions, worse...)
	d.Improvements = append(d.Improvements, better...)
}

// latency tells that enforcement has become slower or faster by the factor.
func (d *Diff) latency(name string, before, after Figures, options Options) {
	if before.Samples == 0 || after.Samples == 0 || options.LatencyFactor < 1 {
		return
	}
	change := Change{
		Kind: ChangeLatency, Subject: name,
		Was: fmt.Sprintf("%s (p95)", before.P95.Round(time.Millisecond)), Is: fmt.Sprintf("%s (p95)", after.P95.Round(time.Millisecond)),
	}
	slower := func(a, b Figures) bool {
		return b.P95 >= options.LatencyFloor && float64(b.P95) >= options.LatencyFactor*float64(a.P95)
	}
	switch {
	case slower(before, after):
		d.Regressions = append(d.Regressions, change)
	case slower(after, before):
		d.Improvements = append(d.Improvements, change)
	}
}
