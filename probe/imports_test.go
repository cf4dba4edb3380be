package probe

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// The package goes into a small static image and into every pod under test.
func TestImportsTheStandardLibraryAndSysOnly(t *testing.T) {
	g := NewWithT(t)
	files, err := filepath.Glob("*.go")
	g.Expect(err).NotTo(HaveOccurred())
	checked := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		g.Expect(err).NotTo(HaveOccurred())
		for _, spec := range source.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			g.Expect(err).NotTo(HaveOccurred())
			first, _, _ := strings.Cut(path, "/")
			g.Expect(!strings.Contains(first, ".") || strings.HasPrefix(path, "golang.org/x/sys/")).To(BeTrue(), "%s imports %s", file, path)
			g.Expect(path).NotTo(Equal("net/http"), "%s: it is several times the size of the rest", file)
			checked++
		}
	}
	g.Expect(checked).To(BeNumerically(">", 50))
}
