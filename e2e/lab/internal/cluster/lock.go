package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// errTaken is what a lock's waiters read while they wait.
var errTaken = errors.New("another command is working on it")

// lockLab makes this process the only one that works on a lab. The file of
// the lock goes with unlock, so that a lab that is down leaves nothing.
func lockLab(ctx context.Context, l layout) (unlock func(), err error) {
	path := l.lockFile()
	for {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, fmt.Errorf("lock lab %q: %w", l.name, err)
		}
		f, err := tryLock(path)
		if err == nil {
			return func() {
				_ = os.Remove(path)
				_ = os.Remove(runRoot) // succeeds only when it is empty
				f.Close()
			}, nil
		}
		if !errors.Is(err, errTaken) {
			return nil, fmt.Errorf("lock lab %q: %w", l.name, err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("lock lab %q: %w: %w", l.name, err, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func tryLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) { // the folder went in between
			return nil, errTaken
		}
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errTaken
		}
		return nil, err
	}
	// The file that was locked may have been removed by its last holder: then
	// the lock is on nothing.
	var held, named unix.Stat_t
	if err := errors.Join(unix.Fstat(int(f.Fd()), &held), unix.Stat(path, &named)); err != nil || held.Ino != named.Ino {
		f.Close()
		return nil, errTaken
	}
	return f, nil
}
