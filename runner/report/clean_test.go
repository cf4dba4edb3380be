package report

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestCleanSpellsWhatDoesNotPrint(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"an escape sequence", "a\x1b[31mb", `a\x1b[31mb`},
		{"a control sequence introducer of one character", "a\u009b31mb", `a\u009b31mb`},
		{"a bell and a delete", "a\a\x7f", `a\a\x7f`},
		{"lines", "a\r\nb\tc", `a\r\nb\tc`},
		{"a mark that reverses the direction", "a\u202eb", `a\u202eb`},
		{"an invisible character", "a\u200bb", `a\u200bb`},
		{"bytes that are no UTF-8", "a\xc3\x28", `a\xc3(`},
		{"a character beyond the basic plane that is not assigned", "a\U000e0001", `a\U000e0001`},
		{"letters of any script", "名前 été мир ✓", "名前 été мир ✓"},
		{"nothing", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			NewWithT(t).Expect(clean(row.text)).To(Equal(row.want))
		})
	}
}

func TestColumnsCountsWhatATerminalShows(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       int
	}{
		{"wide letters take two", "名前", 4},
		{"full-width forms take two", "ＡＢ", 4},
		{"marks that combine take none", "e\u0301t", 2},
		{"letters take one", "web-é", 5},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(columns(row.text)).To(Equal(row.want))
			g.Expect(columns(pad(row.text, 9))).To(Equal(9))
		})
	}
}

func TestCutKeepsToTheWidth(t *testing.T) {
	g := NewWithT(t)
	g.Expect(cut("名前名前", 6)).To(Equal("名前…"))
	g.Expect(cut("abcdef", 6)).To(Equal("abcdef"))
	g.Expect(cut("abcdefg", 6)).To(Equal("abcde…"))
	g.Expect(cut("abc", 0)).To(Equal(""))
}
