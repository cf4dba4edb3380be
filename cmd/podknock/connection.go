package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

// connectionFlags are kubectl's own flags for reaching a cluster. Inside a cluster, without a kubeconfig, the pod's service account serves.
type connectionFlags struct{ *genericclioptions.ConfigFlags }

func addConnectionFlags(command *cobra.Command) *connectionFlags {
	flags := genericclioptions.NewConfigFlags(true)
	flags.AddFlags(command.Flags())
	command.Flags().Lookup("namespace").Usage = "do everything inside this existing namespace, with rights in it alone; scenarios that need more are skipped"
	return &connectionFlags{flags}
}

// config is how to reach the cluster.
func (f *connectionFlags) config() (*rest.Config, error) {
	// What client-go's parts have to say about streams that end is no message for people; errors come back from their calls.
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	config, err := f.ToRESTConfig()
	if err != nil {
		if clientcmd.IsEmptyConfig(err) || errors.Is(err, genericclioptions.ErrEmptyConfig) {
			return nil, errors.New("no cluster is configured: name one with --kubeconfig or --server")
		}
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	return config, nil
}

// tenant is the namespace that was asked for on the command line. That of the kubeconfig's context does not count.
func (f *connectionFlags) tenant() string { return *f.Namespace }

// context is the name of the kubeconfig's context in use, empty if there is none.
func (f *connectionFlags) context() string {
	if *f.Context != "" {
		return *f.Context
	}
	raw, err := f.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return ""
	}
	return raw.CurrentContext
}
