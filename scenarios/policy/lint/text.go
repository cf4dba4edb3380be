package lint

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/podknock/podknock/scenarios/policy/inventory"
)

// Text writes a report for people: the findings by object, each with its place as FILE:LINE:COLUMN, then what was not checked and a summary.
// Findings below the severity are only counted.
func Text(out io.Writer, report *Report, least Severity) error {
	var text strings.Builder
	var object inventory.Ref
	hidden := 0
	for i := range report.Findings {
		finding := &report.Findings[i]
		if !finding.Severity.AtLeast(least) {
			hidden++
			continue
		}
		if finding.Object != object || text.Len() == 0 {
			if text.Len() > 0 {
				text.WriteString("\n")
			}
			object = finding.Object
			text.WriteString(heading(finding) + "\n")
		}
		fmt.Fprintf(&text, "  %-*s  %-7s  %s\n    %s\n    %s\n", report.placeWidth(finding.Object), place(finding), finding.Severity, finding.Rule,
			finding.What, finding.Do)
		if finding.Command != "" {
			fmt.Fprintf(&text, "    %s\n", finding.Command)
		}
	}
	if text.Len() > 0 {
		text.WriteString("\n")
	}
	if len(report.Unchecked) > 0 {
		text.WriteString("Not checked:\n")
		for _, sentence := range report.Unchecked {
			fmt.Fprintf(&text, "  %s\n", sentence)
		}
		text.WriteString("\n")
	}
	text.WriteString(report.summary(hidden) + "\n")
	_, err := io.WriteString(out, text.String())
	return err
}

func heading(finding *Finding) string {
	if finding.Object.Kind == "" {
		return "Unreadable"
	}
	return finding.Object.String()
}

// placeWidth is the width of the longest place of an object's findings.
func (r *Report) placeWidth(object inventory.Ref) int {
	width := 0
	for i := range r.Findings {
		if r.Findings[i].Object == object {
			width = max(width, utf8.RuneCountInString(place(&r.Findings[i])))
		}
	}
	return width
}

// place is where a finding is: in a file if it comes from one, and always the field.
func place(finding *Finding) string {
	field := finding.Field
	if field == "" {
		field = "(the object)"
	}
	if finding.Position == nil {
		return field
	}
	return finding.Position.String() + "  " + field
}

// summary counts what was found in what.
func (r *Report) summary(hidden int) string {
	checked := fmt.Sprintf("%s, %s, %s and %s looked at",
		inventory.Count(r.Checked.Policies, "NetworkPolicy", "NetworkPolicies"), inventory.Count(r.Checked.Pods, "pod or workload", "pods and workloads"),
		inventory.Count(r.Checked.Services, "Service", "Services"), inventory.Count(r.Checked.Namespaces, "namespace", "namespaces"))
	others := 0
	for _, n := range r.Ignored {
		others += n
	}
	if others > 0 {
		checked += fmt.Sprintf(", %s not", inventory.Count(others, "object of another kind", "objects of other kinds"))
	}
	found := "nothing found"
	if len(r.Findings) > 0 {
		found = strings.Join([]string{
			inventory.Count(r.Count(Error), "error", "errors"), inventory.Count(r.Count(Warning), "warning", "warnings"),
			inventory.Count(r.Count(Note), "note", "notes"),
		}, ", ")
	}
	if hidden > 0 {
		found += fmt.Sprintf(" (%d not shown)", hidden)
	}
	return found + ": " + checked + "."
}
