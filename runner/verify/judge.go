package verify

import (
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// SuiteName is the suite of the library that axes are judged by.
const SuiteName = "conformance"

// Evidence is what a run of the suite has found.
type Evidence struct {
	// Run is the report of the run.
	Run *runner.Report
	// Expansions are those of the scenarios that the run was planned from, in any order. A scenario of the report without one is not judged.
	Expansions []*scenarios.Expansion
}

// Judge reads a run of the suite: it fills in the axes, adds what the plugin does where the API leaves it to it, and finds the headline. The
// canary, and the latencies of changes, must be in the report already. It is pure.
func Judge(report *Report, evidence Evidence) {
	newSearch(newStories(evidence)).judge(report, evidence.Run)
}

// calmShare is how many knocks have to be proven for each that changed to and fro, for latencies to count nevertheless.
const calmShare = 100

func (s *search) judge(report *Report, run *runner.Report) {
	report.Axes = judgeAxes(s.stories, run)
	report.Traits = append(report.Traits, traitsOf(s.stories)...)
	report.Traits = append(report.Traits, report.Canary.traits()...)
	failed := s.failed()
	late := judgeTiming(report.Changes)
	restless, open := s.restless(), report.Canary.open(s.provenNodes())
	switch {
	case restless > len(failed) && (len(late) == 0 || restless*calmShare > s.proven()):
		report.Headline = headlineRestless(restless)
	case len(failed) > 0:
		found, ok := s.solve()
		if ok && found.untimed() {
			late = nil
		}
		if ok {
			report.Headline = headlineOf(found, late)
		} else {
			report.Headline = s.headlineUnexplained(failed)
		}
	case len(late) > 0:
		report.Headline = headlineOf(solution{}, late)
	case len(open) > 0:
		report.Headline = headlineOfCanary(open)
	default:
		report.Headline = headlineUnbroken(report.Axes, run)
	}
	accuse(report.Axes, &report.Headline, late)
}
