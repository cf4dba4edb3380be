package cluster

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/e2e/lab/internal/machine"
)

// Status is how a lab is doing.
type Status struct {
	Options    Options
	Engines    map[string]Engine // of the nodes that have another than Options.Engine
	Hook       Hook
	Kubeconfig string
	// API is empty when the API server says that it is ready, else what it says.
	API string
	// Nodes are "NAME Ready" or why a node is not.
	Nodes []NodeStatus
	// Down are the machines that do not run.
	Down []string
	// Cut are the nodes that no packet reaches or leaves.
	Cut []string
	// Components are those of every machine that runs.
	Components []ComponentStatus
}

// NodeStatus is a node as the API server knows it.
type NodeStatus struct {
	Name  string
	Ready bool
	Why   string // empty when Ready
}

// ComponentStatus is a component and the memory that its process holds.
type ComponentStatus struct {
	Machine string
	machine.State
}

// Healthy tells whether all is as Up left it.
func (s *Status) Healthy() bool {
	if s.API != "" || len(s.Nodes) != s.Options.Nodes || len(s.Down)+len(s.Cut) > 0 {
		return false
	}
	for _, node := range s.Nodes {
		if !node.Ready {
			return false
		}
	}
	for _, c := range s.Components {
		if !c.Running() {
			return false
		}
	}
	return true
}

// apiPatience is how long an API server that works may take to say how it is:
// one without its store would never.
const apiPatience = 10 * time.Second

// ReadStatus asks a lab how it is doing.
func ReadStatus(ctx context.Context, name string) (*Status, error) {
	l := layout{name}
	s, err := l.readState()
	if err != nil {
		return nil, err
	}
	return statusOf(ctx, l, s)
}

func statusOf(ctx context.Context, l layout, s state) (*Status, error) {
	status := &Status{Options: s.Options, Engines: s.Engines, Hook: s.Hook, Kubeconfig: l.kubeconfig()}
	machines, err := l.machines()
	if err != nil {
		return nil, err
	}
	status.Down = []string{controlPlaneName, worldName}
	for n := 1; n <= s.Options.Nodes; n++ {
		status.Down = append(status.Down, nodeName(n))
	}
	for _, m := range machines {
		components, err := m.Components(ctx)
		if err != nil { // it has just ended
			continue
		}
		status.Down = slices.DeleteFunc(status.Down, func(name string) bool { return name == m.Name })
		if m.Name == controlPlaneName {
			if status.Cut, err = cutPorts(ctx, m); err != nil {
				return nil, err
			}
		}
		for _, c := range components {
			status.Components = append(status.Components, ComponentStatus{Machine: m.Name, State: c})
		}
	}
	api, err := clientFor(l.kubeconfig())
	if err != nil {
		status.API = err.Error()
		return status, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, apiPatience, fmt.Errorf("no answer for %s", apiPatience))
	defer cancel()
	if _, err := api.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx); err != nil {
		status.API = err.Error()
		return status, nil
	}
	nodes, err := api.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		status.API = err.Error()
		return status, nil
	}
	for _, node := range nodes.Items {
		ready, why := nodeReady(&node)
		if ready {
			why = ""
		}
		status.Nodes = append(status.Nodes, NodeStatus{Name: node.Name, Ready: ready, Why: why})
	}
	return status, nil
}

// Print writes the status for a person to read.
func (s *Status) Print(w io.Writer) {
	o := s.Options
	fmt.Fprintf(w, "lab %q: %d nodes, IP family %s, engine %s\n", o.Name, o.Nodes, o.Families, o.Engine)
	for _, node := range slices.Sorted(maps.Keys(s.Engines)) {
		fmt.Fprintf(w, "engine of %s: %s\n", node, s.Engines[node])
	}
	fmt.Fprintf(w, "policies are hooked in by: %s\n", s.Hook)
	fmt.Fprintf(w, "kubeconfig: %s\n", s.Kubeconfig)
	if s.API != "" {
		fmt.Fprintf(w, "API server: %s\n", s.API)
	}
	for _, name := range s.Down {
		fmt.Fprintf(w, "machine %s: stopped\n", name)
	}
	for _, name := range s.Cut {
		fmt.Fprintf(w, "machine %s: cut off\n", name)
	}
	for _, node := range s.Nodes {
		if node.Ready {
			fmt.Fprintf(w, "node %s: Ready\n", node.Name)
		} else {
			fmt.Fprintf(w, "node %s: not Ready: %s\n", node.Name, node.Why)
		}
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "MACHINE\tCOMPONENT\tSTATE\tLOG")
	for _, c := range s.Components {
		doing := "running"
		if !c.Running() {
			doing = "ended: " + c.Exit
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", c.Machine, c.Name, doing, c.Log)
	}
	_ = table.Flush()
}

// Memory returns the resident memory of everything that runs on a lab's
// machines, in bytes, shared pages counted once for each process that maps
// them alone and in part for those that share them (Pss of proc_pid_smaps(5)).
func Memory(name string) (int64, error) {
	machines, err := layout{name}.machines()
	if err != nil {
		return 0, err
	}
	namespaces := map[string]bool{}
	for _, m := range machines {
		link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", m.Record.PID))
		if err != nil {
			return 0, err
		}
		namespaces[link] = true
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	var total int64
	for _, entry := range entries {
		if link, err := os.Readlink("/proc/" + entry.Name() + "/ns/pid"); err == nil && namespaces[link] {
			total += proportionalSize(entry.Name())
		}
	}
	return total, nil
}

func proportionalSize(pid string) int64 {
	data, err := os.ReadFile("/proc/" + pid + "/smaps_rollup")
	if err != nil {
		return 0 // it has just ended
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10
		}
	}
	return 0
}
