package machine

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sort"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// request is what a client of an init may ask; exactly one field is set.
type request struct {
	Start  *Component `json:"start,omitempty"`
	Stop   string     `json:"stop,omitempty"`   // a component's name
	Remove string     `json:"remove,omitempty"` // as Stop, and it is forgotten
	Kill   string     `json:"kill,omitempty"`   // as Stop, but without a word
	Again  string     `json:"again,omitempty"`  // as Start, of one that has ended
	List   bool       `json:"list,omitempty"`
}

type response struct {
	Error  string  `json:"error,omitempty"`
	States []State `json:"states,omitempty"`
}

const (
	requestTimeout = 20 * time.Second // an answer waits for stopGrace at most
	stopGrace      = 10 * time.Second // between SIGTERM and SIGKILL
)

// supervisor runs a machine's components.
type supervisor struct {
	mu         sync.Mutex
	components map[string]*running
}

// running is a component and, once done is closed, how it ended.
type running struct {
	component Component
	state     State
	done      chan struct{}
}

func newSupervisor() *supervisor { return &supervisor{components: map[string]*running{}} }

func (s *supervisor) answer(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(requestTimeout))
	var req request
	if err := json.NewDecoder(conn).Decode(&req); err != nil {
		_ = json.NewEncoder(conn).Encode(response{Error: fmt.Sprintf("read request: %v", err)})
		return
	}
	var err error
	switch {
	case req.Start != nil:
		err = s.start(*req.Start)
	case req.Stop != "":
		err = s.stop(req.Stop)
	case req.Remove != "":
		err = s.remove(req.Remove)
	case req.Kill != "":
		err = s.kill(req.Kill)
	case req.Again != "":
		err = s.again(req.Again)
	}
	resp := response{States: s.list()}
	if err != nil {
		resp.Error = err.Error()
	}
	_ = json.NewEncoder(conn).Encode(resp)
}

func (s *supervisor) start(c Component) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.components[c.Name]; old != nil && old.state.Running() {
		return fmt.Errorf("start %q: it runs already", c.Name)
	}
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("start %q: %w", c.Name, err)
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("start %q: %w", c.Name, err)
	}
	defer null.Close()
	// The lock is held until the child is known, so that reap cannot come first.
	process, err := os.StartProcess(c.Argv[0], c.Argv, &os.ProcAttr{
		Dir: "/", Env: c.Env, Files: []*os.File{null, log, log}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return fmt.Errorf("start %q: %w", c.Name, err)
	}
	s.components[c.Name] = &running{component: c, state: State{Name: c.Name, PID: process.Pid, Log: c.Log}, done: make(chan struct{})}
	return process.Release()
}

// find needs the lock.
func (s *supervisor) find(verb, name string) (*running, error) {
	c := s.components[name]
	if c == nil {
		return nil, fmt.Errorf("%s %q: this machine does not run it", verb, name)
	}
	return c, nil
}

// again starts a component that has ended as it was started before.
func (s *supervisor) again(name string) error {
	s.mu.Lock()
	c, err := s.find("start", name)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.start(c.component)
}

// kill ends a component as a crash would, and waits until it has ended.
func (s *supervisor) kill(name string) error {
	s.mu.Lock()
	c, err := s.find("kill", name)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	s.signal(c, unix.SIGKILL)
	s.mu.Unlock()
	<-c.done
	return nil
}

// remove ends a component in good order and forgets that there was one.
func (s *supervisor) remove(name string) error {
	if err := s.stop(name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.components, name)
	return nil
}

func (s *supervisor) stop(name string) error {
	s.mu.Lock()
	c, err := s.find("stop", name)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	s.signal(c, unix.SIGTERM)
	s.mu.Unlock()
	select {
	case <-c.done:
		return nil
	case <-time.After(stopGrace):
	}
	s.mu.Lock()
	s.signal(c, unix.SIGKILL)
	s.mu.Unlock()
	<-c.done
	return nil
}

// signal needs the lock: a pid that was reaped may be somebody else's.
func (s *supervisor) signal(c *running, sig unix.Signal) {
	if c.state.Running() {
		_ = unix.Kill(c.state.PID, sig)
	}
}

func (s *supervisor) list() []State {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := make([]State, 0, len(s.components))
	for _, c := range s.components {
		states = append(states, c.state)
	}
	sort.Slice(states, func(i, j int) bool { return states[i].Name < states[j].Name })
	return states
}

// reap collects every child that has ended: components, and the orphans that
// an init inherits, such as container shims.
func (s *supervisor) reap() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		if pid <= 0 || err != nil {
			return
		}
		for _, c := range s.components {
			if c.state.PID != pid {
				continue
			}
			c.state.PID = 0
			c.state.Exit = exitText(status)
			close(c.done)
		}
	}
}

func exitText(status unix.WaitStatus) string {
	if status.Signaled() {
		return status.Signal().String()
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}
