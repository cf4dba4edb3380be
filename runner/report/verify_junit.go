package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/verify"
)

// VerifyJUnit renders a verification as JUnit XML: a suite "stages" with a case for each stage, a suite "axes" with a case for each axis, and after a
// comparison a suite "comparison" with a case for each difference. What is not enforced, or worse than before, is a failure; what is not tested, not
// supported or left to the plugin is skipped, each with the reason.
func VerifyJUnit(w io.Writer, r *verify.Report) error {
	stages := verifySuite(r, 0, "stages")
	for _, stage := range verifyStages(r) {
		stages.Cases = append(stages.Cases, stageCase(stage))
	}
	stages.Cases = append(stages.Cases, headlineCase(r))
	stages.SystemOut = strings.Join(verifySummary(r), "\n")
	axes := verifySuite(r, 1, "axes")
	for i := range r.Axes {
		axes.Cases = append(axes.Cases, axisCase(&r.Axes[i]))
	}
	suites := junitSuites{Suites: []junitSuite{stages, axes}}
	if r.Comparison != nil {
		suites.Suites = append(suites.Suites, comparisonSuite(r))
	}
	for i := range suites.Suites {
		suites.Suites[i].sum()
	}
	var text bytes.Buffer
	text.WriteString(xml.Header)
	encoder := xml.NewEncoder(&text)
	encoder.Indent("", "  ")
	if err := encoder.Encode(suites); err != nil {
		return fmt.Errorf("render verification as JUnit: %w", err)
	}
	text.WriteByte('\n')
	_, err := w.Write(text.Bytes())
	return err
}

func verifySuite(r *verify.Report, id int, name string) junitSuite {
	return junitSuite{
		ID: id, Name: name, Package: "podknock.verify", Hostname: hostname, Timestamp: timestamp(r.Start), Time: seconds(r.Elapsed),
		Properties: []junitProperty{{"run", clean(r.Run)}, {"version", clean(r.Version)}, {"kubernetes", clean(r.Cluster.Version)}},
	}
}

func stageCase(stage verifyStage) junitCase {
	result := junitCase{Name: stage.name, ClassName: "podknock.verify.stages", Time: seconds(0)}
	text := strings.Join(append([]string{stage.text}, stage.lines...), "\n")
	switch {
	case stage.status == verify.StatusFail:
		result.Failure = problem(string(runner.MarkFail), text)
	case stage.status == verify.StatusUnknown:
		result.Error = problem(string(runner.MarkError), text)
	case !stage.done && stage.status == "":
		result.Skipped = &junitSkipped{"not run"}
	}
	return result
}

// headlineCase is the answer, so that a build server shows it in one place.
func headlineCase(r *verify.Report) junitCase {
	result := junitCase{Name: "headline", ClassName: "podknock.verify.stages", Time: seconds(0)}
	alone := *r
	alone.Comparison = nil // it has cases of its own
	switch alone.ExitCode() {
	case verify.ExitEnforced:
	case verify.ExitNotEnforced:
		result.Failure = problem(string(r.Headline.Conclusion), r.Headline.Text)
	default:
		text := r.Headline.Text
		for _, leftover := range r.CleanUp.Leftovers {
			text += "\n" + leftBehind(leftover)
		}
		result.Error = problem(string(r.Headline.Conclusion), text)
	}
	return result
}

func axisCase(axis *verify.AxisResult) junitCase {
	result := junitCase{Name: string(axis.Axis), ClassName: "podknock.verify." + string(axis.Group), Time: seconds(time.Duration(0))}
	switch axis.Judgement {
	case verify.NotEnforced, verify.Partly:
		text := string(axis.Judgement) + ": " + axisNote(axis)
		for _, cell := range axis.Failing {
			text += fmt.Sprintf("\n%s: expected %s, found %s", clean(cell.ID), cell.Expected, cell.Observed)
		}
		result.Failure = problem(string(axis.Judgement), text)
	case verify.NotTested, verify.NotSupported, verify.Undefined:
		result.Skipped = &junitSkipped{clean(string(axis.Judgement) + ": " + axis.Why)}
	}
	return result
}

// comparisonSuite has a case for each difference from another verification.
func comparisonSuite(r *verify.Report) junitSuite {
	suite := verifySuite(r, 2, "comparison")
	for _, list := range []struct {
		differences []verify.Difference
		worse       bool
	}{{r.Comparison.Regressions, true}, {r.Comparison.Improvements, false}, {r.Comparison.Changes, false}} {
		for _, d := range list.differences {
			result := junitCase{Name: clean(d.Subject), ClassName: "podknock.verify.comparison." + string(d.Kind), Time: seconds(0)}
			if list.worse {
				result.Failure = problem("regression", differenceWords(d))
			}
			suite.Cases = append(suite.Cases, result)
		}
	}
	return suite
}
