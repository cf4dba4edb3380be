package images

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const (
	modulePath = "github.com/podknock/podknock"
	// agentPackage is what Compile compiles.
	agentPackage = modulePath + "/cmd/podknock-agent"
)

// Architectures are those that the agent is built for, named as by GOARCH.
func Architectures() []string { return []string{"amd64", "arm64"} }

// Compile returns the agent's program for Linux on an architecture, statically linked and stripped. dir is a directory
// inside podknock's module, empty for the current one; release is the version that the program tells. It needs the
// go command.
func Compile(ctx context.Context, dir, architecture, release string) ([]byte, error) {
	out, err := os.MkdirTemp("", "podknock-image-")
	if err != nil {
		return nil, fmt.Errorf("compile agent for %q: %w", architecture, err)
	}
	defer os.RemoveAll(out)
	path := filepath.Join(out, "podknock-agent")

	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -buildid= -X main.release="+release, "-o", path, agentPackage)
	build.Dir = dir
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture, "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=")
	var stderr bytes.Buffer
	build.Stderr = &stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("compile agent for %q: %w: %s", architecture, err, bytes.TrimSpace(stderr.Bytes()))
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("compile agent for %q: %w", architecture, err)
	}
	return program, nil
}
