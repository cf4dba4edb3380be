//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// traces lists everything that a lab could leave on this machine: processes in
// other PID namespaces, mounts, links, named namespaces, cgroups, files, and
// packet filter tables.
func traces() []string {
	GinkgoHelper()
	var found []string
	own, err := os.Readlink("/proc/self/ns/pid")
	Expect(err).NotTo(HaveOccurred())
	processes, err := filepath.Glob("/proc/[0-9]*")
	Expect(err).NotTo(HaveOccurred())
	for _, process := range processes {
		namespace, err := os.Readlink(process + "/ns/pid")
		if err == nil && namespace != own {
			command, _ := os.ReadFile(process + "/cmdline")
			found = append(found, fmt.Sprintf("process %s %s", process, strings.ReplaceAll(string(command), "\x00", " ")))
		}
	}
	for kind, command := range map[string][]string{
		"mount":     {"cat", "/proc/self/mounts"},
		"link":      {"ip", "-o", "-br", "link"},
		"namespace": {"ip", "netns", "list"},
		"table":     {"nft", "list", "tables"},
		"cgroup":    {"find", "/sys/fs/cgroup", "-name", "*podknock*"},
		"file":      {"find", "/run", "/var/lib", "-maxdepth", "2", "-path", "*podknock*"},
	} {
		out, err := exec.Command(command[0], command[1:]...).Output()
		Expect(err).NotTo(HaveOccurred(), kind)
		for line := range strings.Lines(string(out)) {
			found = append(found, kind+" "+strings.TrimSpace(line))
		}
	}
	slices.Sort(found)
	return found
}
