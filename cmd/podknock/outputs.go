package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/report"
)

// outputFlags say how and where the report is written: -o chooses the format of standard output, and each --output-file adds a file.
type outputFlags struct {
	format *outputFlag
	files  []string

	opened []outputFile
}

// outputFile is a file for one rendering.
type outputFile struct {
	format report.Format
	file   *os.File
}

func addOutputFlags(command *cobra.Command) *outputFlags {
	var words []string
	for _, format := range report.Formats() {
		words = append(words, string(format))
	}
	flags := &outputFlags{format: addOutputFlag(command, words...)}
	command.Flags().StringArrayVar(&flags.files, "output-file", nil,
		"file for the report too, [FORMAT=]NAME; the ending tells the format otherwise (.json, .xml, .md, .txt); may be repeated")
	return flags
}

// endings tell the format of a file.
var endings = map[string]report.Format{
	".json": report.FormatJSON, ".xml": report.FormatJUnit, ".md": report.FormatMarkdown, ".txt": report.FormatText,
}

// open creates the files, so that a mistake shows before the run.
func (f *outputFlags) open() error {
	for _, text := range f.files {
		format, name, err := parseOutputFile(text)
		if err != nil {
			return err
		}
		file, err := os.Create(name)
		if err != nil {
			return fmt.Errorf("--output-file: %w", err)
		}
		f.opened = append(f.opened, outputFile{format, file})
	}
	return nil
}

func parseOutputFile(text string) (report.Format, string, error) {
	if word, name, found := strings.Cut(text, "="); found && slices.Contains(report.Formats(), report.Format(word)) {
		return report.Format(word), name, nil
	}
	for ending, format := range endings {
		if strings.HasSuffix(text, ending) {
			return format, text, nil
		}
	}
	return "", "", fmt.Errorf("--output-file %q: its ending tells no format: write FORMAT=NAME, such as junit=%s", text, text)
}

// write renders the report to standard output and to every file.
func (f *outputFlags) write(out io.Writer, result *runner.Report) error {
	return f.writeWith(out, func(out io.Writer, format report.Format, options report.Options) error {
		return report.Write(out, format, result, options)
	})
}

// writeWith is write for a report that render renders.
func (f *outputFlags) writeWith(out io.Writer, render func(io.Writer, report.Format, report.Options) error) error {
	var errs []error
	options := report.Options{}
	for _, file := range f.opened {
		err := errors.Join(render(file.file, file.format, report.Options{}), file.file.Close())
		if err != nil {
			errs = append(errs, fmt.Errorf("write %q: %w", file.file.Name(), err))
			continue
		}
		options.Files = append(options.Files, fmt.Sprintf("%s to %s", file.format, file.file.Name()))
	}
	if file, ok := out.(*os.File); ok {
		options.Style = report.StyleOf(file, os.Getenv)
	}
	var text bytes.Buffer
	if err := render(&text, report.Format(f.format.chosen), options); err != nil {
		return errors.Join(append(errs, err)...)
	}
	_, err := out.Write(text.Bytes())
	return errors.Join(append(errs, err)...)
}
