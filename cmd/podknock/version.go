package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"

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
	// Cluster is what was learnt of the cluster, nil if it was not asked.
	Cluster *clusterVersion `json:"cluster,omitempty"`
}

// clusterVersion is what `podknock version` tells of the cluster.
type clusterVersion struct {
	Context string `json:"context,omitempty"`
	Server  string `json:"server,omitempty"`
	// Version is that of its API server. Error says why it is empty.
	Version string `json:"version,omitempty"`
	Error   string `json:"error,omitempty"`
}

// versionTimeout bounds the question to the cluster unless --request-timeout does.
const versionTimeout = 3 * time.Second

func newVersionCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of podknock, of its agent and of the cluster",
		Long: "Print the version of podknock, the Go that built it, the image that its probe pods run, and the version of the cluster's API server.\n" +
			"Without a cluster it says so, which is no error.",
		Args: cobra.NoArgs,
	}
	connection := addConnectionFlags(command, "")
	client := command.Flags().Bool("client", false, "do not ask the cluster")
	format := addOutputFlag(command, outputText, outputJSON)
	command.RunE = func(command *cobra.Command, _ []string) error {
		v := versions{Version: clientVersion(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Agent: defaultImage()}
		if !*client {
			v.Cluster = askVersion(command.Context(), connection)
		}
		if format.chosen == outputJSON {
			return report.EncodeJSON(command.OutOrStdout(), v)
		}
		return writeText(command.OutOrStdout(), v.text())
	}
	return command
}

// text is a line for each version.
func (v *versions) text() string {
	text := fmt.Sprintf("podknock %s (%s, %s)\nagent    %s\n", v.Version, v.Go, v.Platform, v.Agent)
	switch c := v.Cluster; {
	case c == nil:
	case c.Error != "":
		text += fmt.Sprintf("cluster  not known: %s\n", c.Error)
	case c.Context != "":
		text += fmt.Sprintf("cluster  Kubernetes %s at %s (context %s)\n", c.Version, c.Server, c.Context)
	default:
		text += fmt.Sprintf("cluster  Kubernetes %s at %s\n", c.Version, c.Server)
	}
	return text
}

// askVersion asks the cluster for its version. That there is no cluster, or none that answers, is part of what it returns.
func askVersion(ctx context.Context, connection *connectionFlags) *clusterVersion {
	config, err := connection.config()
	if err != nil {
		return &clusterVersion{Error: err.Error()}
	}
	result := &clusterVersion{Context: connection.context(), Server: config.Host}
	if config.Timeout == 0 {
		config.Timeout = versionTimeout
	}
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		result.Error = err.Error()
		return result
	}
	var info version.Info
	content, err := client.RESTClient().Get().AbsPath("/version").Do(ctx).Raw()
	if err == nil {
		err = json.Unmarshal(content, &info)
	}
	if err != nil {
		result.Error = fmt.Sprintf("%s does not answer: %v", config.Host, err)
	}
	result.Version = info.GitVersion
	return result
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
