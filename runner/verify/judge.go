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
