package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
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
	time.Sleep(time.Minute) // the clean-up that a second signal cuts off
}

func TestAProgramToldToEndTwiceAtOnceStillCleansUp(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			program := exec.CommandContext(t.Context(), os.Args[0])
			program.Env = append(os.Environ(), waitsForSignals+"=1")
			out, err := program.StdoutPipe()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(program.Start()).To(Succeed())
			lines := bufio.NewScanner(out)
			g.Expect(lines.Scan()).To(BeTrue())

			g.Expect(program.Process.Signal(s)).To(Succeed())
			g.Expect(program.Process.Signal(s)).To(Succeed())
			g.Expect(lines.Scan()).To(BeTrue(), "it ended at once")
			g.Expect(lines.Text()).To(Equal(s.String() + " signal received"))

			time.Sleep(sameSignal + 100*time.Millisecond)
			g.Expect(program.Process.Signal(s)).To(Succeed())
			g.Expect(lines.Scan()).To(BeFalse())
			g.Expect(program.Wait()).To(HaveOccurred())
			g.Expect(program.ProcessState.Sys().(syscall.WaitStatus).Signal()).To(Equal(s))
		})
	}
}
