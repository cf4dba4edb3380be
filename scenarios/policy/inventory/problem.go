package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one fault of a file.
type Problem struct {
	Position
	// Object is what the fault is in; the zero value if no object could be read at all.
	Object Ref
	Field  string
	// Message says what is wrong and what to do instead.
	Message string
}

// Error is FILE:LINE:COLUMN: FIELD: MESSAGE.
func (p Problem) Error() string {
	text := p.Position.String() + ": "
	if p.Field != "" {
		text += p.Field + ": "
	}
	return text + p.Message
}

// Problems are the faults of files, in their order.
type Problems []Problem

// Error is one line for each fault.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].Error()
	}
	return strings.Join(lines, "\n")
}

// sort puts problems into the order of files and lines.
func (p Problems) sort() {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Field, b.Field))
	})
}

// fileProblem makes a problem of a whole file.
func fileProblem(file, format string, args ...any) Problem {
	return Problem{Position: Position{File: file}, Message: fmt.Sprintf(format, args...)}
}
