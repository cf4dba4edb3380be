package cluster

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/podknock/podknock/e2e/lab/internal/machine"
)

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
		plane.plug(m)
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
	for i := range u.nodes {
		if err := u.connectNode(ctx, i+1); err != nil {
			return err
		}
	}
	return nil
}

// connectNode addresses the end of node n's cable and lays its routes.
func (u *upping) connectNode(ctx context.Context, n int) error {
	batch := &ipBatch{}
	batch.line("link set eth0 address %s", linkAddress(n))
	batch.linkUp(u.Families.node(n))
	for _, gateway := range u.Families.world() {
		batch.line("route add default via %s", gateway)
	}
	u.routeToPods(batch, n)
	return batch.run(ctx, u.nodes[n-1])
}

// linkAddress is node n's Ethernet address, locally administered. It is the
// same when the node comes back: its neighbours have no other in mind.
func linkAddress(n int) string { return fmt.Sprintf("02:00:0a:59:00:%02x", 10+n) }

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

// plug puts a cable between a machine and the bridge of the control plane. The
// bridge's end has the machine's name.
func (b *ipBatch) plug(m *machine.Machine) {
	b.line("link add %s type veth peer name eth0 netns %d", m.Name, m.Record.PID)
	b.line("link set %s master br0 up", m.Name)
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
