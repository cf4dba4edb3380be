package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/podknock/podknock/images"
)

// howNodesGetTheImage is told wherever a person could wonder.
const howNodesGetTheImage = "No image is published yet: `podknock image save` makes an archive to import on each node, `podknock image push` writes it to a registry of yours."

func newImageCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "image",
		Short: "Make the image that probe pods run, without Docker",
		Long: "Make the image that probe pods run, podknock-agent, from its program and nothing else, without Docker.\n" + howNodesGetTheImage + "\n\n" +
			"The program is the podknock-agent that is installed beside podknock, for other architectures that in linux_ARCHITECTURE beside it, which\n" +
			"is where `go install` puts them:\n\n" +
			"  CGO_ENABLED=0 go install ./cmd/podknock ./cmd/podknock-agent\n" +
			"  CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go install ./cmd/podknock-agent\n\n" +
			"Without one, and in a checkout of podknock's sources, it is compiled for amd64 and arm64.",
	}
	command.SuggestionsMinimumDistance = 2
	command.RunE = func(command *cobra.Command, arguments []string) error {
		if len(arguments) == 0 {
			return errors.New("image: say what to do with it: save or push")
		}
		if near := command.SuggestionsFor(arguments[0]); len(near) > 0 {
			return fmt.Errorf("image: unknown command %q: did you mean %q?", arguments[0], near[0])
		}
		return fmt.Errorf("image: unknown command %q: use save or push", arguments[0])
	}
	command.AddCommand(newImageSaveCommand(), newImagePushCommand())
	return command
}

// agentFlags say what goes into an image.
type agentFlags struct{ files []string }

func addAgentFlags(command *cobra.Command) *agentFlags {
	flags := &agentFlags{}
	command.Flags().StringArrayVar(&flags.files, "agent", nil, "`file` of a podknock-agent for Linux to take instead; may be repeated, once for each architecture")
	return flags
}

// index is the image, and the platforms that it is for.
func (f *agentFlags) index(ctx context.Context) (v1.ImageIndex, string, error) {
	programs, err := f.programs(ctx)
	if err != nil {
		return nil, "", err
	}
	index, err := images.Multi(programs, imageRelease())
	if err != nil {
		return nil, "", err
	}
	var platforms []string
	for _, program := range programs {
		platforms = append(platforms, "linux/"+program.Architecture)
	}
	return index, strings.Join(platforms, " and "), nil
}

// programs are those named on the command line, or installed beside this one, or compiled from the sources in the current directory.
func (f *agentFlags) programs(ctx context.Context) ([]images.AgentProgram, error) {
	if len(f.files) > 0 {
		var programs []images.AgentProgram
		for _, file := range f.files {
			program, err := images.ReadProgram(file)
			if err != nil {
				return nil, fmt.Errorf("--agent: %w", err)
			}
			programs = append(programs, program)
		}
		return programs, nil
	}
	self, err := executable()
	if err != nil {
		return nil, fmt.Errorf("find the podknock-agent beside podknock: %w", err)
	}
	programs, err := images.FindPrograms(filepath.Dir(self))
	var dynamic *images.NotStaticError
	if err != nil && !errors.As(err, &dynamic) || len(programs) > 0 {
		return programs, err
	}
	if images.InSources(".") {
		return images.CompilePrograms(ctx, ".", imageRelease())
	}
	if dynamic != nil {
		return nil, fmt.Errorf("%w: in podknock's sources, run `CGO_ENABLED=0 go install ./cmd/podknock-agent`", dynamic)
	}
	return nil, fmt.Errorf("there is no podknock-agent in %q, beside podknock: run `CGO_ENABLED=0 go install ./cmd/podknock ./cmd/podknock-agent` in podknock's sources, or name the program with --agent FILE",
		filepath.Dir(self))
}

// executable is the path of this program, behind links: kubectl-podknock may be one.
var executable = func() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(self)
}

// imageRelease is the version that belongs to the image, which is the tag of its default name.
func imageRelease() string { return strings.TrimPrefix(defaultImage(), agentImage+":") }
