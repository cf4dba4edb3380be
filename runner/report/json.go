package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"

	"github.com/podknock/podknock/runner"
)

// JSON renders a report whole, with all evidence, as one indented object. Its schema is schema/report.schema.json beside this file; the
// version is in apiVersion. What does not print is
// escaped, so that the result can be looked at on a terminal.
func JSON(w io.Writer, r *runner.Report) error {
	if err := EncodeJSON(w, r); err != nil {
		return fmt.Errorf("render report as JSON: %w", err)
	}
	return nil
}

// EncodeJSON writes any value as [JSON] does a report.
func EncodeJSON(w io.Writer, value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return err
	}
	_, err := w.Write(escapeHidden(text.Bytes()))
	return err
}

// escapeHidden escapes what encoding/json leaves as it is though it does not print: DEL, the C1 controls, marks of direction. Beyond ASCII,
// characters are in strings only.
func escapeHidden(text []byte) []byte {
	safe := make([]byte, 0, len(text))
	for _, r := range string(text) {
		switch {
		case r < 0x7f || r > 0x7f && unicode.IsPrint(r):
			safe = append(safe, string(r)...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			safe = fmt.Appendf(safe, `\u%04x\u%04x`, high, low)
		default:
			safe = fmt.Appendf(safe, `\u%04x`, r)
		}
	}
	return safe
}
