package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/runner/cluster"
)

// podFlags say where probe pods run and where their image comes from.
type podFlags struct {
	image, registry, pullPolicy            string
	pullSecrets, nodeSelector, tolerations []string
	pullTimeout                            time.Duration
}

// agentImage is the repository of the agent's image. Its tag is the version of this program.
const agentImage = "podknock.dev/agent"

// defaultImage is the image of the agent that belongs to this program.
func defaultImage() string {
	if released == "" {
		return agentImage + ":dev"
	}
	return agentImage + ":" + released
}

func addPodFlags(command *cobra.Command) *podFlags {
	flags := &podFlags{}
	set := command.Flags()
	set.StringVar(&flags.image, "image", defaultImage(), "`image` of the agent; none is published yet: \"podknock image\" makes it")
	set.StringVar(&flags.registry, "registry", "", "registry to take the place of the image's own, such as registry.example.org/mirror")
	set.StringVar(&flags.pullPolicy, "image-pull-policy", "", "Always, IfNotPresent or Never")
	set.StringArrayVar(&flags.pullSecrets, "image-pull-secret", nil, "name of a Secret for the image in the namespace of the pods; may be repeated")
	set.DurationVar(&flags.pullTimeout, "pull-timeout", cluster.DefaultPullTimeout, "how long a node may pull the image")
	set.StringArrayVar(&flags.nodeSelector, "node-selector", nil, "label of the nodes for probe pods, KEY=VALUE; may be repeated")
	set.StringArrayVar(&flags.tolerations, "toleration", nil, "taint that probe pods tolerate, KEY[=VALUE][:EFFECT], or * for all; may be repeated")
	return flags
}

// apply puts the flags into the options.
func (f *podFlags) apply(options *cluster.Options) error {
	options.Image = f.image
	if f.registry != "" {
		_, rest, found := strings.Cut(f.image, "/")
		if !found {
			rest = f.image
		}
		options.Image = strings.TrimSuffix(f.registry, "/") + "/" + rest
	}
	switch policy := corev1.PullPolicy(f.pullPolicy); policy {
	case "", corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever:
		options.PullPolicy = policy
	default:
		return fmt.Errorf("--image-pull-policy %q: write Always, IfNotPresent or Never", f.pullPolicy)
	}
	if f.pullTimeout <= 0 {
		return fmt.Errorf("--pull-timeout %s: write a duration above 0, such as 1m", f.pullTimeout)
	}
	options.PullSecrets, options.PullTimeout = f.pullSecrets, f.pullTimeout
	for _, pair := range f.nodeSelector {
		key, value, found := strings.Cut(pair, "=")
		if !found || key == "" {
			return fmt.Errorf("--node-selector %q: write KEY=VALUE", pair)
		}
		if options.NodeSelector == nil {
			options.NodeSelector = map[string]string{}
		}
		options.NodeSelector[key] = value
	}
	for _, text := range f.tolerations {
		toleration, err := parseToleration(text)
		if err != nil {
			return err
		}
		options.Tolerations = append(options.Tolerations, toleration)
	}
	return nil
}

// parseToleration reads KEY[=VALUE][:EFFECT], as kubectl writes taints. "*" tolerates every taint.
func parseToleration(text string) (corev1.Toleration, error) {
	if text == "*" {
		return corev1.Toleration{Operator: corev1.TolerationOpExists}, nil
	}
	taint, effect, _ := strings.Cut(text, ":")
	key, value, hasValue := strings.Cut(taint, "=")
	toleration := corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffect(effect)}
	if hasValue {
		toleration.Operator, toleration.Value = corev1.TolerationOpEqual, value
	}
	switch toleration.Effect {
	case "", corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute:
	default:
		return corev1.Toleration{}, fmt.Errorf("--toleration %q: %q is no effect: write NoSchedule, PreferNoSchedule or NoExecute", text, effect)
	}
	if key == "" {
		return corev1.Toleration{}, fmt.Errorf("--toleration %q: write KEY[=VALUE][:EFFECT], or *", text)
	}
	return toleration, nil
}
