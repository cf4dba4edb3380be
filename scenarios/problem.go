package scenarios

import (
	"fmt"
	"strings"
)

// Problem is one fault of a file, in one sentence that also says what to do instead.
type Problem struct {
	File string
	// Line and Column count from 1; 0 if the fault is in the file as a whole.
	Line, Column int
	// Field is the path of the faulty part, such as steps[0].expect[2].to, or empty.
	Field   string
	Message string
}

// Error is file:line: field: message.
func (p Problem) Error() string {
	var text strings.Builder
	text.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&text, ":%d", p.Line)
	}
	if p.Field != "" {
		fmt.Fprintf(&text, ": %s", p.Field)
	}
	return text.String() + ": " + p.Message
}

// Problems are all faults of one file, in the order of its lines. It is never empty as an error.
type Problems []Problem

// Error has a line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}
