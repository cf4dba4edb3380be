package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"sigs.k8s.io/yaml"

	"github.com/podknock/podknock/runner/report"
)

// text prints the scenario for a person: topology, then step by step the changes, the policies and the matrix.
func (s *shown) text(out io.Writer) error {
	fmt.Fprintf(out, "%s (%s)\n%s\n\n", s.Name, s.File, s.About)
	if err := s.topology(out); err != nil {
		return err
	}
	for i := range s.Steps {
		step := &s.Steps[i]
		added := ""
		if step.Added {
			added = " (added to prove the paths)"
		}
		fmt.Fprintf(out, "\nstep %d of %d: %s%s\n", i+1, len(s.Steps), step.Name, added)
		for _, change := range step.Changes {
			fmt.Fprintf(out, "  %s\n", change)
		}
		for i := range step.Policies {
			policy, err := yaml.Marshal(step.Policies[i])
			if err != nil {
				return fmt.Errorf("spell policy %q: %w", step.Policies[i].Name, err)
			}
			fmt.Fprintln(out)
			writeIndented(out, strings.Split(strings.TrimRight(string(policy), "\n"), "\n"))
		}
		fmt.Fprintln(out)
		writeIndented(out, report.Expected(step.cells, report.Style{}))
	}
	return nil
}

// topology prints what the scenario declares.
func (s *shown) topology(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, namespace := range s.Namespaces {
		about := "in the cluster " + namespace.Cluster
		if namespace.Existing {
			about = "exists in the cluster"
		}
		fmt.Fprintf(table, "namespace\t%s\t%s\t%s\n", namespace.Name, labels(namespace.Labels), about)
	}
	for _, pod := range s.Pods {
		var about []string
		for _, part := range []struct{ word, value string }{
			{"same node as ", pod.SameNodeAs}, {"other node than ", pod.OtherNodeThan}, {"", pod.Why},
		} {
			if part.value != "" {
				about = append(about, part.word+part.value)
			}
		}
		if pod.HostNetwork {
			about = append(about, "host network")
		}
		ports := strings.Join(pod.Ports, " ")
		if ports == "" {
			ports = "no ports"
		}
		fmt.Fprintf(table, "pod\t%s/%s\t%s\t%s\t%s\n", pod.Namespace, pod.Name, labels(pod.Labels), ports, strings.Join(about, ", "))
	}
	for i := range s.Services {
		service := &s.Services[i]
		var ports []string
		for _, port := range service.Spec.Ports {
			ports = append(ports, fmt.Sprintf("%d:%s/%s", port.Port, port.TargetPort.String(), port.Protocol))
		}
		kind := string(service.Spec.Type)
		if service.Spec.ClusterIP == "None" {
			kind = "headless"
		}
		fmt.Fprintf(table, "service\t%s\t%s\t%s\t%s\n", service.Name, labels(service.Spec.Selector), strings.Join(ports, " "), kind)
	}
	return table.Flush()
}

// writeIndented prints lines under a step.
func writeIndented(out io.Writer, lines []string) {
	for _, line := range lines {
		fmt.Fprintln(out, strings.TrimRight("    "+line, " "))
	}
}

// labels are KEY=VALUE in the order of the keys.
func labels(all map[string]string) string {
	if len(all) == 0 {
		return "no labels"
	}
	pairs := make([]string, 0, len(all))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		pairs = append(pairs, key+"="+all[key])
	}
	return strings.Join(pairs, " ")
}

// labelChanges are KEY=VALUE, or KEY- for a label that is removed, as kubectl label has them.
func labelChanges(all map[string]*string) string {
	pairs := make([]string, 0, len(all))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if all[key] == nil {
			pairs = append(pairs, key+"-")
			continue
		}
		pairs = append(pairs, key+"="+*all[key])
	}
	return strings.Join(pairs, " ")
}
