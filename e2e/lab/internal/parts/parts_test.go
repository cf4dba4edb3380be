package parts

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
)

func TestTheKeyOfABuild(t *testing.T) {
	g := NewWithT(t)
	source := t.TempDir()
	write := func(path, text string) {
		full := filepath.Join(source, path)
		g.Expect(os.MkdirAll(filepath.Dir(full), 0o755)).To(Succeed())
		g.Expect(os.WriteFile(full, []byte(text), 0o644)).To(Succeed())
	}
	for _, path := range []string{"go.mod", "go.sum", "parts/kube/main.go", "containerd/go.mod", "internal/parts/parts.go"} {
		write(path, "one")
	}
	key := func() string {
		k, err := sourceKey(context.Background(), source)
		g.Expect(err).NotTo(HaveOccurred())
		return k
	}
	first := key()
	g.Expect(key()).To(Equal(first), "the same sources make the same key")
	write("internal/parts/parts_test.go", "a test")
	g.Expect(key()).To(Equal(first), "a test changes no program")
	for _, path := range []string{"go.sum", "parts/kube/main.go", "containerd/go.mod"} {
		before := key()
		write(path, "two")
		g.Expect(key()).NotTo(Equal(before), "%s changed", path)
	}
}
