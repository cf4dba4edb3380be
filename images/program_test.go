package images_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/images"
)

// install writes a compiled program where `go install` would.
func install(t *testing.T, path, architecture string) {
	t.Helper()
	g := NewWithT(t)
	programs, err := compiled()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(os.MkdirAll(filepath.Dir(path), 0o755)).To(Succeed())
	g.Expect(os.WriteFile(path, programs[architecture], 0o755)).To(Succeed())
}

func TestAFileThatIsNoAgentIsRefused(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(t.TempDir(), "podknock-agent")
	programs, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	// What Go says of an architecture is all that counts, and to compile for one more takes most of a minute.
	program := bytes.ReplaceAll(programs["amd64"], []byte("GOARCH=amd64"), []byte("GOARCH=s390x"))
	if err := os.WriteFile(foreign, program, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, path, want string }{
		{"no file", filepath.Join(t.TempDir(), "nothing"), "no such file"},
		{"a script", script, "it was not built by Go"},
		{"another program built by Go", self, "not podknock-agent"},
		{"an agent for an architecture without an image", foreign, "it is for linux/s390x, and images are made for Linux on [amd64 arm64]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			_, err := images.ReadProgram(row.path)
			g.Expect(err).To(MatchError(And(ContainSubstring(row.want), ContainSubstring(row.path))))
		})
	}
}

func TestAnAgentThatNeedsLibrariesIsRefused(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil || runtime.GOOS != "linux" {
		t.Skip("only a C compiler on Linux makes one")
	}
	g := NewWithT(t)
	directory := t.TempDir()
	path := filepath.Join(directory, "podknock-agent")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "github.com/podknock/podknock/cmd/podknock-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	out, err := build.CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(out))
	var dynamic *images.NotStaticError
	_, err = images.FindPrograms(directory)
	g.Expect(err).To(BeAssignableToTypeOf(dynamic))
	g.Expect(err).To(MatchError(ContainSubstring("build it with CGO_ENABLED=0")))
}

func TestProgramsAreFoundWhereGoInstallPutsThem(t *testing.T) {
	g := NewWithT(t)
	directory := t.TempDir()
	found, err := images.FindPrograms(directory)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found).To(BeEmpty())

	install(t, filepath.Join(directory, "podknock-agent"), "amd64")
	install(t, filepath.Join(directory, "linux_arm64", "podknock-agent"), "arm64")
	install(t, filepath.Join(directory, "linux_amd64", "podknock-agent"), "amd64")
	found, err = images.FindPrograms(directory)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found).To(HaveExactElements(
		And(HaveField("Architecture", "amd64"), HaveField("From", filepath.Join(directory, "podknock-agent"))),
		HaveField("Architecture", "arm64"),
	))
}

func TestTwoProgramsOfOneArchitectureMakeNoImage(t *testing.T) {
	g := NewWithT(t)
	_, err := images.Multi([]images.AgentProgram{{Architecture: "amd64", From: "a"}, {Architecture: "amd64", From: "b"}}, testRelease)
	g.Expect(err).To(MatchError(`make image: "a" and "b" are both for amd64: one is enough`))
}

func TestSourcesAreThoseOfThisModule(t *testing.T) {
	g := NewWithT(t)
	g.Expect(images.InSources(".")).To(BeTrue())
	g.Expect(images.InSources("build")).To(BeTrue())
	other := t.TempDir()
	g.Expect(images.InSources(other)).To(BeFalse())
	g.Expect(os.WriteFile(filepath.Join(other, "go.mod"), []byte("module github.com/podknock/podknock/e2e/lab\n"), 0o644)).To(Succeed())
	g.Expect(images.InSources(other)).To(BeFalse())
}
