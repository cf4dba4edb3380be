package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/podknock/podknock/e2e/lab/internal/machine"
)

// killPatience is how long the kernel may take to end a machine: it tears
// down every process, mount and interface in it.
const killPatience = 20 * time.Second

// Down ends a lab and removes all that it left, also of a lab that never came
// up whole. A lab that is not there is down already.
func Down(ctx context.Context, name string) error {
	l := layout{name}
	unlock, err := lockLab(ctx, l)
	if err != nil {
		return err
	}
	defer unlock()
	return clearLab(l)
}

// clearLab needs the lab's lock. It goes on after a failure, so that one
// thing that cannot be removed does not keep the rest.
func clearLab(l layout) error {
	// As long as something is left the records stay: a second try goes by them.
	if err := errors.Join(os.RemoveAll(l.stateFile()), killMachines(l), removeCgroups(l)); err != nil {
		return fmt.Errorf("take lab %q down: %w", l.name, err)
	}
	if err := errors.Join(os.RemoveAll(l.data()), os.RemoveAll(l.runtime())); err != nil {
		return fmt.Errorf("take lab %q down: %w", l.name, err)
	}
	_ = os.Remove(varRoot) // succeeds only when it is empty
	return nil
}

// killMachines ends every machine of a lab that a record names.
func killMachines(l layout) error {
	records, err := filepath.Glob(l.record("*"))
	errs := []error{err}
	for _, path := range records {
		record, err := machine.ReadRecord(path)
		if err == nil {
			err = record.Kill(killPatience)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// removeCgroups removes the lab's folder from every hierarchy: the one of
// cgroup v2, or each of v1's. Their processes have ended with the machines.
func removeCgroups(l layout) error {
	const root = "/sys/fs/cgroup"
	hierarchies := []string{root}
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			hierarchies = append(hierarchies, filepath.Join(root, entry.Name()))
		}
	}
	var errs []error
	for _, hierarchy := range hierarchies {
		errs = append(errs, removeCgroup(filepath.Join(hierarchy, l.cgroup())))
		_ = os.Remove(filepath.Join(hierarchy, filepath.Dir(l.cgroup()))) // succeeds only when it is empty
	}
	return errors.Join(errs...)
}

// removeCgroup removes a cgroup from its leaves up: rmdir is all that a
// cgroup allows (cgroups(7)).
func removeCgroup(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeCgroup(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	// The kernel empties a cgroup a moment after its last process ended.
	deadline := time.Now().Add(5 * time.Second)
	for {
		err := os.Remove(dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) || time.Now().After(deadline) {
			return err
		}
		<-time.After(20 * time.Millisecond)
	}
}
