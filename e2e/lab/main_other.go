//go:build !linux

// Command lab brings up a real Kubernetes cluster on a Linux machine: see README.md.
package main

import (
	"fmt"
	"os"

	"github.com/podknock/podknock/e2e/lab/internal/host"
)

func main() {
	fmt.Fprintln(os.Stderr, "lab:", host.ErrUnsupported)
	os.Exit(1)
}
