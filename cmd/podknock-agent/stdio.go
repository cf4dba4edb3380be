//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podknock/podknock/probe"
)

const stdioAbout = `Usage: podknock-agent stdio [-relay ADDRESS] [-await]

Speaks the control protocol on standard input and output, for runners that may execute a command in a pod but not
forward a port. With -relay it passes the stream on to the agent that serves in the same pod, which keeps results when
the stream breaks and knows what arrived; without, as in an ephemeral container, it makes the attempts itself.`

// awaitTime bounds the wait for the runner's first line.
const awaitTime = 2 * time.Minute

func stdio(ctx context.Context, args []string, std streams) error {
	flags := newFlags("stdio", stdioAbout)
	relayTo := flags.String("relay", "", "control `address` of the agent that serves in this pod, such as "+defaultControl)
	tokenFile := flags.String("token-file", "", "`file` that holds the run's token; without one, whoever has the stream is trusted")
	await := flags.Bool("await", false, "say nothing before a line has come, for a runner that attaches later than the process starts")
	if err := parseNone(flags, args, std); err != nil {
		return err
	}
	stream, err := openStandardStream(std)
	if err != nil {
		return fmt.Errorf("stdio: %w", err)
	}
	if *await {
		// A runner that has died meanwhile must not leave this process in a pod that is not its own.
		giveUp := time.AfterFunc(awaitTime, func() { stream.Close() })
		err := awaitLine(stream)
		giveUp.Stop()
		if err != nil {
			return fmt.Errorf("stdio: wait for the runner: %w", err)
		}
	}
	if *relayTo != "" {
		return relay(ctx, stream, *relayTo)
	}
	token, err := readToken(*tokenFile)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	server := probe.NewControlServer(probe.ControlOptions{
		Token: token, Prober: &probe.Prober{Token: token}, Witness: &probe.Witness{},
		Agent: probe.Agent{Version: version(), Identity: identity()},
	})
	err = server.ServeStream(ctx, stream)
	cancel() // who has lost his stream cannot come back to this process
	server.Wait()
	if err != nil {
		return fmt.Errorf("stdio: %w", err)
	}
	return nil
}

// awaitLine reads up to the end of the first line, and no byte more: what follows is the runner's.
func awaitLine(from io.Reader) error {
	one := make([]byte, 1)
	for {
		n, err := from.Read(one)
		switch {
		case n == 1 && one[0] == '\n':
			return nil
		case err != nil:
			return err
		}
	}
}

// relay passes bytes between the stream and the agent at that address until one of them ends.
func relay(ctx context.Context, stream *standardStream, address string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		stream.Close()
		return fmt.Errorf("stdio: reach the agent of this pod: %w: is it running with this control address?", err)
	}
	closeBoth := func() {
		conn.Close()
		stream.Close()
	}
	stop := context.AfterFunc(ctx, closeBoth)
	defer stop()
	var both sync.WaitGroup
	for _, pipe := range [...]struct {
		to   io.Writer
		from io.Reader
	}{{conn, stream}, {stream, conn}} {
		both.Go(func() {
			defer closeBoth()
			io.Copy(pipe.to, pipe.from)
		})
	}
	both.Wait()
	return nil
}

// standardStream is standard input and output as one stream.
type standardStream struct {
	in  *os.File
	out io.Writer
}

// openStandardStream makes a Close end a Read under way, which works for pipes and sockets and not for a terminal or a
// file: there Close takes effect at the next line, or when the process ends.
func openStandardStream(std streams) (*standardStream, error) {
	info, err := std.in.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at standard input: %w", err)
	}
	if info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return &standardStream{in: std.in, out: std.out}, nil
	}
	fd, err := unix.FcntlInt(std.in.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate standard input: %w", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(fmt.Errorf("make standard input pollable: %w", err), syscall.Close(fd))
	}
	return &standardStream{in: os.NewFile(uintptr(fd), std.in.Name()), out: std.out}, nil
}

// Read reads standard input.
func (s *standardStream) Read(b []byte) (int, error) {
	n, err := s.in.Read(b)
	if errors.Is(err, os.ErrClosed) {
		err = io.EOF
	}
	return n, err
}

// Write writes standard output.
func (s *standardStream) Write(b []byte) (int, error) { return s.out.Write(b) }

// Close ends reading.
func (s *standardStream) Close() error { return s.in.Close() }
