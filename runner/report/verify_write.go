package report

import (
	"fmt"
	"io"

	"github.com/podknock/podknock/runner/verify"
)

// WriteVerification renders a verification. The error is that of the writer, or says that the format is unknown.
func WriteVerification(w io.Writer, format Format, r *verify.Report, options Options) error {
	switch format {
	case FormatText:
		return VerifyText(w, r, options)
	case FormatJSON:
		return VerifyJSON(w, r)
	case FormatJUnit:
		return VerifyJUnit(w, r)
	case FormatMarkdown:
		return VerifyMarkdown(w, r)
	}
	return fmt.Errorf("render verification: unknown format %q", format)
}

// VerifyJSON renders a verification whole, as one indented object. Its version is in apiVersion, as with [JSON].
func VerifyJSON(w io.Writer, r *verify.Report) error {
	if err := EncodeJSON(w, r); err != nil {
		return fmt.Errorf("render verification as JSON: %w", err)
	}
	return nil
}
