package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// The descriptors that Spawn gives an init.
const (
	ordersFD   = 3
	readyFD    = 4
	requestsFD = 5
	listenerFD = 6
)

// RunInit is the life of a machine's init: the process that Spawn starts
// calls it, and it returns only with an error. It reads its Spec from one
// inherited descriptor, reports on another, and goes on only when it is told
// that it has been recorded: an init whose maker was killed halfway ends by
// itself.
func RunInit() error {
	orders, ready := os.NewFile(ordersFD, "orders"), os.NewFile(readyFD, "ready")
	decoder := json.NewDecoder(orders)
	var spec Spec
	if err := decoder.Decode(&spec); err != nil {
		return fmt.Errorf("read the machine's specification: %w", err)
	}
	requests, err := net.FileListener(os.NewFile(requestsFD, "requests"))
	if err != nil {
		return fmt.Errorf("listen for requests: %w", err)
	}
	if err := spec.apply(); err != nil {
		return fmt.Errorf("set up machine %q: %w", spec.Name, err)
	}
	if _, err := ready.WriteString("ready\n"); err != nil {
		return fmt.Errorf("report machine %q ready: %w", spec.Name, err)
	}
	ready.Close()
	var recorded bool
	if err := decoder.Decode(&recorded); err != nil || !recorded {
		return fmt.Errorf("machine %q: its maker ended before it was recorded", spec.Name)
	}
	orders.Close()
	if spec.Forward != "" {
		// The socket was opened in the maker's network namespace and stays in it,
		// while what this process dials is in the machine's: that is the whole
		// way in, and there is none out.
		entrance, err := net.FileListener(os.NewFile(listenerFD, "entrance"))
		if err != nil {
			return fmt.Errorf("take over the listener: %w", err)
		}
		go forward(entrance, spec.Forward)
	}
	return newSupervisor().serve(requests)
}

// apply makes the namespaces that the process was started in the machine's own.
func (s Spec) apply() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	// The old /proc shows another PID namespace than the one this is pid 1 of.
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := unix.Sethostname([]byte(s.Name)); err != nil {
		return fmt.Errorf("set host name: %w", err)
	}
	if err := s.applyMounts(); err != nil {
		return err
	}
	for key, value := range s.Sysctls {
		err := os.WriteFile(filepath.Join("/proc/sys", key), []byte(value), 0)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("set sysctl %q: %w", key, err)
		}
	}
	return nil
}

// applyMounts puts private directories in place, and shared ones back where a
// private one hides them. All sources are opened first: the first mount may
// hide the source of the second.
func (s Spec) applyMounts() error {
	sources := map[string]*os.File{}
	for _, dir := range append(slices.Collect(maps.Values(s.Private)), s.Shared...) {
		if dir == "" || sources[dir] != nil {
			continue
		}
		f, err := os.Open(dir)
		if err != nil {
			return err
		}
		defer f.Close()
		sources[dir] = f
	}
	bind := func(source, target string) error {
		path := "/proc/self/fd/" + strconv.Itoa(int(sources[source].Fd()))
		if err := unix.Mount(path, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("mount %q on %q: %w", source, target, err)
		}
		return nil
	}
	for _, target := range slices.Sorted(maps.Keys(s.Private)) {
		if source := s.Private[target]; source != "" {
			if err := bind(source, target); err != nil {
				return err
			}
		} else if err := unix.Mount("tmpfs", target, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, ""); err != nil {
			return fmt.Errorf("mount a tmpfs on %q: %w", target, err)
		}
	}
	for _, dir := range s.Shared {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := bind(dir, dir); err != nil {
			return err
		}
	}
	return nil
}

// serve answers requests and reaps children until the process is killed.
func (s *supervisor) serve(listener net.Listener) error {
	// A terminal's Ctrl-C is meant for the command that made the machine.
	signal.Ignore(unix.SIGINT, unix.SIGHUP)
	children := make(chan os.Signal, 1)
	signal.Notify(children, unix.SIGCHLD)
	go func() {
		for range children {
			s.reap()
		}
	}()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return fmt.Errorf("accept a request: %w", err)
		}
		go s.answer(conn)
	}
}
