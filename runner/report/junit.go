package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/podknock/podknock/runner"
)

// JUnit renders a report as the JUnit XML that build servers read: a suite for each scenario, a case for each cell, and a suite "run" for
// the set-up, the clean-up and what was skipped. A wrong cell is a failure; one that could not be tested or proves nothing is an error; each has the
// reason. It keeps to what the schemas of Ant, Jenkins and others have in common.
func JUnit(w io.Writer, r *runner.Report) error {
	suites := junitSuites{Suites: []junitSuite{runSuite(r)}}
	for i := range r.Scenarios {
		suite := scenarioSuite(&r.Scenarios[i])
		suite.ID = i + 1
		suites.Suites = append(suites.Suites, suite)
	}
	for i := range suites.Suites {
		suites.Suites[i].sum()
	}
	var text bytes.Buffer
	text.WriteString(xml.Header)
	encoder := xml.NewEncoder(&text)
	encoder.Indent("", "  ")
	if err := encoder.Encode(suites); err != nil {
		return fmt.Errorf("render report as JUnit: %w", err)
	}
	text.WriteByte('\n')
	_, err := w.Write(text.Bytes())
	return err
}

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

// junitSuite has its elements in the order that the strictest schema wants. Timestamps are UTC and say no zone.
type junitSuite struct {
	ID         int             `xml:"id,attr"`
	Name       string          `xml:"name,attr"`
	Package    string          `xml:"package,attr"`
	Hostname   string          `xml:"hostname,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
	SystemOut  string          `xml:"system-out"`
	SystemErr  string          `xml:"system-err"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	ClassName string        `xml:"classname,attr"`
	Time      string        `xml:"time,attr"`
	Skipped   *junitSkipped `xml:"skipped"`
	Error     *junitProblem `xml:"error"`
	Failure   *junitProblem `xml:"failure"`
}

type junitSkipped struct {
	Message string `xml:"message,attr"`
}

type junitProblem struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// problem makes a failure or error of a text: its first line is the message.
func problem(kind, text string) *junitProblem {
	lines := cleanLines(text)
	return &junitProblem{Type: kind, Message: lines[0], Text: strings.Join(lines, "\n")}
}

// hostname stands where a schema wants one: the results are the cluster's, wherever the command ran.
const hostname = "kubernetes"

// runSuite tells of the run as a whole.
func runSuite(r *runner.Report) junitSuite {
	suite := junitSuite{
		Name: "run", Package: "podknock", Hostname: hostname, Timestamp: timestamp(r.Start), Time: seconds(r.Elapsed),
		Properties: []junitProperty{{"run", clean(r.Run)}, {"version", clean(r.Version)}, {"kubernetes", clean(r.Cluster.Version)}},
		SystemOut:  strings.Join(summary(r), "\n"),
	}
	setUp := junitCase{Name: "set-up", ClassName: "podknock.run", Time: seconds(0)}
	if r.Error != "" {
		setUp.Error = problem(string(runner.MarkError), r.Error)
	}
	cleanUp := junitCase{Name: "clean-up", ClassName: "podknock.run", Time: seconds(r.CleanUp.Elapsed)}
	if len(r.CleanUp.Leftovers) > 0 {
		var lines []string
		for _, leftover := range r.CleanUp.Leftovers {
			lines = append(lines, leftBehind(leftover))
		}
		cleanUp.Failure = problem("leftovers", strings.Join(lines, "\n"))
	}
	suite.Cases = append(suite.Cases, setUp, cleanUp)
	for _, skipped := range r.Skipped {
		suite.Cases = append(suite.Cases, junitCase{
			Name: scenarioName(skipped.Suite, skipped.Name, skipped.File), ClassName: "podknock.run", Time: seconds(0),
			Skipped: &junitSkipped{Message: clean(skipped.Reason)},
		})
	}
	return suite
}

// scenarioSuite tells of one scenario.
func scenarioSuite(s *runner.ScenarioResult) junitSuite {
	name := scenarioName(s.Suite, s.Name, s.File)
	suite := junitSuite{
		Name: name, Package: "podknock", Hostname: hostname, Timestamp: timestamp(s.Start), Time: seconds(s.Elapsed),
		Properties: []junitProperty{{"about", clean(s.About)}},
		SystemOut:  strings.Join(cleanLines(strings.Join(s.Notes, "\n")), "\n"),
	}
	class := strings.Join(slices.DeleteFunc([]string{"podknock", clean(s.Suite), clean(s.Name)}, func(part string) bool { return part == "" }), ".")
	scenario := junitCase{Name: "scenario", ClassName: class, Time: seconds(s.Elapsed)}
	if s.Error != "" {
		scenario.Error = problem(string(runner.MarkError), s.Error)
	}
	suite.Cases = append(suite.Cases, scenario)
	for i := range s.Steps {
		step := &s.Steps[i]
		if step.Error != "" && len(step.Cells) == 0 {
			suite.Cases = append(suite.Cases, junitCase{
				Name: clean(step.Name), ClassName: class, Time: seconds(step.Elapsed), Error: problem(string(runner.MarkError), step.Error),
			})
		}
		for j := range step.Cells {
			suite.Cases = append(suite.Cases, cellCase(s, i, &step.Cells[j], class))
		}
	}
	return suite
}

// cellCase tells of one cell.
func cellCase(s *runner.ScenarioResult, step int, c *runner.Cell, class string) junitCase {
	cell := junitCase{
		Name: fmt.Sprintf("%d. %s: %s", step+1, clean(s.Steps[step].Name), cellName(c)), ClassName: class, Time: seconds(0),
	}
	if c.Result != nil {
		cell.Time = seconds(c.Result.Elapsed)
	}
	if !atFault(c.Mark) {
		return cell
	}
	found := &junitProblem{Type: string(c.Mark), Message: difference(c), Text: "\n" + cellText(s, &s.Steps[step], c)}
	if c.Mark == runner.MarkFail {
		cell.Failure = found
	} else {
		cell.Error = found
	}
	return cell
}

// cellText is what text says of a cell.
func cellText(s *runner.ScenarioResult, step *runner.StepResult, c *runner.Cell) string {
	var t text
	t.facts(append([]fact{{"step", nonEmptyLines(step.Error)}}, facts(s, c)...))
	return t.String()
}

// sum counts the cases.
func (s *junitSuite) sum() {
	s.Tests = len(s.Cases)
	for _, c := range s.Cases {
		switch {
		case c.Failure != nil:
			s.Failures++
		case c.Error != nil:
			s.Errors++
		case c.Skipped != nil:
			s.Skipped++
		}
	}
}

func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") }

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
