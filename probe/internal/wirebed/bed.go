//go:build linux

package wirebed

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Place is one of the hosts of a Bed.
type Place int

// The places, in the order of the line.
const (
	Client Place = iota
	Node1
	Node2
	Server
	places
)

// Bed is one network. It ends with its test.
type Bed struct {
	t          testing.TB
	namespaces [places]*os.File
}

// Addresses of the two ends and of the sides of the nodes that face them.
var (
	Client4 = netip.MustParseAddr("10.77.1.2")
	Client6 = netip.MustParseAddr("fd77:1::2")
	Node14  = netip.MustParseAddr("10.77.1.1")
	Node16  = netip.MustParseAddr("fd77:1::1")
	Node24  = netip.MustParseAddr("10.77.2.2")
	Node26  = netip.MustParseAddr("fd77:2::2")
	Server4 = netip.MustParseAddr("10.77.3.2")
	Server6 = netip.MustParseAddr("fd77:3::2")
)

// links are the three wires, each with the place and device on its left and right.
var links = [...]struct {
	left, right             Place
	leftDevice, rightDevice string
}{
	{Client, Node1, "right", "left"},
	{Node1, Node2, "right", "left"},
	{Node2, Server, "right", "left"},
}

// New builds a network in which everything reaches everything and no ICMP error is rate limited.
func New(t testing.TB) *Bed {
	t.Helper()
	b := &Bed{t: t}
	for place := range places {
		b.namespaces[place] = newNamespace(t)
	}
	for place := range places {
		// Without duplicate address detection, which begins after a random part of a second: see awaitAddresses.
		b.Sysctl(place, "net.ipv6.conf.all.accept_dad", "0")
		b.Sysctl(place, "net.ipv6.conf.default.accept_dad", "0")
	}
	for i, l := range links {
		b.IP(l.left, fmt.Sprintf("link add %s type veth peer name %s netns /proc/%d/fd/%d",
			l.leftDevice, l.rightDevice, os.Getpid(), b.namespaces[l.right].Fd()))
		b.IP(l.left, addressLines(i+1, 1, l.leftDevice)...)
		b.IP(l.right, addressLines(i+1, 2, l.rightDevice)...)
	}
	for place := range places {
		b.IP(place, "link set lo up")
		b.Sysctl(place, "net.ipv4.icmp_ratelimit", "0")
		b.Sysctl(place, "net.ipv4.icmp_msgs_per_sec", "1000000")
		b.Sysctl(place, "net.ipv4.icmp_msgs_burst", "100000")
		b.Sysctl(place, "net.ipv6.icmp.ratelimit", "0")
	}
	for _, node := range []Place{Node1, Node2} {
		b.Sysctl(node, "net.ipv4.ip_forward", "1")
		b.Sysctl(node, "net.ipv6.conf.all.forwarding", "1")
	}
	b.IP(Client, "route add default via 10.77.1.1", "route add ::/0 via fd77:1::1")
	b.IP(Node1, "route add 10.77.3.0/24 via 10.77.2.2", "route add fd77:3::/64 via fd77:2::2")
	b.IP(Node2, "route add 10.77.1.0/24 via 10.77.2.1", "route add fd77:1::/64 via fd77:2::1")
	b.IP(Server, "route add default via 10.77.3.1", "route add ::/0 via fd77:3::1")
	for place := range places {
		b.awaitAddresses(place)
	}
	return b
}

// awaitAddresses waits until all IPv6 addresses at the place are in use. A node asks for its neighbours from its link-local address: as long as that
// is tentative it does not ask, the packets wait for a question that comes a second later, and so on. The kernel ends that state in a worker of its
// own, which other namespaces that come and go can keep waiting for seconds.
func (b *Bed) awaitAddresses(place Place) {
	b.t.Helper()
	const limit = 30 * time.Second
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var tentative string
	for begin := time.Now(); time.Since(begin) < limit; <-tick.C {
		if tentative = b.output(place, "", "ip", "-6", "-oneline", "address", "show", "tentative"); tentative == "" {
			return
		}
	}
	b.t.Fatalf("addresses are still tentative after %s: %s", limit, tentative)
}

// addressLines gives a device its addresses on the numbered wire. The client's wire counts from the node, so that the
// nodes are always the gateway .1 of the ends.
func addressLines(wire, side int, device string) []string {
	if wire == 1 {
		side = 3 - side
	}
	return []string{
		fmt.Sprintf("link set %s up", device),
		fmt.Sprintf("address add 10.77.%d.%d/24 dev %s", wire, side, device),
		fmt.Sprintf("address add fd77:%d::%d/64 dev %s nodad", wire, side, device),
	}
}

