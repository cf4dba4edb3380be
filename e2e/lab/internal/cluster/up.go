package cluster

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/podknock/podknock/e2e/lab/internal/host"
	"github.com/podknock/podknock/e2e/lab/internal/machine"
	"github.com/podknock/podknock/e2e/lab/internal/parts"
	"github.com/podknock/podknock/e2e/lab/internal/pki"
)

// Up brings a lab up and returns when its nodes and its DNS are Ready. A lab
// that is up already with the same options is left as it is; the remains of
// one whose start was cut short are cleared first.
func Up(ctx context.Context, o Options) error {
	o = o.withDefaults()
	if err := o.Validate(); err != nil {
		return err
	}
	if err := host.Check(); err != nil {
		return err
	}
	l := layout{o.Name}
	unlock, err := lockLab(ctx, l)
	if err != nil {
		return err
	}
	defer unlock()
	if up, err := alreadyUp(ctx, l, o); up || err != nil {
		return err
	}
	bin, err := Prepare(ctx, o)
	if err != nil {
		return err
	}
	if err := clearLab(l); err != nil {
		return err
	}
	u := &upping{Options: o, layout: l, bin: bin, start: time.Now()}
	if err := u.steps(ctx); err != nil {
		return fmt.Errorf("bring lab %q up: %w", o.Name, errors.Join(err, clearAfter(l, err)))
	}
	fmt.Fprintf(o.Progress, "lab %q is up; kubeconfig: %s\n", o.Name, l.kubeconfig())
	return nil
}

// Prepare installs the Debian packages and builds the programs that are
// missing, and returns the programs' folder.
func Prepare(ctx context.Context, o Options) (string, error) {
	o = o.withDefaults()
	if err := host.Install(ctx, o.Progress); err != nil {
		return "", err
	}
	return parts.Build(ctx, parts.Options{Source: o.Source, Progress: o.Progress, Keep: binsInUse()})
}

// alreadyUp tells whether a lab is up as it is wanted; its error says that it
// is up otherwise.
func alreadyUp(ctx context.Context, l layout, o Options) (bool, error) {
	s, err := l.readState()
	if errors.Is(err, errDown) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	status, err := statusOf(ctx, l, s)
	if err != nil || !status.Healthy() {
		return false, err
	}
	have, want := s.Options, o
	if have.Nodes != want.Nodes || have.Families != want.Families || have.Engine != want.Engine {
		return false, fmt.Errorf("lab %q is up with %d nodes, IP family %s and engine %s; take it down first, or choose another --name",
			l.name, have.Nodes, have.Families, have.Engine)
	}
	fmt.Fprintf(o.Progress, "lab %q is up already\n", l.name)
	return true, nil
}

// clearAfter removes a lab that failed to start, but keeps its logs when a
// component failed: they are what the error points to.
func clearAfter(l layout, cause error) error {
	if errors.As(cause, new(*componentError)) {
		return killMachines(l)
	}
	return clearLab(l)
}

// upping is a lab on its way up.
type upping struct {
	Options
	layout
	bin   string
	start time.Time

	mu           sync.Mutex // guards hook
	entrance     string     // host:port of the API server for this side of the lab
	hook         Hook
	controlPlane *machine.Machine
	nodes        []*machine.Machine
	world        *machine.Machine
	ca           *pki.Authority
	api          kubernetes.Interface
}

// steps brings the lab up, one visible step after the other.
func (u *upping) steps(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, u.Patience)
	defer cancel()
	for _, step := range []struct {
		did string
		do  func(context.Context) error
	}{
		{"made the machines: control plane, nodes, world", u.makeMachines},
		{"connected the machines", u.connectMachines},
		{"issued certificates", u.issueCertificates},
		{"started etcd, the API server, containerd", u.startFoundations},
		{"the API server is ready", u.waitForAPI},
		{"started controller manager, scheduler, kubelets, kube-proxies, policy engines", u.startComponents},
		{"installed DNS", u.installDNS},
		{"nodes are Ready", u.waitForNodes},
		{"DNS is Ready", u.waitForDNS},
	} {
		if err := step.do(ctx); err != nil {
			return err
		}
		u.say(step.did)
	}
	return u.writeState(state{Options: u.Options, Hook: u.hook, Bin: u.bin})
}

// say reports what has just been done.
func (u *upping) say(did string) {
	fmt.Fprintf(u.Progress, "%5.1fs %s\n", time.Since(u.start).Seconds(), did)
}

// setHook notes how the engine is hooked in; nodes start side by side.
func (u *upping) setHook(hook Hook) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.hook = hook
}

// binsInUse returns the folders of the programs that labs run.
func binsInUse() []string {
	states, _ := filepath.Glob(layout{"*"}.stateFile())
	var bins []string
	for _, path := range states {
		if s, err := (layout{filepath.Base(filepath.Dir(path))}).readState(); err == nil {
			bins = append(bins, s.Bin)
		}
	}
	return bins
}

// all returns the machines that run, in the order in which they are made.
func (u *upping) all() []*machine.Machine {
	all := append([]*machine.Machine{u.controlPlane, u.world}, u.nodes...)
	return slices.DeleteFunc(all, func(m *machine.Machine) bool { return m == nil })
}
