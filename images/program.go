package images

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// AgentProgram is a program of the agent that can run in an image.
type AgentProgram struct {
	// Architecture is the one that it was built for, named as by GOARCH.
	Architecture string
	// From says where the program was found, for people.
	From    string
	Content []byte
}

// NotStaticError says that a program needs libraries of the system, of which the image has none.
type NotStaticError struct{ Path string }

// Error says what to do about it.
func (e *NotStaticError) Error() string {
	return fmt.Sprintf("program %q needs libraries of the system, and the image has none: build it with CGO_ENABLED=0", e.Path)
}

// ReadProgram reads a program of the agent from a file. It fails for anything else: another program, another system, another architecture
// than those of [Architectures], and with a [NotStaticError] for a program that needs libraries.
func ReadProgram(path string) (AgentProgram, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return AgentProgram{}, fmt.Errorf("read the agent's program: %w", err)
	}
	wrong := func(what string) (AgentProgram, error) {
		return AgentProgram{}, fmt.Errorf("file %q is no program for an image: %s", path, what)
	}
	info, err := buildinfo.Read(bytes.NewReader(content))
	if err != nil {
		return wrong("it was not built by Go")
	}
	if info.Path != Agent.packagePath() {
		return wrong(fmt.Sprintf("it is %s, not podknock-agent", info.Path))
	}
	settings := map[string]string{}
	for _, setting := range info.Settings {
		settings[setting.Key] = setting.Value
	}
	system, architecture := settings["GOOS"], settings["GOARCH"]
	if system != "linux" || !slices.Contains(Architectures(), architecture) {
		return wrong(fmt.Sprintf("it is for %s/%s, and images are made for Linux on %v", system, architecture, Architectures()))
	}
	binary, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return wrong(err.Error())
	}
	if slices.ContainsFunc(binary.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		return AgentProgram{}, &NotStaticError{path}
	}
	return AgentProgram{Architecture: architecture, From: path, Content: content}, nil
}

// FindPrograms returns the agent's programs where `go install` puts them: in the directory for this machine, and in its subdirectory
// linux_ARCHITECTURE for another. It returns none if there is none, and fails if one that is there cannot be used.
func FindPrograms(directory string) ([]AgentProgram, error) {
	const file = "podknock-agent"
	paths := []string{filepath.Join(directory, file)}
	for _, architecture := range Architectures() {
		paths = append(paths, filepath.Join(directory, "linux_"+architecture, file))
	}
	var found []AgentProgram
	for _, path := range paths {
		program, err := ReadProgram(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		}
		// Two for one architecture are the same program, installed twice: the first is the one for this machine.
		if !slices.ContainsFunc(found, func(p AgentProgram) bool { return p.Architecture == program.Architecture }) {
			found = append(found, program)
		}
	}
	return found, nil
}

// InSources tells whether a directory is in a checkout of podknock's sources, so that [Compile] can work there.
func InSources(dir string) bool {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	for {
		content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil {
			return bytes.HasPrefix(content, []byte("module "+modulePath+"\n"))
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return false
		}
		dir = parent
	}
}

// CompilePrograms compiles the agent for every architecture, see [Compile].
func CompilePrograms(ctx context.Context, dir, release string) ([]AgentProgram, error) {
	var programs []AgentProgram
	for _, architecture := range Architectures() {
		content, err := Compile(ctx, dir, Agent, architecture, release)
		if err != nil {
			return nil, err
		}
		programs = append(programs, AgentProgram{Architecture: architecture, From: "the sources", Content: content})
	}
	return programs, nil
}

// Multi returns one image of the programs' architectures. There must be one program of each at most.
func Multi(programs []AgentProgram, release string) (v1.ImageIndex, error) {
	var all []v1.Image
	taken := map[string]string{}
	for _, program := range programs {
		if other, is := taken[program.Architecture]; is {
			return nil, fmt.Errorf("make image: %q and %q are both for %s: one is enough", other, program.From, program.Architecture)
		}
		taken[program.Architecture] = program.From
		image, err := Image(Agent, program.Content, program.Architecture, release)
		if err != nil {
			return nil, err
		}
		all = append(all, image)
	}
	return Index(all...)
}
