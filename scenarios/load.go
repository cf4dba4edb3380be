package scenarios

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/podknock/podknock/scenarios/internal/strict"
)

// Loader reads scenarios. The zero value reads files of the system and leaves variables and external addresses at their defaults.
type Loader struct {
	// Variables replace the values of the variables with these names. A name that a scenario does not declare is ignored.
	Variables map[string]string
	// External replace the addresses of the external hosts with these names.
	External map[string][]netip.Addr
	// ReadFile reads a scenario or a policy file. If nil, files of the system are read, up to a bound.
	ReadFile func(name string) ([]byte, error)
}

// Load reads one scenario and the policy files that it names. What is wrong with the files is returned as [Problems], all at once.
func (l Loader) Load(file string) (*Scenario, error) {
	data, err := l.read(file)
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	return l.Parse(file, data)
}

// Parse is [Loader.Load] for a scenario that was already read. The name of the file stands in messages, and paths of policy files are
// relative to it.
func (l Loader) Parse(file string, data []byte) (*Scenario, error) {
	loading := loading{loader: l, file: file, scenario: &Scenario{source: source{file: file}}}
	loading.run(data)
	if len(loading.problems) > 0 {
		return nil, loading.problems
	}
	return loading.scenario, nil
}

// read reads a file with the loader's means.
func (l Loader) read(name string) ([]byte, error) {
	if l.ReadFile != nil {
		return l.ReadFile(name)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(file, strict.MaxBytes+1))
	return data, errors.Join(err, file.Close())
}

// source remembers where the parts of a scenario stand in its file.
type source struct {
	file string
	// lines are those of the expectations, by step and place in the list.
	lines [][]int
}

// loading is the state of reading one file. Its parts run in order; a part that rests on sound data of an earlier one runs only if there
// was no problem so far.
type loading struct {
	loader   Loader
	file     string
	decoder  strict.Decoder
	scenario *Scenario
	// fileProblems are those of policy files.
	fileProblems Problems
	problems     Problems
}

func (l *loading) run(data []byte) {
	defer l.collect()
	roots, syntax := strict.Parse(data)
	for _, problem := range syntax {
		l.decoder.ReportAt(problem.Position, problem.Field, "%s", problem.Message)
	}
	switch {
	case len(roots) == 0 && len(syntax) == 0:
		l.decoder.Report("", "the file is empty: write a scenario (apiVersion: %s, kind: %s)", APIVersion, Kind)
		return
	case len(roots) > 1:
		second := strict.Position{Line: roots[1].Line, Column: roots[1].Column}
		l.decoder.ReportAt(second, "", "a second document begins here: write one scenario in each file")
	}
	if len(roots) == 0 {
		return
	}
	l.decoder.Decode(roots[0], "", l.scenario)
	l.checkAxes()
	l.bindVariables()
	l.checkTopology()
	l.readPolicies()
	if l.sound() {
		l.checkSteps()
	}
	if l.sound() {
		l.checkExpectations()
	}
}

// sound reports whether there was no problem so far.
func (l *loading) sound() bool {
	return len(l.decoder.Problems()) == 0 && len(l.fileProblems) == 0
}

// collect gathers the problems of the scenario's file, then those of the policy files.
func (l *loading) collect() {
	for _, problem := range l.decoder.Problems() {
		l.problems = append(l.problems, newProblem(l.file, problem))
	}
	slices.SortStableFunc(l.fileProblems, func(a, b Problem) int { return strings.Compare(a.File, b.File) })
	l.problems = append(l.problems, l.fileProblems...)
	l.problems = slices.Compact(l.problems)
}

func newProblem(file string, problem strict.Problem) Problem {
	return Problem{
		File: file, Line: problem.Line, Column: problem.Column, Field: problem.Field, Message: problem.Message,
	}
}

// report adds a problem of the scenario's file.
func (l *loading) report(path, format string, args ...any) { l.decoder.Report(path, format, args...) }
