//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// labCommand prepares a run of the lab's program on one lab.
func labCommand(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, abs(*labFlag), append([]string{"--name", name}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd
}

// tryLab runs the lab's program and returns all that it printed.
func tryLab(ctx context.Context, name string, args ...string) (string, error) {
	out, err := labCommand(ctx, name, args...).CombinedOutput()
	fmt.Fprintf(GinkgoWriter, "lab --name %s %s\n%s", name, strings.Join(args, " "), out)
	return string(out), err
}

// lab runs the lab's program, which has to succeed.
func lab(ctx context.Context, name string, args ...string) string {
	GinkgoHelper()
	out, err := tryLab(ctx, name, args...)
	Expect(err).NotTo(HaveOccurred(), "lab %s: %s", strings.Join(args, " "), out)
	return out
}

// kubectl runs the lab's kubectl, which has to succeed.
func kubectl(ctx context.Context, name string, args ...string) string {
	GinkgoHelper()
	return lab(ctx, name, append([]string{"kubectl", "--"}, args...)...)
}

// downLeaves expects of a lab that is down that all is as before. Processes of a lab that went down just before may have ended since.
func downLeaves(name string, before []string) func(Gomega) {
	return func(g Gomega) {
		now := traces(name)
		ended := func(trace string) bool { return strings.HasPrefix(trace, "process ") && !slices.Contains(now, trace) }
		g.Expect(now).To(Equal(slices.DeleteFunc(slices.Clone(before), ended)), "down leaves nothing")
	}
}

// traces lists everything that a lab could leave on this machine: processes in
// other PID namespaces, mounts, links, named namespaces, cgroups, files, and
// packet filter tables. What belongs to labs of other names, which may run
// beside it, is left out.
func traces(name string) []string {
	GinkgoHelper()
	var found []string
	inits, others := otherLabs(name)
	own, err := os.Readlink("/proc/self/ns/pid")
	Expect(err).NotTo(HaveOccurred())
	processes, err := filepath.Glob("/proc/[0-9]*")
	Expect(err).NotTo(HaveOccurred())
	for _, process := range processes {
		namespace, err := os.Readlink(process + "/ns/pid")
		if err != nil || namespace == own || descends(filepath.Base(process), inits) {
			continue
		}
		command, _ := os.ReadFile(process + "/cmdline")
		found = append(found, fmt.Sprintf("process %s %s", process, strings.ReplaceAll(string(command), "\x00", " ")))
	}
	for kind, command := range map[string][]string{
		"mount":     {"cat", "/proc/self/mounts"},
		"link":      {"ip", "-o", "-br", "link"},
		"namespace": {"ip", "netns", "list"},
		"table":     {"nft", "list", "tables"},
		"cgroup":    {"find", "/sys/fs/cgroup", "-path", "*/podknock/*"},
		"file":      {"find", "/run/podknock", "/var/lib/podknock", "-mindepth", "1", "-maxdepth", "1"},
	} {
		out, err := exec.Command(command[0], command[1:]...).Output()
		if command[0] != "find" { // which fails for what is not there, or goes meanwhile
			Expect(err).NotTo(HaveOccurred(), kind)
		}
		for line := range strings.Lines(string(out)) {
			line = strings.TrimSpace(line)
			if !slices.ContainsFunc(others, func(other string) bool {
				return strings.Contains(line, "/podknock/"+other+"/") || strings.HasSuffix(line, "/podknock/"+other) ||
					strings.HasSuffix(line, "/podknock/"+other+".lock")
			}) {
				found = append(found, kind+" "+line)
			}
		}
	}
	slices.Sort(found)
	return found
}

// otherLabs returns the names of the labs that have another name, and the pids
// of their machines.
func otherLabs(name string) (inits map[string]bool, names []string) {
	GinkgoHelper()
	inits = map[string]bool{}
	records, err := filepath.Glob("/run/podknock/*/*.pid")
	Expect(err).NotTo(HaveOccurred())
	for _, path := range records {
		other := filepath.Base(filepath.Dir(path))
		var record struct{ PID int }
		data, err := os.ReadFile(path)
		if other == name || err != nil || json.Unmarshal(data, &record) != nil {
			continue
		}
		inits[strconv.Itoa(record.PID)] = true
		names = append(names, other)
	}
	return inits, names
}

// descends tells whether a process is one of the given, or a descendant.
func descends(pid string, ancestors map[string]bool) bool {
	for pid != "0" && pid != "" {
		if ancestors[pid] {
			return true
		}
		status, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil {
			return false
		}
		_, rest, _ := strings.Cut(string(status), "PPid:\t")
		pid, _, _ = strings.Cut(rest, "\n")
	}
	return false
}
