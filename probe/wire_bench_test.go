//go:build linux && wire

package probe_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/probe/internal/wirebed"
)

// responderEnvironment makes this test binary a responder, so that benchmarks count the prober's CPU and memory alone.
const responderEnvironment = "PODKNOCK_WIRE_RESPONDER"

// serveUntilEOF is the responder process: it says when it listens, and ends with its standard input.
func serveUntilEOF() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	responder, err := probe.Listen(ctx, probe.ResponderOptions{
		Ports:    []probe.Port{{Number: testedPort, Protocol: probe.TCP}, {Number: testedPort, Protocol: probe.UDP}},
		Identity: serverIdentity, Token: wireToken,
	})
	if err != nil {
		return err
	}
	fmt.Println("listening")
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	responder.Serve(ctx)
	return nil
}

// newBenchBed has a responder process at the server.
func newBenchBed(b *testing.B) *network {
	b.Helper()
	n := &network{Bed: wirebed.New(b), t: b, prober: &probe.Prober{Token: wireToken}}
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), responderEnvironment+"=1")
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	n.must(err)
	stdout, err := command.StdoutPipe()
	n.must(err)
	n.In(wirebed.Server, func() { err = command.Start() })
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stdin.Close()
		n.must(command.Wait())
	})
	if _, err := stdout.Read(make([]byte, 64)); err != nil {
		b.Fatal(err)
	}
	return n
}

// measure runs the attempts as often as the benchmark asks and reports the figures of one run.
func (n *network) measure(b *testing.B, want probe.Outcome, pace probe.Pace, attempts []probe.Attempt) {
	b.Helper()
	n.prober.Pace = pace
	var connects []time.Duration
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	must(os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)) // resets the peak of the resident set, see proc(5)
	var before, after unix.Rusage
	must(unix.Getrusage(unix.RUSAGE_SELF, &before))
	for b.Loop() {
		n.Unprivileged(wirebed.Client, func() {
			n.prober.Run(context.Background(), attempts, func(r probe.Result) {
				if r.Outcome != want {
					b.Errorf("%s: %s", r.Outcome, r.Reason)
				}
				connects = append(connects, r.Connect)
			})
		})
	}
	must(unix.Getrusage(unix.RUSAGE_SELF, &after))
	cpu := time.Duration(after.Utime.Nano()+after.Stime.Nano()-before.Utime.Nano()-before.Stime.Nano()) * time.Nanosecond
	b.ReportMetric(float64(cpu.Microseconds())/float64(len(connects)), "cpu-µs/attempt")
	b.ReportMetric(peakMiB(b), "peak-MiB")
	if want == probe.Connected {
		slices.Sort(connects)
		b.ReportMetric(float64(connects[len(connects)*99/100].Microseconds())/1000, "connect-p99-ms")
	}
}

// peakMiB returns the peak of the resident set.
func peakMiB(b *testing.B) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				b.Fatal(err)
			}
			return float64(kib) / 1024
		}
	}
	b.Fatal("no VmHWM in /proc/self/status")
	return 0
}

func copies(count int, protocol probe.Protocol, tweak func(*probe.Attempt)) []probe.Attempt {
	return slices.Repeat([]probe.Attempt{cell{protocol: protocol, tweak: tweak}.knock(probe.IPv4).attempt}, count)
}

// unpaced lets everything begin at once.
var unpaced = probe.Pace{SocketsPer100ms: 1 << 20, Waiting: 1 << 20}

func BenchmarkAnswered(b *testing.B) {
	for _, protocol := range []probe.Protocol{probe.TCP, probe.UDP, probe.HTTP} {
		b.Run(string(protocol), func(b *testing.B) {
			newBenchBed(b).measure(b, probe.Connected, probe.Pace{}, copies(3000, protocol, nil))
		})
	}
}

func BenchmarkRefused(b *testing.B) {
	newBenchBed(b).measure(b, probe.Refused, probe.Pace{}, copies(3000, probe.TCP, toClosedPort))
}

func BenchmarkDroppedAtDefaultTiming(b *testing.B) {
	for _, protocol := range []probe.Protocol{probe.TCP, probe.UDP} {
		b.Run(string(protocol), func(b *testing.B) {
			n := newBenchBed(b)
			n.Forward(wirebed.Node1, tested+" drop")
			n.measure(b, probe.Timeout, probe.Pace{}, copies(1000, protocol, nil))
		})
	}
}

func BenchmarkTenThousandDropped(b *testing.B) {
	for _, tc := range []struct {
		name  string
		pace  probe.Pace
		tweak func(*probe.Attempt)
	}{
		{"one socket, unconfirmed, unpaced", unpaced, func(a *probe.Attempt) { a.Sockets, a.Confirm = 1, -1 }},
		{"default timing and pace", probe.Pace{}, nil},
	} {
		b.Run(tc.name, func(b *testing.B) {
			n := newBenchBed(b)
			n.Forward(wirebed.Node1, tested+" drop")
			n.measure(b, probe.Timeout, tc.pace, copies(10000, probe.TCP, tc.tweak))
		})
	}
}
