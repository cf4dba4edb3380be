package main

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/scenarios"
)

// scenarioFlags are the flags of every verb that loads scenarios.
type scenarioFlags struct {
	set      []string
	external []string
	family   string
}

func addScenarioFlags(command *cobra.Command) *scenarioFlags {
	flags := &scenarioFlags{}
	command.Flags().StringArrayVar(&flags.set, "set", nil, "value of a variable of the scenarios, `NAME=VALUE`; may be repeated")
	command.Flags().StringArrayVar(&flags.external, "external", nil,
		"address of a host outside the cluster, `NAME=ADDRESS`; may be repeated, once for each family of a host too")
	command.Flags().StringVar(&flags.family, "ip-family", "", "only this `family`: IPv4 or IPv6")
	return flags
}

// loader is the loader that the flags ask for.
func (f *scenarioFlags) loader() (scenarios.Loader, error) {
	loader := scenarios.Loader{Variables: map[string]string{}, External: map[string][]netip.Addr{}}
	for _, pair := range f.set {
		name, value, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return scenarios.Loader{}, fmt.Errorf("--set %q: write NAME=VALUE", pair)
		}
		loader.Variables[name] = value
	}
	for _, pair := range f.external {
		name, value, _ := strings.Cut(pair, "=")
		address, err := netip.ParseAddr(value)
		if err != nil || name == "" {
			return scenarios.Loader{}, fmt.Errorf("--external %q: write NAME=ADDRESS with an IP address", pair)
		}
		loader.External[name] = append(loader.External[name], address)
	}
	return loader, nil
}

// find loads the scenarios that the arguments mean. A value that no scenario takes, neither one of these nor a built-in one, is a mistake:
// the scenario that it was meant for would go without it in silence.
func (f *scenarioFlags) find(loader scenarios.Loader, arguments []string) ([]*scenarios.Scenario, error) {
	found, err := loader.Find(arguments...)
	if err != nil || len(loader.Variables) == 0 && len(loader.External) == 0 {
		return found, err
	}
	known := slices.Clone(found)
	library, err := scenarios.Library()
	if err != nil {
		return nil, err
	}
	for _, entry := range library {
		scenario, err := scenarios.Loader{ReadFile: scenarios.ReadLibrary}.Load(entry.File)
		if err != nil {
			return nil, err
		}
		known = append(known, scenario)
	}
	var variables, hosts []string
	for _, scenario := range known {
		for _, variable := range scenario.Variables {
			variables = append(variables, variable.Name)
		}
		for _, host := range scenario.External {
			hosts = append(hosts, host.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(loader.Variables)) {
		if !slices.Contains(variables, name) {
			return nil, fmt.Errorf("--set %s: no scenario has a variable %q%s", name, name, orNearest(name, variables))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(loader.External)) {
		if !slices.Contains(hosts, name) {
			return nil, fmt.Errorf("--external %s: no scenario has a host %q%s", name, name, orNearest(name, hosts))
		}
	}
	return found, nil
}

// families are those that are asked for, or else the given ones.
func (f *scenarioFlags) families(others ...corev1.IPFamily) ([]corev1.IPFamily, error) {
	if f.family == "" {
		return others, nil
	}
	all := scenarios.Families()
	i := slices.IndexFunc(all, func(family corev1.IPFamily) bool { return strings.EqualFold(string(family), f.family) })
	if i < 0 {
		return nil, fmt.Errorf("--ip-family %q: write IPv4 or IPv6", f.family)
	}
	return all[i : i+1], nil
}
