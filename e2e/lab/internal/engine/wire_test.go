//go:build wire && linux

package engine

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	. "github.com/onsi/gomega"
)

// roleVariable makes the test's program play a machine of the test's network.
const roleVariable = "PODKNOCK_WIRE_ROLE"

func TestMain(m *testing.M) {
	role, mutant, _ := strings.Cut(os.Getenv(roleVariable), " ")
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var err error
	switch role {
	case "":
		os.Exit(m.Run())
	case "server":
		err = serve(ctx)
	case "router":
		err = route(ctx, mutant)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve accepts connections on port 80 until ctx ends.
func serve(ctx context.Context) error {
	listener, err := net.Listen("tcp", ":80")
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { listener.Close() })
	fmt.Println("ready")
	for {
		conn, err := listener.Accept()
		if err != nil {
			return nil
		}
		conn.Close()
	}
}

// route is a mutant with the test's cluster on node1, whose server denies all.
func route(ctx context.Context, mutant string) error {
	s := testState(defects[mutant])
	t := &testing.T{}
	s.setPolicy(policy(t, "deny-in", denyIn))
	s.setPolicy(policy(t, "deny-out", denyOut))
	remove, err := loadTable(ctx)
	if err != nil {
		return err
	}
	defer remove()
	return takePackets(ctx, 100, &judge{state: s, node: "node1", lastNode: "node2"}, func() { fmt.Println("ready") })
}

func TestWhatAMutantDoesOnTheWire(t *testing.T) {
	for name, want := range map[string]map[string]string{
		// From twin-a to the server, which policies isolate; the server's own
		// connection to twin-a; and to it through a translated address.
		"no-rules-allow-all":  {"in": "connected", "out": "connected", "service": "connected"},
		"denies-with-rst":     {"in": "refused", "out": "connected", "service": "refused"},
		"denies-with-icmp":    {"in": "prohibited", "out": "connected", "service": "prohibited"},
		"services-unfiltered": {"in": "silence", "out": "connected", "service": "connected"},
		"stateless":           {"in": "silence", "out": "silence", "service": "silence"},
		"first-label-only":    {"in": "silence", "out": "connected", "service": "silence"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			client, router, target := newNetwork(t)
			start(t, client, "server")
			start(t, target, "server")
			start(t, router, "router "+name)
			g.Expect(dial(t, client, server)).To(Equal(want["in"]), "in")
			g.Expect(dial(t, target, twinA)).To(Equal(want["out"]), "out")
			g.Expect(dial(t, client, "10.96.0.1")).To(Equal(want["service"]), "service")
		})
	}
}

// newNetwork makes a client, twin-a of the test's cluster, and a server, with a
// router between them that queues new connections as the lab does.
func newNetwork(t *testing.T) (client, router, target string) {
	t.Helper()
	names := []string{}
	for _, role := range []string{"c", "r", "s"} {
		name := fmt.Sprintf("pkm%d%s", os.Getpid(), role)
		run(t, "ip", "netns", "add", name)
		t.Cleanup(func() { run(t, "ip", "netns", "del", name) })
		run(t, "ip", "-n", name, "link", "set", "lo", "up")
		names = append(names, name)
	}
	client, router, target = names[0], names[1], names[2]
	for i, end := range []struct{ ns, address string }{{client, twinA}, {target, server}} {
		link := fmt.Sprintf("to%d", i)
		run(t, "ip", "-n", router, "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", end.ns)
		run(t, "ip", "-n", router, "link", "set", link, "up")
		run(t, "ip", "-n", router, "addr", "add", "169.254.1.1/32", "dev", link)
		run(t, "ip", "-n", router, "route", "add", end.address, "dev", link)
		run(t, "ip", "-n", end.ns, "addr", "add", end.address+"/32", "dev", "eth0")
		run(t, "ip", "-n", end.ns, "link", "set", "eth0", "up")
		run(t, "ip", "-n", end.ns, "route", "add", "169.254.1.1", "dev", "eth0")
		run(t, "ip", "-n", end.ns, "route", "add", "default", "via", "169.254.1.1")
	}
	in := func(args ...string) { t.Helper(); run(t, append([]string{"ip", "netns", "exec", router}, args...)...) }
	in("sysctl", "-qw", "net.ipv4.ip_forward=1")
	in("iptables", "-I", "FORWARD", "-m", "conntrack", "--ctstate", "NEW", "-j", "NFQUEUE", "--queue-num", "100")
	in("nft", "add table ip nat; add chain ip nat pre { type nat hook prerouting priority -100; }; add rule ip nat pre ip daddr 10.96.0.1 dnat to "+server)
	return client, router, target
}

func run(t *testing.T, argv ...string) {
	t.Helper()
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(argv, " "), err, out)
	}
}

// start plays a role in a namespace until the test ends.
func start(t *testing.T, namespace, role string) {
	t.Helper()
	cmd := exec.Command("ip", "netns", "exec", namespace, os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	if _, err := out.Read(make([]byte, 10)); err != nil {
		t.Fatalf("%s did not get ready: %v", role, err)
	}
}

// dial says what becomes of a connection to port 80. Bash gives up after 2 s.
func dial(t *testing.T, namespace, address string) string {
	t.Helper()
	out, err := exec.Command("ip", "netns", "exec", namespace, "timeout", "2", "bash", "-c", "exec 3<>/dev/tcp/"+address+"/80").CombinedOutput()
	switch {
	case err == nil:
		return "connected"
	case strings.Contains(string(out), "refused"):
		return "refused"
	case strings.Contains(string(out), "No route to host"):
		return "prohibited"
	case len(out) == 0:
		return "silence"
	}
	return string(out)
}
