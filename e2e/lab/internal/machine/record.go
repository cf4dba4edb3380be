package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Record identifies one process for good: a pid alone is used again, a pid
// with its start time in one boot of the kernel is not.
type Record struct {
	PID       int    `json:"pid"`
	StartTime uint64 `json:"startTime"` // clock ticks since boot, field 22 of proc_pid_stat(5)
	BootID    string `json:"bootID"`
}

// RecordOf reads the record of a running process.
func RecordOf(pid int) (Record, error) {
	start, err := startTime(pid)
	if err != nil {
		return Record{}, fmt.Errorf("record process %d: %w", pid, err)
	}
	boot, err := bootID()
	if err != nil {
		return Record{}, fmt.Errorf("record process %d: %w", pid, err)
	}
	return Record{PID: pid, StartTime: start, BootID: boot}, nil
}

// Write stores the record at path, whole or not at all.
func (r Record) Write(path string) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// ReadRecord reads what Write stored; its error is fs.ErrNotExist where
// nothing was.
func ReadRecord(path string) (Record, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Record{}, err
	}
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return Record{}, fmt.Errorf("read process record %q: %w", path, err)
	}
	return r, nil
}

// Alive tells whether the recorded process still runs. A zombie does not.
func (r Record) Alive() bool {
	boot, err := bootID()
	if err != nil || boot != r.BootID {
		return false
	}
	start, err := startTime(r.PID)
	return err == nil && start == r.StartTime
}

// Kill ends the recorded process and waits, at most for the time given, until
// the kernel has taken everything with it that lived in its PID namespace. A
// process that is gone already, or another one under the same pid, is left
// alone.
func (r Record) Kill(patience time.Duration) error {
	fd, err := unix.PidfdOpen(r.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open process %d: %w", r.PID, err)
	}
	defer unix.Close(fd)
	// The descriptor pins the process, so that it is the one that was checked.
	if !r.Alive() {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("end process %d: %w", r.PID, err)
	}
	deadline := time.Now().Add(patience)
	for {
		left := time.Until(deadline)
		if left <= 0 {
			return fmt.Errorf("end process %d: still there %s after SIGKILL", r.PID, patience)
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left.Milliseconds())+1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for the end of process %d: %w", r.PID, err)
		}
		if n > 0 {
			return nil
		}
	}
}

func bootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id)), err
}

// startTime reads field 22 of /proc/PID/stat. The command name before it is
// in parentheses and may hold anything, so counting starts behind the last.
func startTime(pid int) (uint64, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, err
	}
	text := string(stat)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return 0, fmt.Errorf("process %d: unexpected stat line %q", pid, text)
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return 0, fs.ErrNotExist
	}
	return strconv.ParseUint(fields[19], 10, 64)
}
