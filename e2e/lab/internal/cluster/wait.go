package cluster

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/podknock/podknock/e2e/lab/internal/machine"
)

// componentError says that a component has ended that should be running.
type componentError struct {
	machine string
	state   machine.State
}

func (e *componentError) Error() string {
	end := lastLines(e.state.Log, 15)
	// inotify_init(2) says EMFILE also where files are not what there is too much of.
	if strings.Contains(end, "too many open files") {
		return fmt.Sprintf("%s on %s ended: this machine has no inotify instance left; take another lab down, or raise fs.inotify.max_user_instances, which is %s (its log: %s)",
			e.state.Name, e.machine, inotifyLimit(), e.state.Log)
	}
	return fmt.Sprintf("%s on %s ended: %s; the end of %s:\n%s", e.state.Name, e.machine, e.state.Exit, e.state.Log, end)
}

// inotifyLimit is how many inotify instances a user may have, or a question mark.
func inotifyLimit() string {
	limit, err := os.ReadFile("/proc/sys/fs/inotify/max_user_instances")
	if err != nil {
		return "?"
	}
	return strings.TrimSpace(string(limit))
}

// start runs a component of the lab's own programs.
func (u *upping) startComponent(ctx context.Context, m *machine.Machine, program string, args ...string) error {
	argv := append([]string{u.bin + "/" + program}, args...)
	if slices.Contains(asUser, program) {
		argv = slices.Concat(setpriv, argv)
	}
	return m.Start(ctx, machine.Component{
		Name: program,
		Argv: argv,
		Env:  []string{"PATH=" + u.bin + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"},
		Log:  u.log(m.Name, program),
	})
}

// asUser are the components that need no root and hold many inotify instances,
// six each. The kernel limits those of a user (fs.inotify.max_user_instances,
// 128 by default), and root's are needed for kubelets and runtimes.
var asUser = []string{"kube-apiserver", "kube-controller-manager"}

// setpriv starts what follows as a user of its own that may write every file
// all the same. No program of Debian has the number.
var setpriv = []string{"/usr/bin/setpriv", "--reuid=64321", "--regid=64321", "--clear-groups",
	"--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--"}

// await asks until done is true. It fails at once when a component has ended,
// and at ctx's deadline with what was waited for and why it was not so yet.
func (u *upping) await(ctx context.Context, what string, done func(context.Context) (bool, string)) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		if err := u.anyEnded(ctx); err != nil {
			return err
		}
		ok, why := done(ctx)
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w; last: %s", what, context.Cause(ctx), why)
		case <-ticker.C:
		}
	}
}

// anyEnded returns a componentError for the first component found ended.
func (u *upping) anyEnded(ctx context.Context) error {
	for _, m := range u.all() {
		states, err := m.Components(ctx)
		if err != nil {
			return err
		}
		for _, s := range states {
			if !s.Running() {
				return &componentError{machine: m.Name, state: s}
			}
		}
	}
	return nil
}

// lastLines returns the end of a log, or the reason why there is none.
func lastLines(path string, n int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
