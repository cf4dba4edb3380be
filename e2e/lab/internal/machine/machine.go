package machine

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// Machine is the maker's view of one machine.
type Machine struct {
	Name   string
	Socket string
	Record Record
}

// SpawnOptions say how the init process is made.
type SpawnOptions struct {
	Spec Spec
	// RecordPath is where the init's Record is kept for a later process to find.
	RecordPath string
	// Argv starts a process that calls RunInit.
	Argv []string
	// Listener is needed with Spec.Forward: a socket that listens in the
	// maker's network namespace. The machine gets a copy of it.
	Listener *os.File
	// Log receives what the init itself has to say.
	Log *os.File
	// Patience bounds the set-up; 0 means 10 s.
	Patience time.Duration
}

// Spawn makes a machine. When it returns without error the machine is
// recorded and takes requests.
func Spawn(o SpawnOptions) (*Machine, error) {
	if o.Patience == 0 {
		o.Patience = 10 * time.Second
	}
	requests, err := requestSocket(o.Spec.Socket)
	if err != nil {
		return nil, fmt.Errorf("make machine %q: %w", o.Spec.Name, err)
	}
	defer requests.Close()
	ordersR, ordersW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ordersW.Close()
	readyR, readyW, err := os.Pipe()
	if err != nil {
		ordersR.Close()
		return nil, err
	}
	defer readyR.Close()
	cmd := exec.Command(o.Argv[0], o.Argv[1:]...)
	cmd.Stdout, cmd.Stderr = o.Log, o.Log
	cmd.ExtraFiles = []*os.File{ordersR, readyW, requests}
	if o.Listener != nil {
		cmd.ExtraFiles = append(cmd.ExtraFiles, o.Listener)
	}
	cmd.SysProcAttr = InitNamespaces()
	err = cmd.Start()
	ordersR.Close()
	readyW.Close()
	if err != nil {
		return nil, fmt.Errorf("make machine %q: %w", o.Spec.Name, err)
	}
	go func() { _ = cmd.Wait() }() // its end shows in Record.Alive; this only reaps it

	if err := handOver(o, cmd.Process.Pid, ordersW, readyR); err != nil {
		_ = cmd.Process.Kill()
		return nil, fmt.Errorf("make machine %q: %w", o.Spec.Name, err)
	}
	return Open(o.Spec.Name, o.Spec.Socket, o.RecordPath)
}

// requestSocket makes the socket on which the init takes requests. The maker
// makes it, not the init: an init that outlived its maker for a moment could
// still take the place that the next one's socket needs.
func requestSocket(path string) (*os.File, error) {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false)
	defer listener.Close()
	return listener.File()
}

// InitNamespaces are the attributes of an init's process: a session and
// namespaces of its own.
func InitNamespaces() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
	}
}

// handOver gives the init its specification, waits until it is set up, and
// tells it that it has been recorded.
func handOver(o SpawnOptions, pid int, orders, ready *os.File) error {
	_ = ready.SetReadDeadline(time.Now().Add(o.Patience))
	if err := json.NewEncoder(orders).Encode(o.Spec); err != nil {
		return err
	}
	if _, err := bufio.NewReader(ready).ReadString('\n'); err != nil {
		return fmt.Errorf("its init did not report: %w (see %s)", err, o.Log.Name())
	}
	record, err := RecordOf(pid)
	if err != nil {
		return err
	}
	if err := record.Write(o.RecordPath); err != nil {
		return err
	}
	return json.NewEncoder(orders).Encode(true)
}

// Open finds a machine that was made before. Its error is fs.ErrNotExist when
// there is none, or none any more.
func Open(name, socket, recordPath string) (*Machine, error) {
	record, err := ReadRecord(recordPath)
	if err != nil {
		return nil, err
	}
	if !record.Alive() {
		return nil, fmt.Errorf("machine %q is not running: %w", name, fs.ErrNotExist)
	}
	return &Machine{Name: name, Socket: socket, Record: record}, nil
}

// Start runs a component on the machine.
func (m *Machine) Start(ctx context.Context, c Component) error {
	_, err := m.ask(ctx, request{Start: &c})
	return err
}

// Stop ends a component: SIGTERM, then SIGKILL after 10 s.
func (m *Machine) Stop(ctx context.Context, component string) error {
	_, err := m.ask(ctx, request{Stop: component})
	return err
}

// Remove ends a component as Stop does, and forgets it.
func (m *Machine) Remove(ctx context.Context, component string) error {
	_, err := m.ask(ctx, request{Remove: component})
	return err
}

// Kill ends a component with SIGKILL, as a crash would. It stays listed, as
// ended.
func (m *Machine) Kill(ctx context.Context, component string) error {
	_, err := m.ask(ctx, request{Kill: component})
	return err
}

// Again starts a component that has ended, as it was started before.
func (m *Machine) Again(ctx context.Context, component string) error {
	_, err := m.ask(ctx, request{Again: component})
	return err
}

// Components lists what the machine runs or ran, by name.
func (m *Machine) Components(ctx context.Context) ([]State, error) {
	return m.ask(ctx, request{List: true})
}

func (m *Machine) ask(ctx context.Context, req request) ([]State, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", m.Socket)
	if err != nil {
		return nil, fmt.Errorf("ask machine %q: %w", m.Name, err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(requestTimeout))
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	var resp response
	if err := json.NewEncoder(conn).Encode(req); err != nil {
		return nil, fmt.Errorf("ask machine %q: %w", m.Name, err)
	}
	if err := json.NewDecoder(conn).Decode(&resp); err != nil {
		return nil, fmt.Errorf("ask machine %q: %w", m.Name, err)
	}
	if resp.Error != "" {
		return nil, fmt.Errorf("machine %q: %w", m.Name, errors.New(resp.Error))
	}
	return resp.States, nil
}

// Command prepares a command that runs on the machine, in all its namespaces.
func (m *Machine) Command(ctx context.Context, argv ...string) *exec.Cmd {
	args := append([]string{"--target", strconv.Itoa(m.Record.PID), "--mount", "--net", "--pid", "--uts", "--ipc", "--"}, argv...)
	return exec.CommandContext(ctx, "nsenter", args...)
}

// NetCommand prepares a command that has only the machine's network: the pids
// and files that it sees are the host's.
func (m *Machine) NetCommand(ctx context.Context, argv ...string) *exec.Cmd {
	args := append([]string{"--target", strconv.Itoa(m.Record.PID), "--net", "--"}, argv...)
	return exec.CommandContext(ctx, "nsenter", args...)
}
