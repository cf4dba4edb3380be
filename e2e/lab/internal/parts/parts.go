package parts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// part is one run of the go command: what it builds, under which name.
type part struct {
	name     string   // for people
	id       string   // names its builds in the cache
	dir      string   // the module's folder below the lab's
	packages []string // what to build; "tool" is all tools of the module
	sources  []string // files and folders below the lab's that go into it, beside its module's go.mod and go.sum
	links    []string // further names of the one program built
	rename   string   // the name that a tool gets instead of its package's
	images   []string // the programs that also become images
	// versionOf is the module whose version the program reports as its own; it
	// learns it from the linker.
	versionOf string
}

// all is ordered so that what takes longest comes first, while patience lasts.
var all = []part{
	{name: "Kubernetes (about 5 minutes on 2 cores)", id: "kubernetes", packages: []string{"./parts/kube"}, sources: []string{"parts/kube"}, links: []string{
		"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl",
	}, versionOf: "k8s.io/kubernetes"},
	{name: "etcd", id: "etcd", packages: []string{"./parts/etcd"}, sources: []string{"parts/etcd"}},
	{name: "CoreDNS", id: "coredns", packages: []string{"./parts/coredns"}, sources: []string{"parts/coredns"}, images: []string{"coredns"}},
	{name: "containerd", id: "containerd", dir: "containerd", packages: []string{"tool"}},
	{name: "CNI plugins", id: "cni", packages: []string{
		"./parts/nodad", "./parts/pause",
		"github.com/containernetworking/plugins/plugins/main/ptp",
		"github.com/containernetworking/plugins/plugins/main/loopback",
		"github.com/containernetworking/plugins/plugins/ipam/host-local",
		"github.com/containernetworking/plugins/plugins/meta/portmap",
	}, sources: []string{"parts/nodad", "parts/pause"}, images: []string{"pause"}},
	{name: "kube-network-policies", id: "engine", packages: []string{"sigs.k8s.io/kube-network-policies/cmd/kube-network-policies/standard"}, rename: "kube-network-policies"},
	{name: "the mutant engines", id: "mutant", packages: []string{"./parts/mutant"}, sources: []string{"parts/mutant", "internal/engine", "internal/mutants"}},
}

// Options say what to build from and how to report it.
type Options struct {
	// Source is the folder of the lab's module.
	Source string
	// Cache is the folder below which builds are kept; "" means
	// podknock/lab in the user's cache.
	Cache string
	// Keep are folders of earlier builds that are in use and must stay.
	Keep []string
	// Progress receives a line when a part begins and ends, and one every ten
	// seconds in between.
	Progress io.Writer
}

// Build makes all programs, unless they are there, and returns their folder.
// Each part is kept apart in the cache, so that a change builds what it
// concerns; a build is a folder of links to its parts.
func Build(ctx context.Context, o Options) (string, error) {
	if o.Cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find the cache for the lab's programs: %w", err)
		}
		o.Cache = filepath.Join(user, "podknock", "lab")
	}
	toolchain, err := goVersion(ctx)
	if err != nil {
		return "", err
	}
	keys := make([]string, len(all))
	for i, p := range all {
		if keys[i], err = p.key(o.Source, toolchain); err != nil {
			return "", err
		}
	}
	bin := filepath.Join(o.Cache, keyOf(strings.Join(keys, " ")))
	if used(bin) {
		return bin, nil
	}
	if err := os.MkdirAll(filepath.Join(o.Cache, partsFolder), 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(ctx, filepath.Join(o.Cache, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if used(bin) { // somebody else built it meanwhile
		return bin, nil
	}
	staging, err := os.MkdirTemp(o.Cache, stagingPrefix)
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(staging)
	for i, p := range all {
		built := filepath.Join(o.Cache, partsFolder, p.id+"-"+keys[i])
		if !used(built) {
			if err := p.buildAt(ctx, o, built); err != nil {
				return "", err
			}
		}
		if err := linkAll(built, staging); err != nil {
			return "", fmt.Errorf("put %s with the other programs: %w", p.name, err)
		}
	}
	if err := os.Chmod(staging, 0o755); err != nil {
		return "", err
	}
	// The rename is what makes the build count: whole or not at all.
	if err := os.Rename(staging, bin); err != nil {
		return "", err
	}
	return bin, prune(o.Cache, append(o.Keep, bin))
}

// buildAt builds a part into a folder of the cache, whole or not at all.
func (p part) buildAt(ctx context.Context, o Options, folder string) error {
	staging, err := os.MkdirTemp(o.Cache, stagingPrefix)
	if err != nil {
		return err
	}
	defer os.RemoveAll(staging)
	if err := p.build(ctx, o, staging); err != nil {
		return err
	}
	if err := buildImages(staging, p.images); err != nil {
		return fmt.Errorf("archive the images of %s: %w", p.name, err)
	}
	return os.Rename(staging, folder)
}

func (p part) build(ctx context.Context, o Options, bin string) error {
	start := time.Now()
	fmt.Fprintf(o.Progress, "building %s\n", p.name)
	stop := every(10*time.Second, func() {
		fmt.Fprintf(o.Progress, "building %s: %s so far\n", p.name, time.Since(start).Round(time.Second))
	})
	defer stop()
	ldflags, err := p.ldflags(ctx, o.Source)
	if err != nil {
		return err
	}
	args := append([]string{"build", "-trimpath", "-ldflags=" + ldflags, "-o", bin + "/"}, p.packages...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Join(o.Source, p.dir)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", p.name, err, strings.TrimSpace(string(out)))
	}
	program := filepath.Join(bin, path.Base(p.packages[0]))
	for _, link := range p.links {
		if err := os.Symlink(filepath.Base(program), filepath.Join(bin, link)); err != nil {
			return err
		}
	}
	if p.rename != "" {
		if err := os.Rename(program, filepath.Join(bin, p.rename)); err != nil {
			return err
		}
	}
	fmt.Fprintf(o.Progress, "built %s in %s\n", p.name, time.Since(start).Round(time.Second))
	return nil
}

// ldflags strips the program, and tells it its version.
func (p part) ldflags(ctx context.Context, source string) (string, error) {
	flags := []string{"-s", "-w"}
	if p.versionOf == "" {
		return strings.Join(flags, " "), nil
	}
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}", p.versionOf)
	cmd.Dir = source
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("find the version of %s: %w", p.versionOf, err)
	}
	version := strings.TrimSpace(string(out))
	numbers := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		flags = append(flags, "-X", pkg+".gitVersion="+version, "-X", pkg+".gitMajor="+numbers[0], "-X", pkg+".gitMinor="+numbers[1])
	}
	return strings.Join(flags, " "), nil
}

// lock waits until this process alone builds.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("lock %q: %w", path, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("wait for another build of the lab's programs: %w", ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// every calls f at each interval until stop is called, and never after.
func every(interval time.Duration, f func()) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				f()
			case <-quit:
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}
