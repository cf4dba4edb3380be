package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/podknock/podknock/runner/report"
)

// released is the version that a release build sets: -ldflags "-X main.released=v1.2.3".
var released string

// versions are what `podknock version` tells.
type versions struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	// Agent is the image that probe pods run unless --image names another one.
	Agent string `json:"agent"`
}

func newVersionCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "version",
		Short: "Print the version of podknock and of its agent",
		Long:  "Print the version of podknock, the Go that built it, and the image that its probe pods run.",
		Args:  cobra.NoArgs,
	}
	format := addOutputFlag(command, outputText, outputJSON)
	command.RunE = func(command *cobra.Command, _ []string) error {
		v := versions{Version: clientVersion(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Agent: defaultImage()}
		if format.chosen == outputJSON {
			return report.EncodeJSON(command.OutOrStdout(), v)
		}
		_, err := fmt.Fprintf(command.OutOrStdout(), "podknock %s (%s, %s)\nagent    %s\n", v.Version, v.Go, v.Platform, v.Agent)
		return err
	}
	return command
}

// clientVersion is that of the release, or of the module as `go install` took it, or (devel).
func clientVersion() string {
	if released != "" {
		return released
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
