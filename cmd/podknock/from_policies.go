package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/cluster"
	"github.com/podknock/podknock/scenarios"
	"github.com/podknock/podknock/scenarios/generate"
)

// fromPolicies are the namespaces whose live policies are proven instead of scenarios that somebody has written.
type fromPolicies struct{ namespaces []string }

// everyNamespace is what the flag means without a value.
const everyNamespace = "*"

func addFromPolicies(command *cobra.Command, usage string) *fromPolicies {
	source := &fromPolicies{}
	command.Flags().StringSliceVar(&source.namespaces, "from-policies", nil, usage)
	command.Flags().Lookup("from-policies").NoOptDefVal = everyNamespace
	return source
}

func (f *fromPolicies) wanted() bool { return len(f.namespaces) > 0 }

// readTimeout bounds the reading of policies.
const readTimeout = time.Minute

// read makes scenarios of the policies that are live now, and says what they do not prove.
func (f *fromPolicies) read(ctx context.Context, connection *connectionFlags, loader scenarios.Loader) (found []*scenarios.Scenario, notes []string, err error) {
	config, err := connection.config()
	if err != nil {
		return nil, nil, failure{runner.ExitInconclusive, err}
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, nil, failure{runner.ExitInconclusive, err}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, readTimeout, fmt.Errorf("it took longer than %s", readTimeout))
	defer cancel()
	if found, notes, err = f.generate(ctx, client, loader); err != nil {
		return nil, nil, failure{runner.ExitInconclusive, fmt.Errorf("--from-policies: %w", explainSilence(config, err))}
	}
	return found, notes, nil
}

func (f *fromPolicies) generate(ctx context.Context, client kubernetes.Interface, loader scenarios.Loader) (found []*scenarios.Scenario, notes []string, err error) {
	namespaces, where := f.namespaces, "namespace "+strings.Join(f.namespaces, ", ")
	if slices.Contains(namespaces, everyNamespace) {
		namespaces, where = nil, "the cluster"
	}
	policies, pods, note, err := cluster.ReadPolicies(ctx, client, namespaces)
	if err != nil {
		return nil, nil, err
	}
	if len(policies) == 0 {
		return nil, nil, errors.New("no NetworkPolicy is in " + where)
	}
	results, err := generate.All(policies, generate.Options{Pods: pods})
	if err != nil {
		return nil, nil, err
	}
	if note != "" {
		notes = append(notes, note)
	}
	for _, result := range results {
		for _, sentence := range result.Unproven {
			notes = append(notes, fmt.Sprintf("not proven of %s: %s", result.Policy, sentence))
		}
		for _, made := range result.Scenarios {
			scenario, err := loader.Parse(made.Name+".yaml", made.YAML)
			if err != nil {
				return nil, nil, fmt.Errorf("the scenario of policy %s: %w", result.Policy, err)
			}
			found = append(found, scenario)
		}
	}
	if len(found) == 0 {
		return nil, nil, errors.New("no scenario proves anything of the policies: " + strings.Join(notes, "; "))
	}
	return found, notes, nil
}
