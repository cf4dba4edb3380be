package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// waitsForSignals makes the test program one that only waits for signals.
const waitsForSignals = "PODKNOCK_TEST_WAITS_FOR_SIGNALS"

func TestMain(m *testing.M) {
	if os.Getenv(waitsForSignals) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := untilSignalled()
	defer stop()
	fmt.Println("ready")
	<-ctx.Done()
	fmt.Println(context.Cause(ctx))
	io.Copy(io.Discard, os.Stdin) // the clean-up that a second signal cuts off
}

func TestAProgramToldToEndTwiceAtOnceStillCleansUp(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			// What is started in the background may have to ignore SIGINT, and passes that on unless it handles the signal itself.
			ours := make(chan os.Signal, 1)
			signal.Notify(ours, s)
			defer signal.Stop(ours)
			program := exec.CommandContext(t.Context(), os.Args[0])
			program.Env = append(os.Environ(), waitsForSignals+"=1")
			out, err := program.StdoutPipe()
			g.Expect(err).NotTo(HaveOccurred())
			in, err := program.StdinPipe()
			g.Expect(err).NotTo(HaveOccurred())
			defer in.Close()
			g.Expect(program.Start()).To(Succeed())
			lines := bufio.NewScanner(out)
			g.Expect(lines.Scan()).To(BeTrue())

			first := time.Now()
			g.Expect(program.Process.Signal(s)).To(Succeed())
			g.Expect(program.Process.Signal(s)).To(Succeed())
			g.Expect(lines.Scan()).To(BeTrue(), "it ended at once")
			g.Expect(lines.Text()).To(Equal(s.String() + " signal received"))

			ended := make(chan error, 1)
			go func() {
				lines.Scan() // until the end, as Wait closes the pipe
				ended <- program.Wait()
			}()
			again := time.NewTicker(20 * time.Millisecond)
			defer again.Stop()
			for ending := true; ending; {
				select {
				case err = <-ended:
					ending = false
				case <-again.C:
					_ = program.Process.Signal(s) // it may have ended already
				}
			}
			g.Expect(err).To(HaveOccurred())
			g.Expect(time.Since(first)).To(BeNumerically(">=", sameSignal), "signals in a row were taken for a second wish")
			g.Expect(program.ProcessState.Sys().(syscall.WaitStatus).Signal()).To(Equal(s))
		})
	}
}
