package main

import (
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	. "github.com/onsi/gomega"
)

// installedIn makes the program believe that it is installed in a directory.
func installedIn(t *testing.T, directory string) {
	t.Helper()
	before := executable
	executable = func() (string, error) { return filepath.Join(directory, "podknock"), nil }
	t.Cleanup(func() { executable = before })
}

// installAgent puts an agent into a directory, as `go install` does.
func installAgent(t *testing.T, directory, architecture string) {
	t.Helper()
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(directory, "podknock-agent"), "../podknock-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture)
	out, err := build.CombinedOutput()
	NewWithT(t).Expect(err).NotTo(HaveOccurred(), string(out))
}

func TestAnImageNeedsAnAgent(t *testing.T) {
	g := NewWithT(t)
	directory := t.TempDir()
	installedIn(t, directory)
	t.Chdir(directory)
	code, out, err := podknock(t, "image", "save", "agent.tar")
	g.Expect(code).To(Equal(exitUsage))
	g.Expect(out).To(BeEmpty())
	g.Expect(err).To(Equal("podknock: there is no podknock-agent in \"" + directory + "\", beside podknock: " +
		"run `CGO_ENABLED=0 go install ./cmd/podknock ./cmd/podknock-agent` in podknock's sources, or name the program with --agent FILE\n"))
	g.Expect(filepath.Join(directory, "agent.tar")).NotTo(BeAnExistingFile())
}

func TestTheInstalledAgentIsSavedAndPushed(t *testing.T) {
	g := NewWithT(t)
	directory := t.TempDir()
	installedIn(t, directory)
	installAgent(t, directory, "amd64")
	installAgent(t, filepath.Join(directory, "linux_arm64"), "arm64")
	t.Chdir(directory)

	code, out, err := podknock(t, "image", "save", "agent.tar")
	g.Expect(err).To(BeEmpty())
	g.Expect(code).To(Equal(exitOK))
	g.Expect(out).To(Equal("wrote podknock.dev/agent:dev for linux/amd64 and linux/arm64 to agent.tar\n" +
		"on each node: ctr -n k8s.io images import agent.tar\nthen:         podknock run\n"))
	saved, readErr := os.ReadFile("agent.tar")
	g.Expect(readErr).NotTo(HaveOccurred())
	code, out, err = podknock(t, "image", "save", "-")
	g.Expect(code).To(Equal(exitOK))
	g.Expect(out == string(saved)).To(BeTrue(), "the same bytes as in the file")
	g.Expect(err).To(Equal("wrote podknock.dev/agent:dev for linux/amd64 and linux/arm64\n"))

	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	name := strings.TrimPrefix(server.URL, "http://") + "/tools/podknock-agent:v1"
	t.Setenv("HOME", directory)
	code, out, err = podknock(t, "image", "push", name)
	g.Expect(err).To(BeEmpty())
	g.Expect(code).To(Equal(exitOK))
	g.Expect(out).To(MatchRegexp("^pushed " + name + "@sha256:[0-9a-f]{64} for linux/amd64 and linux/arm64\nthen: podknock run --image " + name + "\n$"))
}

func TestMistakesWithImagesAreExplained(t *testing.T) {
	for _, row := range []struct {
		name string
		line []string
		want string
	}{
		{"no file", []string{"image", "save"}, "podknock image save: name a file for the archive, or - for standard output"},
		{"no name", []string{"image", "push"}, "podknock image push: name the image in a registry, such as registry.example.org/podknock-agent:dev"},
		{"a name without a registry", []string{"image", "push", "agent:dev"}, `image "agent:dev": write REGISTRY/NAME:TAG`},
		{"a name without a tag", []string{"image", "save", "x.tar", "--name", "podknock.dev/agent"}, `--name: image "podknock.dev/agent": write REGISTRY/NAME:TAG`},
		{"an agent that is none", []string{"image", "save", "x.tar", "--agent", "image_test.go"}, `--agent: file "image_test.go" is no program for an image: it was not built by Go`},
		{"a verb that is nearly one", []string{"image", "psh"}, `image: unknown command "psh": did you mean "push"?`},
		{"no verb", []string{"image"}, "image: say what to do with it: save or push"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			code, out, err := podknock(t, row.line...)
			g.Expect(err).To(ContainSubstring(row.want))
			g.Expect(out).To(BeEmpty())
			g.Expect(code).To(Equal(exitUsage))
		})
	}
}
