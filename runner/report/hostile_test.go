package report

import (
	"bytes"
	"testing"
	"unicode"
	"unicode/utf8"

	. "github.com/onsi/gomega"
)

// TestNothingHiddenReachesATerminal renders the hostile sample in every format and looks for characters that do not print.
func TestNothingHiddenReachesATerminal(t *testing.T) {
	for _, format := range Formats() {
		t.Run(string(format), func(t *testing.T) {
			g := NewWithT(t)
			var out bytes.Buffer
			g.Expect(Write(&out, format, hostile(t), Options{Files: []string{"junit to \x1b[2J"}})).To(Succeed())
			g.Expect(utf8.Valid(out.Bytes())).To(BeTrue())
			for i, r := range out.String() {
				if r != '\n' && !unicode.IsPrint(r) {
					t.Fatalf("character %U at byte %d", r, i)
				}
			}
		})
	}
}
