package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/podknock/podknock/runner/report"
	"github.com/podknock/podknock/scenarios"
)

// shownRun is the run id that show names namespaces with: no run has happened.
const shownRun = "example"

func newShowCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "show NAME|SUITE|FILE|DIR ...",
		Short: "Show what scenarios create, apply and expect",
		Long: "Show scenarios as a run carries them out: the pods and Services, the policies as they are applied, and what every knock should\n" +
			"find after each step. No cluster is needed: without --ip-family, the cells are those of a cluster with IPv4 alone. Namespaces get\n" +
			"unique names in each run; here they are those of a run with the id \"" + shownRun + "\".",
		Example: "  podknock show default-deny\n  podknock show my-scenario.yaml --set branch=192.0.2.0/24\n" +
			"  podknock show internal-policy -o yaml",
		Args:              someScenario,
		ValidArgsFunction: completeScenarios,
	}
	flags := addScenarioFlags(command)
	format := addOutputFlag(command, outputText, outputYAML, outputJSON)
	command.RunE = func(command *cobra.Command, arguments []string) error {
		all, err := showAll(flags, arguments)
		if err != nil {
			return err
		}
		for i := range all {
			if err := all[i].write(command.OutOrStdout(), format.chosen, i == 0); err != nil {
				return err
			}
		}
		return nil
	}
	return command
}

