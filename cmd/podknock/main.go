// Command podknock tests the connectivity of a Kubernetes cluster, live. Installed as kubectl-podknock it is the plugin `kubectl podknock`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	// A second signal ends the program at once, whatever it has left to remove.
	context.AfterFunc(ctx, stop)
	code := execute(ctx, os.Args, streams{out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}
