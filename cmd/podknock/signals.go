package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// sameSignal is how long signals count as one. timeout(1) sends its signal to the program and then to its process group, so that the program
// gets it twice at once; a person who presses Ctrl-C again means it.
const sameSignal = time.Second

// untilSignalled returns a context that ends when the program is told to end, so that it can remove what it has made. Told once more, it ends
// at once. A signal that the parent wants ignored, as nohup(1) does with SIGHUP, stays ignored.
func untilSignalled() (ctx context.Context, stop func()) {
	received := make(chan os.Signal, 1)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signal.Notify(received, s)
		}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() {
		s := <-received
		first := time.Now()
		cancel(fmt.Errorf("%s signal received", s))
		for s = range received {
			if time.Since(first) >= sameSignal {
				signal.Reset(s)
				if self, err := os.FindProcess(os.Getpid()); err == nil {
					_ = self.Signal(s) // fails on Windows alone, where the next one ends the program
				}
			}
		}
	}()
	return ctx, func() {
		signal.Stop(received)
		cancel(context.Canceled)
	}
}
