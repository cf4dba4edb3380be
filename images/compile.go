package images

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Name is a program of podknock that has an image of its own.
type Name string

// The programs.
const (
	// Agent runs in probe pods.
	Agent Name = "podknock-agent"
	// Runner is podknock itself, for a job inside the cluster.
	Runner Name = "podknock"
)

// Path is where the program is in its image.
func (n Name) Path() string { return "/" + string(n) }

const modulePath = "github.com/podknock/podknock"

func (n Name) packagePath() string { return modulePath + "/cmd/" + string(n) }

// variable holds the release that the program tells.
func (n Name) variable() string {
	if n == Runner {
		return "main.released"
	}
	return "main.release"
}

// Architectures are those that images are made for, named as by GOARCH.
func Architectures() []string { return []string{"amd64", "arm64"} }

// Compile returns a program for Linux on an architecture, statically linked and stripped. dir is a directory
// inside podknock's module, empty for the current one; release is the version that the program tells. It needs the
// go command.
func Compile(ctx context.Context, dir string, name Name, architecture, release string) ([]byte, error) {
	out, err := os.MkdirTemp("", "podknock-image-")
	if err != nil {
		return nil, fmt.Errorf("compile %s for %q: %w", name, architecture, err)
	}
	defer os.RemoveAll(out)
	path := filepath.Join(out, string(name))

	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -buildid= -X "+name.variable()+"="+release, "-o", path, name.packagePath())
	build.Dir = dir
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture, "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=")
	var stderr bytes.Buffer
	build.Stderr = &stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("compile %s for %q: %w: %s", name, architecture, err, bytes.TrimSpace(stderr.Bytes()))
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("compile %s for %q: %w", name, architecture, err)
	}
	return program, nil
}
