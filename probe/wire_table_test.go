//go:build linux && wire

package probe_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
)

const (
	tableFile  = "README.md"
	tableBegin = "<!-- outcomes: written by go test -tags wire -update -->\n"
	tableEnd   = "<!-- outcomes end -->\n"
)

// outcomeTable collects what every condition looks like, for the documentation.
type outcomeTable struct {
	mu   sync.Mutex
	rows []tableRow
}

type tableRow struct {
	condition, asked string
	family           probe.Family
	view             view
	outcome          string
}

// add keeps one row for each different finding.
func (t *outcomeTable) add(c condition, j judgement) {
	t.mu.Lock()
	defer t.mu.Unlock()
	outcome := describe(j.reading)
	switch {
	case j.maybe:
		outcome = describe(j.want) + ", or inconclusive"
	case j.reading.Outcome != j.want.Outcome:
		return
	}
	asked := string(j.protocol)
	if j.to != "" {
		asked += ", " + j.to
	}
	row := tableRow{c.name, asked, j.family, j.view, outcome}
	if !slices.Contains(t.rows, row) {
		t.rows = append(t.rows, row)
	}
}

// conditions returns the names of those that have a row.
func (t *outcomeTable) conditions() map[string]bool {
	names := map[string]bool{}
	for _, row := range t.rows {
		names[row.condition] = true
	}
	return names
}

func describe(r probe.Reading) string {
	text := "`" + string(r.Outcome) + "`"
	var details []string
	if r.Where != "" {
		details = append(details, string(r.Where))
	}
	if r.Origin != "" {
		details = append(details, string(r.Origin))
	}
	if r.Inconclusive {
		details = append(details, "inconclusive")
	}
	if len(details) > 0 {
		text += " (" + strings.Join(details, ", ") + ")"
	}
	return text
}

// markdown renders the table in the order of the conditions.
func (t *outcomeTable) markdown() string {
	var b strings.Builder
	b.WriteString("| Condition | Attempt | Seen from here | With the pod's evidence |\n|---|---|---|---|\n")
	for _, c := range conditions {
		var asked []string
		for _, row := range t.rows {
			if row.condition == c.name && !slices.Contains(asked, row.asked) {
				asked = append(asked, row.asked)
			}
		}
		slices.Sort(asked)
		for _, a := range asked {
			here := t.outcome(c.name, a, func(v view) bool { return v == fromHere })
			pod := t.outcome(c.name, a, func(v view) bool { return v != fromHere })
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.name, a, here, pod)
		}
	}
	return b.String()
}

// outcome joins the families where they agree.
func (t *outcomeTable) outcome(condition, asked string, of func(view) bool) string {
	byFamily := map[probe.Family][]string{}
	for _, row := range t.rows {
		if row.condition == condition && row.asked == asked && of(row.view) {
			byFamily[row.family] = append(byFamily[row.family], row.outcome)
		}
	}
	v4, v6 := strings.Join(byFamily[probe.IPv4], " or "), strings.Join(byFamily[probe.IPv6], " or ")
	switch {
	case v4 == v6:
		return v4
	case v6 == "":
		return v4 + " (IPv4)"
	case v4 == "":
		return v6 + " (IPv6)"
	default:
		return v4 + ", IPv6 " + v6
	}
}

// compare holds the table of the documentation to what was found.
func (t *outcomeTable) compare(tb testing.TB) {
	tb.Helper()
	g := NewWithT(tb)
	text, err := os.ReadFile(tableFile)
	g.Expect(err).NotTo(HaveOccurred())
	head, rest, ok := strings.Cut(string(text), tableBegin)
	g.Expect(ok).To(BeTrue(), "%s has no table of outcomes", tableFile)
	documented, tail, ok := strings.Cut(rest, tableEnd)
	g.Expect(ok).To(BeTrue(), "the table of outcomes in %s has no end", tableFile)
	if *update {
		g.Expect(os.WriteFile(tableFile, []byte(head+tableBegin+t.markdown()+tableEnd+tail), 0o644)).To(Succeed())
		return
	}
	g.Expect(documented).To(Equal(t.markdown()), "run this test with -update and look at the difference")
}
