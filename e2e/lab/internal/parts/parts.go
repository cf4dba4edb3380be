package parts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
	dir      string   // the module's folder below the lab's
	packages []string // what to build; "tool" is all tools of the module
	links    []string // further names of the one program built
	rename   string   // the name that a tool gets instead of its package's
	// versionOf is the module whose version the program reports as its own; it
	// learns it from the linker.
	versionOf string
}

// all is ordered so that what takes longest comes first, while patience lasts.
var all = []part{
	{name: "Kubernetes (about 5 minutes on 2 cores)", packages: []string{"./parts/kube"}, links: []string{
		"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl",
	}, versionOf: "k8s.io/kubernetes"},
	{name: "etcd", packages: []string{"./parts/etcd"}},
	{name: "CoreDNS", packages: []string{"./parts/coredns"}},
	{name: "containerd", dir: "containerd", packages: []string{"tool"}},
	{name: "CNI plugins", packages: []string{
		"./parts/nodad", "./parts/pause",
		"github.com/containernetworking/plugins/plugins/main/ptp",
		"github.com/containernetworking/plugins/plugins/main/loopback",
		"github.com/containernetworking/plugins/plugins/ipam/host-local",
		"github.com/containernetworking/plugins/plugins/meta/portmap",
	}},
	{name: "kube-network-policies", packages: []string{"sigs.k8s.io/kube-network-policies/cmd/kube-network-policies/standard"}, rename: "kube-network-policies"},
}

// Options say what to build from and how to report it.
type Options struct {
	// Source is the folder of the lab's module.
	Source string
	// Cache is the folder below which builds are kept; "" means
	// podknock/lab in the user's cache.
	Cache string
	// Progress receives a line when a part begins and ends, and one every ten
	// seconds in between.
	Progress io.Writer
}

// Build makes all programs, unless they are there, and returns their folder.
func Build(ctx context.Context, o Options) (string, error) {
	if o.Cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find the cache for the lab's programs: %w", err)
		}
		o.Cache = filepath.Join(user, "podknock", "lab")
	}
	key, err := sourceKey(ctx, o.Source)
	if err != nil {
		return "", err
	}
	bin := filepath.Join(o.Cache, key)
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	if err := os.MkdirAll(o.Cache, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(ctx, filepath.Join(o.Cache, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(bin); err == nil { // somebody else built it meanwhile
		return bin, nil
	}
	staging, err := os.MkdirTemp(o.Cache, "building-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(staging)
	for _, p := range all {
		if err := p.build(ctx, o, staging); err != nil {
			return "", err
		}
	}
	if err := buildImages(staging); err != nil {
		return "", fmt.Errorf("archive the lab's images: %w", err)
	}
	if err := os.Chmod(staging, 0o755); err != nil {
		return "", err
	}
	// The rename is what makes the build count: whole or not at all.
	return bin, os.Rename(staging, bin)
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

// sourceKey names a build: the same sources and the same Go make the same key.
func sourceKey(ctx context.Context, source string) (string, error) {
	version, err := exec.CommandContext(ctx, "go", "version").Output()
	if err != nil {
		return "", fmt.Errorf("ask go for its version: %w", err)
	}
	sum := sha256.New()
	sum.Write(version)
	for _, root := range []string{"go.mod", "go.sum", "parts", "containerd", "internal/parts"} {
		err := filepath.WalkDir(filepath.Join(source, root), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.HasSuffix(path, "_test.go") {
				return err
			}
			data, err := os.ReadFile(path)
			fmt.Fprintf(sum, "%s %d\n", strings.TrimPrefix(path, source), len(data))
			sum.Write(data)
			return err
		})
		if err != nil {
			return "", fmt.Errorf("read the lab's sources: %w", err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
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
