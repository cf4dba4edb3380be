package cluster

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/podknock/podknock/e2e/lab/internal/machine"
)

const (
	controlPlaneName = "control-plane"
	worldName        = "world"
)

// InitVerb is the hidden verb by which this program becomes a machine's init.
const InitVerb = "machine"

// makeMachines starts the init of every machine.
func (u *upping) makeMachines(context.Context) error {
	for _, dir := range []string{u.runtime(), u.pki(), u.data("logs")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	// The one socket outside: opened here, accepted by the control plane's init.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the API server's clients: %w", err)
	}
	defer listener.Close()
	entrance, err := listener.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	defer entrance.Close()
	u.entrance = listener.Addr().String()

	if u.controlPlane, err = u.makeMachine(controlPlaneName, machine.Spec{
		Forward: fmt.Sprintf("127.0.0.1:%d", apiPort),
	}, entrance); err != nil {
		return err
	}
	if u.world, err = u.makeMachine(worldName, machine.Spec{}, nil); err != nil {
		return err
	}
	for n := 1; n <= u.Nodes; n++ {
		node, err := u.makeNode(nodeName(n))
		if err != nil {
			return err
		}
		u.nodes = append(u.nodes, node)
	}
	return nil
}

// makeNode starts the init of a node. A node has its own /run, because
// container runtimes on one machine would race for its sockets, and its own
// /var/log, where the kubelet links container logs.
func (u *upping) makeNode(name string) (*machine.Machine, error) {
	for _, dir := range []string{"log", "kubelet", "cni"} {
		if err := os.MkdirAll(u.disk(name, dir), 0o755); err != nil {
			return nil, err
		}
	}
	return u.makeMachine(name, machine.Spec{
		Private: map[string]string{"/run": "", "/var/log": u.disk(name, "log")},
		Shared:  []string{u.runtime()},
	}, nil)
}

func (u *upping) makeMachine(name string, spec machine.Spec, listener *os.File) (*machine.Machine, error) {
	spec.Name, spec.Socket, spec.Sysctls = name, u.socket(name), routerSysctls
	log, err := os.OpenFile(u.log(name, "init"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	return machine.Spawn(machine.SpawnOptions{
		Spec: spec, RecordPath: u.record(name), Listener: listener, Log: log,
		Argv: []string{u.Self, InitVerb, u.Name + "/" + name},
	})
}

// routerSysctls make a machine route, take addresses at once (RFC 4862
// duplicate detection would hold them back a second or two, and the address
// plan has no duplicates), and answer from where it was asked.
var routerSysctls = map[string]string{
	"net/ipv4/ip_forward":                "1",
	"net/ipv4/conf/all/rp_filter":        "0",
	"net/ipv4/conf/default/rp_filter":    "0",
	"net/ipv6/conf/all/forwarding":       "1",
	"net/ipv6/conf/default/forwarding":   "1",
	"net/ipv6/conf/all/accept_dad":       "0",
	"net/ipv6/conf/default/accept_dad":   "0",
	"net/ipv6/conf/all/disable_ipv6":     "0",
	"net/ipv6/conf/default/disable_ipv6": "0",
}
