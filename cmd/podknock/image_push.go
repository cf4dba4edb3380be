package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/podknock/podknock/images"
	"github.com/podknock/podknock/runner"
)

func newImagePushCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "push REGISTRY/NAME:TAG",
		Short: "Write the image to a registry",
		Long: "Write the image to a registry that the nodes pull from. Credentials are those of `docker login` or `podman login`: the files of\n" +
			"docker and podman are read, and the helpers that they name are asked.",
		Example: "  podknock image push registry.example.org/tools/podknock-agent:dev\n" +
			"  podknock run --image registry.example.org/tools/podknock-agent:dev",
		Args: oneArgument("the image in a registry, such as registry.example.org/podknock-agent:dev"),
	}
	agent := addAgentFlags(command)
	options := images.PushOptions{}
	command.Flags().BoolVar(&options.PlainHTTP, "plain-http", false, "the registry has no TLS; on loopback and private IPv4 addresses that is taken for granted")
	command.RunE = func(command *cobra.Command, arguments []string) error {
		tag, err := images.ParseReference(arguments[0], options)
		if err != nil {
			return err
		}
		index, platforms, err := agent.index(command.Context())
		if err != nil {
			return err
		}
		digest, err := images.Push(command.Context(), tag, index, options)
		if err != nil {
			return failure{runner.ExitInconclusive, err}
		}
		_, err = fmt.Fprintf(command.OutOrStdout(), "pushed %s@%s for %s\nthen: podknock run --image %s\n", tag, digest, platforms, tag)
		return err
	}
	return command
}
