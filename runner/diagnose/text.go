package diagnose

import (
	"fmt"
	"strings"
)

// Text renders a report for people: the answer first, then where it stops, what shows it, and what to do. Everything in it is foreign text: the
// caller makes it safe for a terminal.
func Text(r *Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", r.Answer)
	picture(&b, r.Steps)
	section(&b, "wire", r.Wire)
	section(&b, "policies", r.Policies)
	if r.Asked {
		agree := "they agree"
		if !r.Agree {
			agree = "they differ"
		}
		if !r.AsWanted {
			agree += fmt.Sprintf(", but %s was expected", r.Question.Expect)
		}
		section(&b, "together", []string{agree})
	}
	for i := range r.Findings {
		finding(&b, r.Findings, i)
	}
	switch {
	case len(r.Findings) > 0:
	case r.Agree && r.AsWanted:
		b.WriteString("\nnothing is wrong as far as was asked and read\n")
	default:
		b.WriteString("\nno cause shows in what was asked and read\n")
	}
	var others []string
	for _, other := range r.Others {
		others = append(others, fmt.Sprintf("%s (%s): what it means is not computed here", other, other.APIVersion))
	}
	list(&b, "policies of other APIs that select these pods", others)
	list(&b, "by hand", r.ByHand)
	list(&b, "not known", r.Unknown)
	doubles(&b, r)
	for _, left := range r.Left {
		fmt.Fprintf(&b, "left behind: %s %s/%s: %s\n", left.Kind, left.Namespace, left.Name, left.Reason)
	}
	return b.String()
}

// picture draws the way, one place a line, until it stops.
func picture(b *strings.Builder, steps []Step) {
	width := 0
	for _, step := range steps {
		width = max(width, len(step.Name))
	}
	stopped := false
	for i, step := range steps {
		arrow := "-->"
		switch {
		case i == 0:
			arrow = "   "
		case stopped:
			arrow = " . "
		}
		mark := " "
		switch {
		case step.State == StateClosed && !stopped:
			mark, stopped = "X", true
		case step.State == StateOpen && !stopped:
			mark = "."
		case step.State == StateUnknown && !stopped:
			mark = "?"
		case step.State == StateIgnored && !stopped:
			mark = "!"
		}
		fmt.Fprintf(b, "  %s %s %-*s  %s\n", arrow, mark, width, step.Name, step.Says)
	}
	if len(steps) > 0 {
		b.WriteString("\n  . gets past   X stops here   ! should stop here   ? not known\n\n")
	}
}

const labelWidth = 9

// section is a label with lines beside it.
func section(b *strings.Builder, label string, lines []string) {
	for i, line := range lines {
		if i > 0 {
			label = ""
		}
		fmt.Fprintf(b, "  %-*s  %s\n", labelWidth, label, line)
	}
}

func finding(b *strings.Builder, findings []Finding, i int) {
	f := &findings[i]
	switch i {
	case 0:
		fmt.Fprintf(b, "\nmost likely: %s [%s]\n", f.Title, f.Cause)
	case 1:
		b.WriteString("\nalso possible:\n")
		fallthrough
	default:
		fmt.Fprintf(b, "- %s [%s]\n", f.Title, f.Cause)
	}
	section(b, "because", f.Because)
	section(b, "advice", []string{f.Advice})
	if f.Fix == nil {
		return
	}
	section(b, "fix", []string{f.Fix.Object + ": " + f.Fix.Change})
	if i == 0 {
		b.WriteString("\n")
		for line := range strings.Lines(f.Fix.Command) {
			fmt.Fprintf(b, "%s\n", strings.TrimSuffix(line, "\n"))
		}
	}
}

func list(b *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	for _, line := range lines {
		fmt.Fprintf(b, "  %s\n", line)
	}
}

// doubles says who stood in for whom, and what was tolerated for that.
func doubles(b *strings.Builder, r *Report) {
	if len(r.Doubles) == 0 {
		return
	}
	b.WriteString("\nasked from probe pods:\n")
	for _, double := range r.Doubles {
		fmt.Fprintf(b, "  %-11s  pod %s on node %s", double.Role, double.Pod, double.Node)
		if double.Identity.Way != "" {
			fmt.Fprintf(b, ", identity %s", double.Identity.Way)
		}
		b.WriteString("\n")
		for _, tolerated := range double.Identity.Tolerated {
			fmt.Fprintf(b, "               %s matches it: %s\n", tolerated.Object, tolerated.Reason)
		}
	}
}
