package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/podknock/podknock/images"
	"github.com/podknock/podknock/runner"
)

func newImageSaveCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "save FILE",
		Short: "Write the image as an archive for `ctr images import`",
		Long: "Write the image as an OCI archive, which containerd, podman and skopeo load. FILE - is standard output.\n" +
			"On a node with containerd, `ctr -n k8s.io images import FILE` loads it; kind has `kind load image-archive FILE`.",
		Example: "  podknock image save podknock-agent.tar\n  podknock image save - | ssh node1 ctr -n k8s.io images import -",
		Args:    oneArgument("a file for the archive, or - for standard output"),
	}
	agent := addAgentFlags(command)
	name := command.Flags().String("name", defaultImage(), "name of the image in the archive, the one that \"podknock run --image\" takes")
	command.RunE = func(command *cobra.Command, arguments []string) error {
		if _, err := images.ParseReference(*name, images.PushOptions{}); err != nil {
			return fmt.Errorf("--name: %w", err)
		}
		file := arguments[0]
		if out, isFile := command.OutOrStdout().(*os.File); file == "-" && isFile && term.IsTerminal(int(out.Fd())) {
			return errors.New("save the image: standard output is a terminal, and the archive is no text: name a file")
		}
		index, platforms, err := agent.index(command.Context())
		if err != nil {
			return err
		}
		if file == "-" {
			if err := images.Save(command.OutOrStdout(), *name, index); err != nil {
				return failure{runner.ExitInconclusive, err}
			}
			_, err = fmt.Fprintf(command.ErrOrStderr(), "wrote %s for %s\n", *name, platforms)
			return err
		}
		if err := saveFile(file, *name, index); err != nil {
			return failure{runner.ExitInconclusive, err}
		}
		_, err = fmt.Fprintf(command.OutOrStdout(), "wrote %s for %s to %s\non each node: ctr -n k8s.io images import %s\n%s", *name, platforms, file, file, useName(*name))
		return err
	}
	return command
}

// saveFile writes the archive into a file, and leaves none if that fails.
func saveFile(path, name string, index v1.ImageIndex) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("save image %q: %w", name, err)
	}
	if err := errors.Join(images.Save(io.Writer(file), name, index), file.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// useName says how a run finds an image that has not the default name.
func useName(name string) string {
	if name == defaultImage() {
		return "then:         podknock run\n"
	}
	return "then:         podknock run --image " + name + "\n"
}

// oneArgument wants exactly one argument and says what it is.
func oneArgument(what string) cobra.PositionalArgs {
	return func(command *cobra.Command, arguments []string) error {
		if len(arguments) != 1 {
			return fmt.Errorf("%s: name %s", command.CommandPath(), what)
		}
		return nil
	}
}