// showAll loads scenarios and writes them out.
func showAll(flags *scenarioFlags, arguments []string) ([]shown, error) {
	loader, err := flags.loader()
	if err != nil {
		return nil, err
	}
	families, err := flags.families(corev1.IPv4Protocol)
	if err != nil {
		return nil, err
	}
	found, err := flags.find(loader, arguments)
	if err != nil {
		return nil, err
	}
	all := make([]shown, len(found))
	for i, scenario := range found {
		expansion, err := scenarios.Expand(scenario, scenarios.ExpandOptions{Families: families})
		if err != nil {
			return nil, err
		}
		if all[i], err = newShown(expansion); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// write prints one of several scenarios.
func (s *shown) write(out io.Writer, format string, first bool) error {
	switch format {
	case outputJSON:
		return report.EncodeJSON(out, s)
	case outputYAML:
		text, err := yaml.Marshal(s)
		if err != nil {
			return fmt.Errorf("spell scenario %q: %w", s.Name, err)
		}
		separator := "---\n"
		if first {
			separator = ""
		}
		_, err = fmt.Fprintf(out, "%s%s", separator, text)
		return err
	}
	var text strings.Builder
	if !first {
		text.WriteString("\n")
	}
	if err := s.text(&text); err != nil {
		return err
	}
	return writeText(out, text.String())
}

// shown is a scenario as a run carries it out.
type shown struct {
	Name       string           `json:"name"`
	File       string           `json:"file"`
	About      string           `json:"about"`
	Namespaces []shownNamespace `json:"namespaces"`
	Pods       []shownPod       `json:"pods"`
	Services   []corev1.Service `json:"services,omitempty"`
	Steps      []shownStep      `json:"steps"`
}

// shownNamespace has the scenario's name and the one in the cluster.
type shownNamespace struct {
	Name     string            `json:"name"`
	Cluster  string            `json:"nameInCluster"`
	Labels   map[string]string `json:"labels,omitempty"`
	Existing bool              `json:"existing,omitempty"`
}

type shownPod struct {
	Name          string            `json:"name"`
	Namespace     string            `json:"namespace"`
	Labels        map[string]string `json:"labels,omitempty"`
	Ports         []string          `json:"ports,omitempty"`
	SameNodeAs    string            `json:"sameNodeAs,omitempty"`
	OtherNodeThan string            `json:"otherNodeThan,omitempty"`
	HostNetwork   bool              `json:"hostNetwork,omitempty"`
	Why           string            `json:"why,omitempty"`
}

type shownStep struct {
	Name string `json:"name"`
	// Added says that the step is none of the file's: it proves paths.
	Added    bool                         `json:"added,omitempty"`
	Changes  []string                     `json:"changes,omitempty"`
	Policies []networkingv1.NetworkPolicy `json:"policies,omitempty"`
	Cells    []shownCell                  `json:"cells"`

	cells []scenarios.Cell
}

type shownCell struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Port     int32  `json:"port,omitempty"`
	Protocol string `json:"protocol"`
	Family   string `json:"family"`
	Expected string `json:"expected"`
	// Because is stated, kept, computed or no-policy; Line is that of the file for the first two.
	Because string `json:"because"`
	Line    int    `json:"line,omitempty"`
	// Control says what proves the path of a cell that should fail.
	Control string `json:"control,omitempty"`
}

// newShown writes a scenario out.
func newShown(expansion *scenarios.Expansion) (shown, error) {
	scenario := expansion.Scenario
	naming, err := scenarios.NewNaming(shownRun, scenario)
	if err != nil {
		return shown{}, err
	}
	s := shown{
		Name: scenario.Metadata.Name, File: scenario.File(), About: scenario.About, Services: naming.Topology().Services,
	}
	for _, namespace := range scenario.Namespaces {
		s.Namespaces = append(s.Namespaces, shownNamespace{
			Name: namespace.Name, Cluster: naming.Namespace(namespace.Name), Labels: namespace.Labels, Existing: namespace.Existing,
		})
	}
	for _, pod := range scenario.Pods {
		one := shownPod{
			Name: pod.Name, Namespace: pod.Namespace, Labels: pod.Labels, SameNodeAs: pod.SameNodeAs, OtherNodeThan: pod.OtherNodeThan,
			HostNetwork: pod.HostNetwork, Why: pod.Why,
		}
		for _, port := range pod.Ports {
			one.Ports = append(one.Ports, port.String())
		}
		s.Pods = append(s.Pods, one)
	}
	for i := range expansion.Steps {
		s.Steps = append(s.Steps, newShownStep(expansion, i, naming))
	}
	return s, nil
}

func newShownStep(expansion *scenarios.Expansion, i int, naming scenarios.Naming) shownStep {
	step := &expansion.Steps[i]
	one := shownStep{Name: step.Name, Added: step.Step < 0, cells: step.Cells}
	for _, ref := range step.Delete {
		one.Changes = append(one.Changes, "delete "+ref.String())
	}
	for _, apply := range step.Apply {
		for j := range apply.Policies {
			policy := &apply.Policies[j]
			ref := scenarios.Ref{Kind: scenarios.RefPolicy, Namespace: policy.Namespace, Name: policy.Name}
			one.Changes = append(one.Changes, "apply "+ref.String())
			applied := naming.Policy(policy)
			applied.APIVersion, applied.Kind = networkingv1.SchemeGroupVersion.String(), "NetworkPolicy"
			one.Policies = append(one.Policies, *applied)
		}
	}
	for _, label := range step.Label {
		one.Changes = append(one.Changes, "label "+label.Object.String()+" "+labelChanges(label.Labels))
	}
	for _, ref := range step.Create {
		one.Changes = append(one.Changes, "create "+ref.String())
	}
	for _, cell := range step.Cells {
		one.Cells = append(one.Cells, newShownCell(expansion, cell))
	}
	return one
}

func newShownCell(expansion *scenarios.Expansion, cell scenarios.Cell) shownCell {
	one := shownCell{
		From: cell.From.String(), To: cell.To.String(), Port: cell.Port, Protocol: string(cell.Protocol), Family: string(cell.Family),
		Expected: string(cell.Expected), Because: string(cell.Reason.Origin), Line: cell.Reason.Line,
	}
	if cell.Control != nil {
		step := &expansion.Steps[cell.Control.Step]
		one.Control = fmt.Sprintf("step %q: %s", step.Name, step.Cells[cell.Control.Cell])
	}
	return one
}
