package diagnose

import (
	"encoding/json"
	"fmt"
)

// JSON is the report as JSON, indented, with an end of line.
func (r *Report) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the diagnosis: %w", err)
	}
	return append(text, '\n'), nil
}
