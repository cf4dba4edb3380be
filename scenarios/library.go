package scenarios

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/podknock/podknock/scenarios/internal/strict"
)

//go:embed library
var libraryFiles embed.FS

const libraryRoot = "library"

// Entry is a built-in scenario.
type Entry struct {
	Suite string
	Name  string
	// File is its path within the library: library/SUITE/NAME.yaml.
	File string
}

// String is SUITE/NAME.
func (e Entry) String() string { return e.Suite + "/" + e.Name }

// Library lists the built-in scenarios by suite and name. Each is library/SUITE/NAME.yaml.
func Library() ([]Entry, error) {
	files, err := fs.Glob(libraryFiles, libraryRoot+"/*/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list the library: %w", err)
	}
	entries := make([]Entry, len(files))
	for i, file := range files {
		entries[i] = Entry{
			Suite: path.Base(path.Dir(file)), Name: strings.TrimSuffix(path.Base(file), ".yaml"), File: file,
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.String(), b.String()) })
	return entries, nil
}

// ReadLibrary reads a file of the library, a scenario or one of its policy files, by its path as in [Entry].
func ReadLibrary(name string) ([]byte, error) {
	return libraryFiles.ReadFile(filepath.ToSlash(name))
}

// Find loads the scenarios that the arguments mean, each a suite, NAME or SUITE/NAME of the library, a file, or a directory, whose files
// *.yaml and *.yml that are scenarios are taken in the order of their names. An argument with a separator or an ending of a file is never
// a name of the library, but for SUITE/NAME. What is meant twice is loaded once. All faults are reported together.
func (l Loader) Find(arguments ...string) ([]*Scenario, error) {
	library, err := Library()
	if err != nil {
		return nil, err
	}
	var found []*Scenario
	var errs []error
	seen := map[string]bool{}
	load := func(loader Loader, file string) {
		if seen[file] {
			return
		}
		seen[file] = true
		scenario, err := loader.Load(file)
		if err != nil {
			errs = append(errs, err)
			return
		}
		found = append(found, scenario)
	}
	builtin := l
	builtin.ReadFile = ReadLibrary
	for _, argument := range arguments {
		matches := matching(library, argument)
		for _, entry := range matches {
			load(builtin, entry.File)
		}
		if len(matches) > 0 {
			continue
		}
		files, err := scenarioFiles(argument, library)
		errs = append(errs, err)
		for _, file := range files {
			load(l, file)
		}
	}
	return found, errors.Join(errs...)
}

// matching are the entries that an argument names.
func matching(library []Entry, argument string) []Entry {
	return slices.DeleteFunc(slices.Clone(library), func(e Entry) bool {
		return argument != e.Suite && argument != e.Name && argument != e.String()
	})
}

// scenarioFiles are the files that an argument names.
func scenarioFiles(argument string, library []Entry) ([]string, error) {
	info, err := os.Stat(argument)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(argument, `./\`):
		var names []string
		for _, entry := range library {
			names = append(names, entry.Name, entry.Suite)
		}
		if nearest := strict.Nearest(argument, names); nearest != "" {
			return nil, fmt.Errorf("find scenario %q: neither a built-in scenario nor a file: did you mean %q?", argument, nearest)
		}
		return nil, fmt.Errorf("find scenario %q: neither a built-in scenario nor a file: see `podknock list`", argument)
	case err != nil:
		return nil, fmt.Errorf("find scenario: %w", err)
	case !info.IsDir():
		return []string{argument}, nil
	}
	entries, err := os.ReadDir(argument)
	if err != nil {
		return nil, fmt.Errorf("find scenarios: %w", err)
	}
	var files []string
	for _, entry := range entries {
		file := filepath.Join(argument, entry.Name())
		if ending := filepath.Ext(file); !entry.IsDir() && (ending == ".yaml" || ending == ".yml") {
			isScenario, err := holdsScenario(file)
			if err != nil {
				return nil, fmt.Errorf("find scenarios: %w", err)
			}
			if isScenario {
				files = append(files, file)
			}
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("find scenarios in %q: no file there has apiVersion %s", argument, APIVersion)
	}
	return files, nil
}

// holdsScenario reports whether a file of a directory is to be loaded. Policies may lie beside scenarios; a file that can't be parsed is
// loaded, so that its fault is told.
func holdsScenario(file string) (bool, error) {
	data, err := Loader{}.read(file)
	if err != nil {
		return false, err
	}
	roots, problems := strict.Parse(data)
	if len(problems) > 0 {
		return true, nil
	}
	for _, root := range roots {
		version := childOf(root, "apiVersion")
		if version != nil && strings.HasPrefix(version.Value, strings.Split(APIVersion, "/")[0]) {
			return true, nil
		}
	}
	return false, nil
}
