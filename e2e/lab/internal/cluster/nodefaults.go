package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/e2e/lab/internal/machine"
)

// StopNode ends a node's machine as a loss of power would: nothing on it has a
// chance to say goodbye. What it wrote to its disk stays.
func StopNode(ctx context.Context, name, node string) error {
	return changeLab(ctx, name, func(ctx context.Context, r *running) error {
		n, err := r.node(node)
		if err != nil {
			return err
		}
		m := r.nodes[n-1]
		if m == nil {
			return fmt.Errorf("lab %q: %s is stopped already", name, node)
		}
		if err := m.Record.Kill(killPatience); err != nil {
			return fmt.Errorf("stop %s: %w", node, err)
		}
		return r.unplug(ctx, node)
	})
}

// unplug takes a node's cable out of the bridge, should it still be there: the
// kernel removes what a network namespace had a moment after its last process.
func (r *running) unplug(ctx context.Context, node string) error {
	out, err := r.controlPlane.NetCommand(ctx, "ip", "link", "del", node).CombinedOutput()
	if err != nil && !strings.Contains(string(out), "Cannot find device") {
		return fmt.Errorf("unplug %s: %w: %s", node, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// StartNode makes the machine of a stopped node anew, with the disk that it
// had, runs on it what Up did and the engine that is the node's now, and
// returns when its kubelet says that it is Ready and the engine takes packets.
func StartNode(ctx context.Context, name, node string) error {
	return changeLab(ctx, name, func(ctx context.Context, r *running) error {
		n, err := r.node(node)
		if err != nil {
			return err
		}
		if r.nodes[n-1] != nil {
			return fmt.Errorf("lab %q: %s runs already", name, node)
		}
		if err := r.startNodeAgain(ctx, n); err != nil {
			return fmt.Errorf("start %s: %w", node, err)
		}
		return nil
	})
}

func (r *running) startNodeAgain(ctx context.Context, n int) error {
	name := nodeName(n)
	began := metav1.NewTime(time.Now().Truncate(time.Second)) // what the API keeps has no fractions
	if err := r.unplug(ctx, name); err != nil {
		return err
	}
	if err := os.Remove(r.socket(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	node, err := r.makeNode(name)
	if err != nil {
		return err
	}
	r.nodes[n-1] = node
	cable := &ipBatch{}
	cable.plug(node)
	if err := cable.run(ctx, r.controlPlane); err != nil {
		return err
	}
	// What ended elsewhere is no reason to give up here.
	alone := &upping{Options: r.Options, layout: r.layout, bin: r.bin, start: r.start, nodes: make([]*machine.Machine, r.Nodes)}
	alone.nodes[n-1] = node
	if err := alone.connectNode(ctx, n); err != nil {
		return err
	}
	if err := alone.runRuntime(ctx, n); err != nil {
		return err
	}
	engine := r.engineOf(name)
	if err := alone.runNode(ctx, n, engine); err != nil {
		return err
	}
	api, err := clientFor(r.kubeconfig())
	if err != nil {
		return err
	}
	if err := alone.await(ctx, "node "+name+" to be Ready", func(ctx context.Context) (bool, string) {
		found, err := api.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		// A node that was stopped for a short time was never seen as not Ready.
		if !reportedSince(found, began) {
			return false, "its kubelet has not reported"
		}
		return nodeReady(found)
	}); err != nil || engine == NoEngine {
		return err
	}
	return r.awaitEngine(ctx, node)
}

// reportedSince tells whether a node's kubelet has said how the node is.
func reportedSince(node *corev1.Node, began metav1.Time) bool {
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return !c.LastHeartbeatTime.Before(&began)
		}
	}
	return false
}

// engineOf returns the engine that a node should have.
func (r *running) engineOf(node string) Engine {
	if engine, ok := r.state.Engines[node]; ok {
		return engine
	}
	return r.state.Options.Engine
}

// The states of a bridge's port (bridge(8), bridge link set).
const (
	portDisabled   = "disabled"
	portForwarding = "forwarding"
)

// CutNode lets no packet pass between a node and the rest of the lab, from now
// on, and tells neither side: its interface keeps its carrier. Pods of the
// node still reach each other.
func CutNode(ctx context.Context, name, node string) error {
	return setPort(ctx, name, node, portDisabled)
}

// HealNode takes back what CutNode did.
func HealNode(ctx context.Context, name, node string) error {
	return setPort(ctx, name, node, portForwarding)
}

func setPort(ctx context.Context, name, node, state string) error {
	return changeLab(ctx, name, func(ctx context.Context, r *running) error {
		n, err := r.node(node)
		if err != nil {
			return err
		}
		if r.nodes[n-1] == nil {
			return fmt.Errorf("lab %q: %s is stopped", name, node)
		}
		number := map[string]string{portDisabled: "0", portForwarding: "3"}[state]
		if out, err := r.controlPlane.NetCommand(ctx, "bridge", "link", "set", "dev", node, "state", number).CombinedOutput(); err != nil {
			return fmt.Errorf("set the port of %s %s: %w: %s", node, state, err, strings.TrimSpace(string(out)))
		}
		return nil
	})
}

// cutPorts returns the names of the machines whose ports on the bridge pass no
// packet.
func cutPorts(ctx context.Context, controlPlane *machine.Machine) ([]string, error) {
	out, err := controlPlane.NetCommand(ctx, "bridge", "-json", "link", "show").Output()
	if err != nil {
		return nil, fmt.Errorf("list the ports of the bridge: %w", err)
	}
	var ports []struct{ Ifname, State string }
	if err := json.Unmarshal(out, &ports); err != nil {
		return nil, fmt.Errorf("list the ports of the bridge: %w", err)
	}
	var cut []string
	for _, port := range ports {
		if port.State == portDisabled {
			cut = append(cut, port.Ifname)
		}
	}
	return cut, nil
}
