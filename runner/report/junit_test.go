package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/podknock/podknock/runner"
)

// element is what the schemas of JUnit XML agree on: the strictest one wants these attributes and this order of children.
type element struct {
	attributes map[string]types.GomegaMatcher
	children   []string
}

var (
	isNumber  = MatchRegexp(`^[0-9]+$`)
	isSeconds = MatchRegexp(`^[0-9]+\.[0-9]{3}$`)
	isWord    = Not(BeEmpty())
)

var junitGrammar = map[string]element{
	"testsuites": {children: []string{"testsuite"}},
	"testsuite": {children: []string{"properties", "testcase", "system-out", "system-err"}, attributes: map[string]types.GomegaMatcher{
		"id": isNumber, "name": isWord, "package": isWord, "hostname": isWord, "tests": isNumber, "failures": isNumber, "errors": isNumber,
		"skipped": isNumber, "time": isSeconds, "timestamp": MatchRegexp(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}$`),
	}},
	"properties": {children: []string{"property"}},
	"property":   {attributes: map[string]types.GomegaMatcher{"name": isWord, "value": Not(BeNil())}},
	"testcase": {children: []string{"skipped", "error", "failure"}, attributes: map[string]types.GomegaMatcher{
		"name": isWord, "classname": isWord, "time": isSeconds,
	}},
	"skipped":    {attributes: map[string]types.GomegaMatcher{"message": isWord}},
	"error":      {attributes: map[string]types.GomegaMatcher{"type": isWord, "message": isWord}},
	"failure":    {attributes: map[string]types.GomegaMatcher{"type": isWord, "message": isWord}},
	"system-out": {},
	"system-err": {},
}

// TestJUnitKeepsToTheGrammar checks each sample, the ones that failed before anything was tested and the hostile one among them.
func TestJUnitKeepsToTheGrammar(t *testing.T) {
	for name, sample := range map[string]func(*testing.T) *runner.Report{
		"passed": passed, "failed": failed, "not tested": notTested, "set-up failed": setUpFailed, "hostile": hostile,
		"an interrupted run": func(t *testing.T) *runner.Report {
			r := failed(t)
			r.Scenarios[0].Error, r.Scenarios[0].Steps[1].Error = "interrupted", "interrupted"
			r.Scenarios[0].Steps[1].Cells = nil
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var out bytes.Buffer
			g.Expect(JUnit(&out, sample(t))).To(Succeed())
			checkElement(t, out.Bytes())
		})
	}
}

// checkElement walks through a document and holds every element to the grammar.
func checkElement(t *testing.T, document []byte) {
	t.Helper()
	g := NewWithT(t)
	type open struct {
		name  string
		child int
		cases map[string]int
	}
	var path []open
	decoder := xml.NewDecoder(bytes.NewReader(document))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		g.Expect(err).NotTo(HaveOccurred())
		switch token := token.(type) {
		case xml.StartElement:
			name := token.Name.Local
			rule, known := junitGrammar[name]
			g.Expect(known).To(BeTrue(), name)
			g.Expect(token.Attr).To(HaveLen(len(rule.attributes)), name)
			for _, attribute := range token.Attr {
				g.Expect(rule.attributes).To(HaveKey(attribute.Name.Local), name)
				g.Expect(attribute.Value).To(rule.attributes[attribute.Name.Local], name+" "+attribute.Name.Local)
			}
			if len(path) > 0 {
				parent := &path[len(path)-1]
				place := slices.Index(junitGrammar[parent.name].children, name)
				g.Expect(place).To(BeNumerically(">=", parent.child), "%s in %s", name, parent.name)
				parent.child = place
				for i := range path {
					path[i].cases[name]++
				}
			}
			path = append(path, open{name: name, cases: map[string]int{}})
			if name == "testsuite" {
				defer checkCounts(t, token, path[len(path)-1].cases)
			}
		case xml.EndElement:
			path = path[:len(path)-1]
		}
	}
}

// checkCounts compares the attributes of a suite with what it holds.
func checkCounts(t *testing.T, suite xml.StartElement, cases map[string]int) {
	t.Helper()
	g := NewWithT(t)
	for _, attribute := range suite.Attr {
		element, counts := map[string]string{"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}[attribute.Name.Local]
		if counts {
			g.Expect(attribute.Value).To(Equal(strconv.Itoa(cases[element])), attribute.Name.Local)
		}
	}
	g.Expect(cases["system-out"]).To(Equal(1))
	g.Expect(cases["system-err"]).To(Equal(1))
}

func TestJUnitHasTheReasonOfAFailedSetUp(t *testing.T) {
	g := NewWithT(t)
	var out bytes.Buffer
	g.Expect(JUnit(&out, setUpFailed(t))).To(Succeed())
	g.Expect(out.String()).To(MatchRegexp(`(?s)<testcase name="set-up".*<error type="error" message="create namespace .*namespaces is forbidden`))
}
