package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

// connectionFlags are kubectl's own flags for reaching a cluster. Inside a cluster, without a kubeconfig, the pod's service account serves.
type connectionFlags struct{ *genericclioptions.ConfigFlags }

// addConnectionFlags gives a command the flags, and the flag for the namespace its meaning there; without one it keeps kubectl's.
func addConnectionFlags(command *cobra.Command, namespace string) *connectionFlags {
	flags := genericclioptions.NewConfigFlags(true)
	flags.AddFlags(command.Flags())
	if namespace != "" {
		command.Flags().Lookup("namespace").Usage = namespace
	}
	return &connectionFlags{flags}
}

// config is how to reach the cluster.
func (f *connectionFlags) config() (*rest.Config, error) {
	// What client-go's parts have to say about streams that end is no message for people; errors come back from their calls.
	klog.SetLogger(klog.Logger{})
	config, err := f.ToRESTConfig()
	if err == nil && !f.guessed(config) {
		return config, nil
	}
	if err == nil || clientcmd.IsEmptyConfig(err) || errors.Is(err, genericclioptions.ErrEmptyConfig) {
		return nil, errors.New("no cluster is configured: name one with --kubeconfig or --server")
	}
	return nil, fmt.Errorf("read the kubeconfig: %w", err)
}

// guessed tells whether the configuration is the address that kubectl's flags fall back to where nothing names a cluster, which is rarely one.
func (f *connectionFlags) guessed(config *rest.Config) bool {
	raw, err := f.ToRawKubeConfigLoader().RawConfig()
	return err == nil && len(raw.Clusters) == 0 && *f.APIServer == "" && os.Getenv("KUBERNETES_MASTER") == "" &&
		config.Host == "http://localhost:8080"
}

// explainSilence says of a call that got no answer at all that the cluster cannot be reached, and why. Other errors it leaves as they are.
func explainSilence(config *rest.Config, err error) error {
	var call *url.Error
	if !errors.As(err, &call) {
		return err
	}
	return fmt.Errorf("the cluster at %s cannot be reached: %w: is it up, and is this the right context?", config.Host, call.Err)
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
