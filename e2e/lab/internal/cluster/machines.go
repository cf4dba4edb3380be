package cluster

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

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
		name := nodeName(n)
		// A node has its own /run, because container runtimes on one machine
		// would race for its sockets, and its own /var/log, where the kubelet
		// links container logs.
		for _, dir := range []string{"log", "kubelet", "cni"} {
			if err := os.MkdirAll(u.disk(name, dir), 0o755); err != nil {
				return err
			}
		}
		node, err := u.makeMachine(name, machine.Spec{
			Private: map[string]string{"/run": "", "/var/log": u.disk(name, "log")},
			Shared:  []string{u.runtime()},
		}, nil)
		if err != nil {
			return err
		}
		u.nodes = append(u.nodes, node)
	}
	return nil
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

// connectMachines joins all machines to one bridge on the control plane and
// routes pods and the world through the nodes. No link leads anywhere else.
func (u *upping) connectMachines(ctx context.Context) error {
	f := u.Families
	plane := &ipBatch{}
	plane.line("link set lo up")
	plane.line("link add br0 type bridge")
	for _, a := range f.controlPlane() {
		plane.line("addr add %s/%d dev br0", a, linkBits(a))
	}
	plane.line("link set br0 up")
	for _, m := range append([]*machine.Machine{u.world}, u.nodes...) {
		plane.line("link add %s type veth peer name eth0 netns %d", m.Name, m.Record.PID)
		plane.line("link set %s master br0 up", m.Name)
	}
	u.routeToPods(plane, 0)
	if err := plane.run(ctx, u.controlPlane); err != nil {
		return err
	}

	world := &ipBatch{}
	world.linkUp(f.world())
	for _, a := range f.worldHosts() {
		world.line("addr add %s/%d dev lo", a, a.BitLen())
	}
	u.routeToPods(world, 0)
	if err := world.run(ctx, u.world); err != nil {
		return err
	}
	for i, node := range u.nodes {
		batch := &ipBatch{}
		batch.linkUp(f.node(i + 1))
		for _, gateway := range f.world() {
			batch.line("route add default via %s", gateway)
		}
		u.routeToPods(batch, i+1)
		if err := batch.run(ctx, node); err != nil {
			return err
		}
	}
	return nil
}

// routeToPods adds a route to the pods of every node but one.
func (u *upping) routeToPods(batch *ipBatch, but int) {
	for n := 1; n <= u.Nodes; n++ {
		if n == but {
			continue
		}
		gateways := u.Families.node(n)
		for i, cidr := range u.Families.podCIDRs(n) {
			batch.line("route add %s via %s", cidr, gateways[i])
		}
	}
}

// ipBatch collects the lines of one ip-batch(8) run.
type ipBatch struct{ lines strings.Builder }

func (b *ipBatch) line(format string, args ...any) {
	fmt.Fprintf(&b.lines, format+"\n", args...)
}

func (b *ipBatch) linkUp(addresses []netip.Addr) {
	b.line("link set lo up")
	for _, a := range addresses {
		b.line("addr add %s/%d dev eth0", a, linkBits(a))
	}
	b.line("link set eth0 up")
}

func (b *ipBatch) run(ctx context.Context, m *machine.Machine) error {
	cmd := m.NetCommand(ctx, "ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(b.lines.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("connect machine %q: %w: %s", m.Name, err, strings.TrimSpace(string(out)))
	}
	return nil
}
