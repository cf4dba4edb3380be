//go:build linux

package probe_test

import (
	"context"
	"fmt"
	"time"

	"github.com/podknock/podknock/probe"
)

// Nothing listens on the discard port of the local machine.
func ExampleProber_Attempt() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var prober probe.Prober
	result := prober.Attempt(ctx, probe.Attempt{Protocol: probe.TCP, Host: "127.0.0.1", Port: 9})
	fmt.Println(result.Outcome)
	fmt.Println(result.Reason)
	// Output:
	// refused
	// RST in the pod's name: nothing listens on 9, or a box on the way says so; origin unknown
}