func newNamespace(t testing.TB) *os.File {
	t.Helper()
	type made struct {
		file *os.File
		err  error
	}
	result := make(chan made)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			result <- made{err: fmt.Errorf("make network namespace: %w", err)}
			return
		}
		file, err := os.Open("/proc/thread-self/ns/net")
		result <- made{file, err}
	}()
	m := <-result
	if m.err != nil {
		t.Fatal(m.err)
	}
	t.Cleanup(func() { m.file.Close() })
	return m.file
}

// In runs f on a thread of its own in the network namespace of the place. What f starts with os/exec and the sockets
// that it creates are there too; goroutines that it starts are not.
func (b *Bed) In(place Place, f func()) {
	b.t.Helper()
	b.in(place, f, false)
}

// Unprivileged is In for a user without root and without capabilities.
func (b *Bed) Unprivileged(place Place, f func()) {
	b.t.Helper()
	b.in(place, f, true)
}

const nobody = 65534

func (b *Bed) in(place Place, f func(), unprivileged bool) {
	b.t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
		err := unix.Setns(int(b.namespaces[place].Fd()), unix.CLONE_NEWNET)
		if err == nil && unprivileged {
			err = becomeNobody()
		}
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		b.t.Errorf("enter network namespace: %v", err)
	}
}

// becomeNobody drops the rights of this thread alone: the raw system calls, unlike those of package syscall, do not
// touch the other threads. Leaving user 0 clears all capabilities, see capabilities(7).
func becomeNobody() error {
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, nobody, nobody, nobody); errno != 0 {
		return fmt.Errorf("drop group: %w", errno)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
		return fmt.Errorf("drop user: %w", errno)
	}
	return nil
}

// IP gives lines to ip(8), such as "route add ...", at the place.
func (b *Bed) IP(place Place, lines ...string) {
	b.t.Helper()
	b.run(place, strings.Join(lines, "\n"), "ip", "-batch", "-")
}

// Chain adds nftables rules to a base chain at the place. The kind says its type, hook and priority.
func (b *Bed) Chain(place Place, kind string, rules ...string) {
	b.t.Helper()
	name := strings.Join(strings.FieldsFunc(kind, func(r rune) bool { return r < 'a' || r > 'z' }), "_")
	b.run(place, fmt.Sprintf("table inet %s {\nchain rules {\ntype %s;\n%s\n}\n}\n", name, kind, strings.Join(rules, "\n")), "nft", "-f", "-")
}

// Forward adds filter rules for what the place forwards.
func (b *Bed) Forward(place Place, rules ...string) {
	b.t.Helper()
	b.Chain(place, "filter hook forward priority 0", rules...)
}

// Output adds filter rules for what the place sends.
func (b *Bed) Output(place Place, rules ...string) {
	b.t.Helper()
	b.Chain(place, "filter hook output priority 0", rules...)
}

// Input adds filter rules for what the place receives.
func (b *Bed) Input(place Place, rules ...string) {
	b.t.Helper()
	b.Chain(place, "filter hook input priority 0", rules...)
}

// Redirect sends what the place would forward to its own port instead.
func (b *Bed) Redirect(place Place, match string, port uint16) {
	b.t.Helper()
	b.Chain(place, "nat hook prerouting priority -100", fmt.Sprintf("%s redirect to :%d", match, port))
}

// Sysctl sets a kernel parameter at the place.
func (b *Bed) Sysctl(place Place, key, value string) {
	b.t.Helper()
	var err error
	b.In(place, func() {
		err = os.WriteFile("/proc/sys/"+strings.ReplaceAll(key, ".", "/"), []byte(value), 0)
	})
	if err != nil {
		b.t.Fatalf("set %s=%s: %v", key, value, err)
	}
}

func (b *Bed) run(place Place, input, name string, args ...string) {
	b.t.Helper()
	b.output(place, input, name, args...)
}

// output is what a command at the place writes to its standard output and error. The test ends if it fails.
func (b *Bed) output(place Place, input, name string, args ...string) string {
	b.t.Helper()
	var output []byte
	var err error
	b.In(place, func() {
		command := exec.CommandContext(b.t.Context(), name, args...)
		command.Stdin = strings.NewReader(input)
		output, err = command.CombinedOutput()
	})
	if err != nil {
		b.t.Fatalf("%s %s: %v: %s%s", name, strings.Join(args, " "), err, output, input)
	}
	return string(output)
}
