package report

import (
	"fmt"
	"io"

	"github.com/podknock/podknock/runner"
)

// Format is a way to render a report.
type Format string

// The formats.
const (
	FormatText     Format = "text"
	FormatJSON     Format = "json"
	FormatJUnit    Format = "junit"
	FormatMarkdown Format = "markdown"
)

// Formats lists them, the default first.
func Formats() []Format { return []Format{FormatText, FormatJSON, FormatJUnit, FormatMarkdown} }

// Write renders a report. The error is that of the writer, or says that the format is unknown.
func Write(w io.Writer, format Format, r *runner.Report, options Options) error {
	switch format {
	case FormatText:
		return Text(w, r, options)
	case FormatJSON:
		return JSON(w, r)
	case FormatJUnit:
		return JUnit(w, r)
	case FormatMarkdown:
		return Markdown(w, r)
	}
	return fmt.Errorf("render report: unknown format %q", format)
}
