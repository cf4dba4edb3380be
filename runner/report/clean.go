package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Clean makes a text of any origin safe for a terminal: its lines stay, and what does not print in them is spelled as Go does.
func Clean(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

// clean makes a text safe for one line of a terminal: what does not print, and bytes that are no UTF-8, are spelled as Go does.
func clean(text string) string {
	if utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return text
	}
	var safe strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&safe, `\x%02x`, text[0])
		case unicode.IsPrint(r):
			safe.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			safe.WriteString(quoted[1 : len(quoted)-1])
		}
		text = text[size:]
	}
	return safe.String()
}

// cleanLines are the lines of a text, each made safe.
func cleanLines(text string) []string {
	return strings.Split(Clean(strings.TrimRight(text, "\n")), "\n")
}

// columns is the number of columns that a clean text takes on a terminal (Unicode Standard Annex 11).
func columns(text string) int {
	n := 0
	for _, r := range text {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me):
		case width.LookupRune(r).Kind() == width.EastAsianWide, width.LookupRune(r).Kind() == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// pad fills a clean text up with spaces.
func pad(text string, n int) string { return text + strings.Repeat(" ", max(0, n-columns(text))) }

// cut shortens a clean text to a number of columns.
func cut(text string, n int) string {
	switch {
	case columns(text) <= n:
		return text
	case n <= 0:
		return ""
	}
	runes := []rune(text)
	for len(runes) > 0 && columns(string(runes))+1 > n {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}
