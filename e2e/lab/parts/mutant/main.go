//go:build linux

// Command mutant is a NetworkPolicy engine that is wrong on purpose.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/klog/v2"

	"github.com/podknock/podknock/e2e/lab/internal/engine"
)

func main() {
	klog.InitFlags(nil)
	var o engine.Options
	flag.StringVar(&o.Mutant, "mutant", "", "which defect, a name of the lab's catalogue")
	flag.StringVar(&o.Kubeconfig, "kubeconfig", "", "how to reach the API server")
	flag.StringVar(&o.Node, "node", "", "the node whose pods are looked after")
	queue := flag.Uint("queue", 100, "the netfilter queue that packets come from")
	flag.Parse()
	o.Queue = uint16(*queue)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := engine.Run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutant:", err)
		os.Exit(1)
	}
}
