//go:build linux && wire

package machine_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/e2e/lab/internal/machine"
)

// The test binary is its own init, as the lab's program is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "init" {
		fmt.Fprintln(os.Stderr, machine.RunInit())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// newMachine spawns a machine that the test ends.
func newMachine(t *testing.T, change func(*machine.SpawnOptions)) *machine.Machine {
	t.Helper()
	g := NewWithT(t)
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(dir, "init.log"))
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { log.Close() })
	self, err := os.Executable()
	g.Expect(err).NotTo(HaveOccurred())
	o := machine.SpawnOptions{
		Spec:       machine.Spec{Name: "tester", Socket: filepath.Join(dir, "s")},
		RecordPath: filepath.Join(dir, "pid"),
		Argv:       []string{self, "init"},
		Log:        log,
	}
	if change != nil {
		change(&o)
	}
	m, err := machine.Spawn(o)
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { g.Expect(m.Record.Kill(10 * time.Second)).To(Succeed()) })
	return m
}

func component(t *testing.T, script string) machine.Component {
	return machine.Component{Name: "it", Argv: []string{"/bin/sh", "-c", script}, Env: os.Environ(), Log: filepath.Join(t.TempDir(), "log")}
}

func TestAnInitEndsByItselfWhenItsMakerEndsBeforeRecordingIt(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	ordersR, ordersW, err := os.Pipe()
	g.Expect(err).NotTo(HaveOccurred())
	readyR, readyW, err := os.Pipe()
	g.Expect(err).NotTo(HaveOccurred())
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	g.Expect(err).NotTo(HaveOccurred())
	defer listener.Close()
	requests, err := listener.(*net.UnixListener).File()
	g.Expect(err).NotTo(HaveOccurred())
	defer requests.Close()
	self, err := os.Executable()
	g.Expect(err).NotTo(HaveOccurred())
	process, err := os.StartProcess(self, []string{self, "init"}, &os.ProcAttr{
		Files: []*os.File{nil, nil, nil, ordersR, readyW, requests}, Sys: machine.InitNamespaces(),
	})
	g.Expect(err).NotTo(HaveOccurred())
	ordersR.Close()
	readyW.Close()
	fmt.Fprintf(ordersW, `{"name":"orphan","socket":%q}`+"\n", filepath.Join(dir, "s"))
	_, err = io.ReadFull(readyR, make([]byte, len("ready\n")))
	g.Expect(err).NotTo(HaveOccurred())

	ordersW.Close() // all that a maker's kill -9 does to it
	state, err := process.Wait()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(state.ExitCode()).To(Equal(1))
}

func TestAComponentThatCannotStartIsAnError(t *testing.T) {
	g := NewWithT(t)
	m := newMachine(t, nil)
	err := m.Start(context.Background(), machine.Component{Name: "it", Argv: []string{"/nonexistent"}, Log: filepath.Join(t.TempDir(), "log")})
	g.Expect(err).To(MatchError(ContainSubstring("/nonexistent: no such file")))
}

func TestAComponentStartsOnce(t *testing.T) {
	g := NewWithT(t)
	m := newMachine(t, nil)
	c := component(t, "exec sleep 60")
	g.Expect(m.Start(context.Background(), c)).To(Succeed())
	g.Expect(m.Start(context.Background(), c)).To(MatchError(ContainSubstring("it runs already")))
}

func TestAMachineTellsHowAComponentEndedAndKeepsItsLog(t *testing.T) {
	g := NewWithT(t)
	m := newMachine(t, nil)
	c := component(t, "echo last words; exit 7")
	g.Expect(m.Start(context.Background(), c)).To(Succeed())
	g.Eventually(func(g Gomega) {
		states, err := m.Components(context.Background())
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(states).To(ConsistOf(machine.State{Name: "it", Exit: "exit status 7", Log: c.Log}))
	}).WithTimeout(10 * time.Second).Should(Succeed())
	g.Expect(os.ReadFile(c.Log)).To(BeEquivalentTo("last words\n"))
}

func TestStopEndsAComponentThatCanStartAgain(t *testing.T) {
	g := NewWithT(t)
	m := newMachine(t, nil)
	c := component(t, "exec sleep 60")
	g.Expect(m.Start(context.Background(), c)).To(Succeed())
	g.Expect(m.Stop(context.Background(), "it")).To(Succeed())
	g.Expect(m.Stop(context.Background(), "another")).To(MatchError(ContainSubstring("does not run it")))
	g.Expect(m.Start(context.Background(), c)).To(Succeed())
}

