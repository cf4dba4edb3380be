package report

import (
	"os"

	"golang.org/x/term"
)

// Style says how text looks. The zero value is what a file gets: no colour, lines of the default width.
type Style struct {
	// Color allows escape sequences for colour.
	Color bool
	// Width is the number of columns that matrices keep to. Zero means [DefaultWidth].
	Width int
}

// Options say how text looks and what it says besides the report. They count for text only.
type Options struct {
	Style
	// Files name where other renderings of the same report went, such as "junit to results.xml".
	Files []string
}

// DefaultWidth is that of a Style without one.
const DefaultWidth = 100

// StyleOf is the style for a file: that of a terminal if it is one. NO_COLOR (https://no-color.org) and TERM=dumb, as getenv returns them,
// switch colours off.
func StyleOf(file *os.File, getenv func(string) string) Style {
	if !IsTerminal(file) {
		return Style{}
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		width = DefaultWidth
	}
	return terminalStyle(width, getenv)
}

// terminalStyle is the style for a terminal.
func terminalStyle(width int, getenv func(string) string) Style {
	return Style{Color: getenv("NO_COLOR") == "" && getenv("TERM") != "dumb", Width: width}
}

// IsTerminal reports whether a file is a terminal.
func IsTerminal(file *os.File) bool { return term.IsTerminal(int(file.Fd())) }

func (s Style) width() int {
	if s.Width == 0 {
		return DefaultWidth
	}
	return s.Width
}

// color is an SGR sequence of ECMA-48.
type color string

// The colours in use.
const (
	plain  color = ""
	red    color = "\x1b[31m"
	green  color = "\x1b[32m"
	yellow color = "\x1b[33m"
)

// paint colours a text that is already clean.
func (s Style) paint(c color, text string) string {
	if !s.Color || c == plain {
		return text
	}
	return string(c) + text + "\x1b[0m"
}
