// Command podknock tests the connectivity of a Kubernetes cluster, live. Installed as kubectl-podknock it is the plugin `kubectl podknock`.
package main

import (
	"os"
)

func main() {
	ctx, stop := untilSignalled()
	code := execute(ctx, os.Args, streams{out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}