func TestAComponentThatWasKilledStartsAgainAsItWasStarted(t *testing.T) {
	g := NewWithT(t)
	m := newMachine(t, nil)
	c := component(t, "echo here; exec sleep 60")
	g.Expect(m.Again(context.Background(), "it")).To(MatchError(ContainSubstring("does not run it")))
	g.Expect(m.Start(context.Background(), c)).To(Succeed())
	g.Expect(m.Again(context.Background(), "it")).To(MatchError(ContainSubstring("it runs already")))
	for range 2 {
		g.Expect(m.Kill(context.Background(), "it")).To(Succeed())
		states, err := m.Components(context.Background())
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(states).To(ConsistOf(machine.State{Name: "it", Exit: "killed", Log: c.Log}))
		g.Expect(m.Again(context.Background(), "it")).To(Succeed())
	}
	g.Eventually(func() ([]byte, error) { return os.ReadFile(c.Log) }).WithTimeout(10 * time.Second).Should(HaveSuffix("here\n"))
}

func TestTheEndOfAMachineIsTheEndOfAllThatRunsOnIt(t *testing.T) {
	g := NewWithT(t)
	m := newMachine(t, nil)
	// A daemon of a daemon: what shims and containers are to a machine.
	marker := fmt.Sprintf("podknock-orphan-%d", os.Getpid())
	g.Expect(m.Start(context.Background(), component(t, "setsid sh -c 'sleep 77; : "+marker+"' & exec sleep 60"))).To(Succeed())
	g.Eventually(func() bool { return processNamed(marker) }).WithTimeout(10 * time.Second).Should(BeTrue())

	g.Expect(m.Record.Kill(10 * time.Second)).To(Succeed())
	g.Expect(m.Record.Alive()).To(BeFalse())
	g.Expect(processNamed(marker)).To(BeFalse())
	g.Expect(m.Record.Kill(10*time.Second)).To(Succeed(), "ending it again is harmless")
}

// processNamed tells whether a command line holds the text.
func processNamed(text string) bool {
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range paths {
		if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), text) {
			return true
		}
	}
	return false
}

func TestAMachineHasItsOwnNamespacesAndDirectories(t *testing.T) {
	g := NewWithT(t)
	shared := t.TempDir()
	g.Expect(os.WriteFile(filepath.Join(shared, "file"), []byte("seen"), 0o644)).To(Succeed())
	disk := t.TempDir()
	m := newMachine(t, func(o *machine.SpawnOptions) {
		o.Spec.Sysctls = map[string]string{"net/ipv4/ip_forward": "1", "net/ipv4/no_such_key": "1"}
		o.Spec.Private = map[string]string{filepath.Dir(shared): "", "/var/log": disk}
		o.Spec.Shared = []string{shared}
	})
	for _, row := range []struct{ name, command, want string }{
		{"its host name is its own", "hostname", "tester\n"},
		{"it sees only its own processes", "tr '\\0' ' ' < /proc/1/cmdline | grep -c ' init '", "1\n"},
		{"it has no interface but loopback", "cd /proc/sys/net/ipv4/conf && echo *", "all default lo\n"},
		{"its sysctls are set", "cat /proc/sys/net/ipv4/ip_forward", "1\n"},
		{"a shared directory is seen through a private one", "cat " + filepath.Join(shared, "file"), "seen"},
		{"a private directory is where it was put", "echo x > /var/log/mark; ls /var/log", "mark\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			out, err := m.Command(context.Background(), "sh", "-c", row.command).CombinedOutput()
			g := NewWithT(t)
			g.Expect(err).NotTo(HaveOccurred(), string(out))
			g.Expect(string(out)).To(Equal(row.want))
		})
	}
	g.Expect(filepath.Join(disk, "mark")).To(BeAnExistingFile())
	g.Expect("/var/log/mark").NotTo(BeAnExistingFile())
}

func TestAConnectionToTheEntranceComesOutInside(t *testing.T) {
	g := NewWithT(t)
	entrance, err := net.Listen("tcp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	defer entrance.Close()
	file, err := entrance.(*net.TCPListener).File()
	g.Expect(err).NotTo(HaveOccurred())
	defer file.Close()
	m := newMachine(t, func(o *machine.SpawnOptions) { o.Spec.Forward, o.Listener = "127.0.0.1:7000", file })
	g.Expect(m.NetCommand(context.Background(), "ip", "link", "set", "lo", "up").Run()).To(Succeed())
	g.Expect(m.Start(context.Background(), component(t, `exec perl -MIO::Socket::INET -e '
		my $l = IO::Socket::INET->new(LocalAddr => "127.0.0.1:7000", Listen => 1) or die $!;
		my $c = $l->accept; print $c "inside: " . <$c>; close $c'`))).To(Succeed())

	g.Eventually(func(g Gomega) {
		conn, err := net.DialTimeout("tcp", entrance.Addr().String(), 5*time.Second)
		g.Expect(err).NotTo(HaveOccurred())
		defer conn.Close()
		g.Expect(conn.SetDeadline(time.Now().Add(5 * time.Second))).To(Succeed())
		_, err = conn.Write([]byte("hello\n"))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(io.ReadAll(conn)).To(BeEquivalentTo("inside: hello\n"))
	}).WithTimeout(10 * time.Second).Should(Succeed())
}
