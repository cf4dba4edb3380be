package parts

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestTheKeyOfAPart(t *testing.T) {
	g := NewWithT(t)
	source := t.TempDir()
	write := func(path, text string) {
		full := filepath.Join(source, path)
		g.Expect(os.MkdirAll(filepath.Dir(full), 0o755)).To(Succeed())
		g.Expect(os.WriteFile(full, []byte(text), 0o644)).To(Succeed())
	}
	for _, path := range []string{"go.mod", "go.sum", "parts/kube/main.go", "parts/mutant/main.go"} {
		write(path, "one")
	}
	kube := part{id: "kubernetes", sources: []string{"parts/kube"}}
	key := func(p part, toolchain string) string {
		k, err := p.key(source, toolchain)
		g.Expect(err).NotTo(HaveOccurred())
		return k
	}
	first := key(kube, "go1")
	g.Expect(key(kube, "go1")).To(Equal(first), "the same sources make the same key")
	write("parts/kube/main_test.go", "a test")
	write("parts/mutant/main.go", "two")
	g.Expect(key(kube, "go1")).To(Equal(first), "a test and another part change no program of this one")
	g.Expect(key(kube, "go2")).NotTo(Equal(first), "another Go")
	g.Expect(key(part{id: "kubernetes", sources: kube.sources, rename: "k8s"}, "go1")).NotTo(Equal(first), "built another way")
	for _, path := range []string{"go.mod", "go.sum", "parts/kube/main.go"} {
		before := key(kube, "go1")
		write(path, "two")
		g.Expect(key(kube, "go1")).NotTo(Equal(before), "%s changed", path)
	}
}

func TestOldBuildsArePruned(t *testing.T) {
	g := NewWithT(t)
	cache := t.TempDir()
	now := time.Now()
	for name, age := range map[string]time.Duration{
		"in-use-0": 99 * time.Hour, "aaaa": 48 * time.Hour, "bbbb": 47 * time.Hour, "cccc": 46 * time.Hour, "dddd": time.Hour, "building-1": 99 * time.Hour,
		"parts/etcd-1": 50 * time.Hour, "parts/etcd-2": 49 * time.Hour, "parts/etcd-3": 48 * time.Hour, "parts/mutant-1": 99 * time.Hour,
	} {
		folder := filepath.Join(cache, name)
		g.Expect(os.MkdirAll(folder, 0o755)).To(Succeed())
		g.Expect(os.Chtimes(folder, now.Add(-age), now.Add(-age))).To(Succeed())
	}
	g.Expect(os.Rename(filepath.Join(cache, "in-use-0"), filepath.Join(cache, "eeee"))).To(Succeed())
	g.Expect(prune(cache, []string{filepath.Join(cache, "eeee")})).To(Succeed())
	left := func(dir string) (names []string) {
		entries, err := os.ReadDir(filepath.Join(cache, dir))
		g.Expect(err).NotTo(HaveOccurred())
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
		return names
	}
	g.Expect(left("")).To(ConsistOf("eeee", "cccc", "dddd", "building-1", "parts"), "in use, the last two, what is being built")
	g.Expect(left("parts")).To(ConsistOf("etcd-2", "etcd-3", "mutant-1"), "the last two of each part")
}
