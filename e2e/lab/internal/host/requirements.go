package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// ErrUnsupported is what Check returns where no lab can run at all.
var ErrUnsupported = errors.New("the lab needs Linux and root, because its machines are network namespaces; " +
	"elsewhere use kind (https://kind.sigs.k8s.io) with a policy engine, and point KUBECONFIG at it")

// Check tells whether this is Linux and this process root.
func Check() error {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return ErrUnsupported
	}
	return nil
}

// tools maps a program that the lab runs to the Debian package that has it.
var tools = []struct{ program, pkg string }{
	{"nft", "nftables"},        // kube-proxy and the policy engine
	{"iptables", "iptables"},   // the engine's way in where nftables lacks queue
	{"conntrack", "conntrack"}, // kube-proxy
	{"ip", "iproute2"},         // the machines' links and routes
	{"runc", "runc"},           // containerd
	{"nsenter", "util-linux"},  // entering a machine
	{"mount", "mount"},         // kubelet's volumes
}

// Install makes sure that every tool is there, with apt-get where one is not,
// and says what it installs.
func Install(ctx context.Context, progress io.Writer) error {
	var missing []string
	for _, tool := range tools {
		if _, err := exec.LookPath(tool.program); err != nil {
			missing = append(missing, tool.pkg)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	list := strings.Join(missing, " ")
	if os.Geteuid() != 0 {
		return fmt.Errorf("install %s: only root can; run: apt-get install -y %s", list, list)
	}
	byHand := "apt-get update && apt-get install -y --no-install-recommends " + list
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("install %s: this is not a Debian machine; what the lab needs is what Debian has in: %s", list, list)
	}
	fmt.Fprintf(progress, "installing Debian packages: %s\n", list)
	for _, args := range [][]string{
		{"update", "-qq"},
		append([]string{"install", "-y", "-qq", "--no-install-recommends"}, missing...),
	} {
		// Another process may be installing just now; apt gives up at once by default.
		args = append([]string{"-o", "DPkg::Lock::Timeout=120"}, args...)
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("install %s: %w; try by hand: %s\n%s", list, err, byHand, out)
		}
	}
	return nil
}
