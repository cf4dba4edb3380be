package report

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
)

func TestAFileGetsNoColour(t *testing.T) {
	g := NewWithT(t)
	file, err := os.Create(filepath.Join(t.TempDir(), "report.txt"))
	g.Expect(err).NotTo(HaveOccurred())
	defer file.Close()
	g.Expect(IsTerminal(file)).To(BeFalse())
	g.Expect(StyleOf(file, func(string) string { return "" })).To(Equal(Style{}))
}

func TestATerminalGetsColourUnlessItIsUnwanted(t *testing.T) {
	for _, row := range []struct {
		name        string
		environment map[string]string
		color       bool
	}{
		{"NO_COLOR is set", map[string]string{"NO_COLOR": "1", "TERM": "xterm"}, false},
		{"the terminal knows no colours", map[string]string{"TERM": "dumb"}, false},
		{"NO_COLOR is there and empty, which means nothing", map[string]string{"NO_COLOR": "", "TERM": "xterm"}, true},
		{"nothing is said", nil, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			style := terminalStyle(80, func(name string) string { return row.environment[name] })
			NewWithT(t).Expect(style).To(Equal(Style{Color: row.color, Width: 80}))
		})
	}
}
