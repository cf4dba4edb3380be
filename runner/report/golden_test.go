package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/runner"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

// TestReportsLookAsInTheGoldenFiles renders each sample and compares it byte for byte. `-update` writes the files.
func TestReportsLookAsInTheGoldenFiles(t *testing.T) {
	for _, row := range []struct {
		file   string
		report func(*testing.T) *runner.Report
		format Format
		options
	}{
		{file: "set-up-failed.txt", report: setUpFailed, format: FormatText},
		{file: "set-up-failed.xml", report: setUpFailed, format: FormatJUnit},
		{file: "set-up-failed.md", report: setUpFailed, format: FormatMarkdown},
		{file: "failed.txt", report: failed, format: FormatText},
		{file: "failed-in-colour.txt", report: failed, format: FormatText, options: options{color: true}},
		{file: "repeated.json", report: repeated, format: FormatJSON},
		{file: "failed.xml", report: failed, format: FormatJUnit},
		{file: "failed.md", report: failed, format: FormatMarkdown},
		{file: "not-enforced.txt", report: notEnforced, format: FormatText},
		{file: "not-tested.txt", report: notTested, format: FormatText},
		{file: "hostile.txt", report: hostile, format: FormatText},
		{file: "hostile.xml", report: hostile, format: FormatJUnit},
		{file: "hostile.md", report: hostile, format: FormatMarkdown},
		{file: "passed.txt", report: passed, format: FormatText, options: options{files: []string{"junit to results.xml"}}},
		{file: "passed.md", report: passed, format: FormatMarkdown},
	} {
		t.Run(row.file, func(t *testing.T) {
			g := NewWithT(t)
			var first, second bytes.Buffer
			options := Options{Style: Style{Color: row.color}, Files: row.files}
			g.Expect(Write(&first, row.format, row.report(t), options)).To(Succeed())
			g.Expect(Write(&second, row.format, row.report(t), options)).To(Succeed())
			g.Expect(second.String()).To(Equal(first.String()), "the same report gives the same bytes")
			compareWithGolden(t, row.file, first.Bytes())
		})
	}
}

type options struct {
	color bool
	files []string
}

// compareWithGolden compares bytes with a golden file, or writes it.
func compareWithGolden(t *testing.T, file string, got []byte) {
	t.Helper()
	g := NewWithT(t)
	path := filepath.Join("testdata", file)
	if *update {
		g.Expect(os.WriteFile(path, got, 0o644)).To(Succeed())
	}
	want, err := os.ReadFile(path)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(got)).To(Equal(string(want)), "if the change is meant, run go test ./runner/report -update and read the difference")
}

func TestAnUnknownFormatIsRefused(t *testing.T) {
	g := NewWithT(t)
	g.Expect(Write(&bytes.Buffer{}, "html", &runner.Report{}, Options{})).To(MatchError(`render report: unknown format "html"`))
}
