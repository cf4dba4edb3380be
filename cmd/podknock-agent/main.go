//go:build linux

// Command podknock-agent is what runs inside a probe pod. It answers on the ports under test, makes the attempts that a
// runner asks for over its control port, and gives evidence of what arrived. By hand it knocks on ports and says what
// the network answered. It links the standard library and golang.org/x/sys only.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `podknock-agent answers on ports, knocks on ports, and says what the network answered.

Usage:
  podknock-agent serve -listen PORT/PROTOCOL,...   answer, and be controlled over a loopback port
  podknock-agent stdio                             be controlled over standard input and output
  podknock-agent knock URL...                      knock once and explain the answer
  podknock-agent version                           print the version

Each verb explains itself with -help.
`

// streams are the standard streams of the program.
type streams struct {
	in       *os.File
	out, err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	code := run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, std streams) int {
	if len(args) == 0 {
		fmt.Fprint(std.err, usage)
		return exitUsage
	}
	switch verb, rest := args[0], args[1:]; verb {
	case "serve":
		return finish(std, serve(ctx, rest, std))
	case "stdio":
		return finish(std, stdio(ctx, rest, std))
	case "knock":
		code, err := knock(ctx, rest, std)
		if err != nil {
			return finish(std, err)
		}
		return code
	case "version", "-version", "--version":
		fmt.Fprintln(std.out, version())
		return exitConnected
	case "help", "-h", "-help", "--help":
		fmt.Fprint(std.out, usage)
		return exitConnected
	default:
		return finish(std, usageError{fmt.Errorf("unknown verb %q: use serve, stdio, knock or version", verb)})
	}
}

// usageError is a mistake in the command line or the environment.
type usageError struct{ error }

// Unwrap returns the mistake itself.
func (e usageError) Unwrap() error { return e.error }

// finish says why a verb failed and returns its exit code.
func finish(std streams, err error) int {
	var mistake usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitConnected
	case errors.As(err, &mistake):
		fmt.Fprintf(std.err, "podknock-agent: %v\n", err)
		return exitUsage
	default:
		fmt.Fprintf(std.err, "podknock-agent: %v\n", err)
		return exitError
	}
}

// newFlags returns the flags of a verb. What there is to print, parse does.
func newFlags(verb, about string) *flag.FlagSet {
	flags := flag.NewFlagSet(verb, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "%s\n\nFlags:\n", about)
		flags.PrintDefaults()
	}
	return flags
}

// parse reads flags before, between and behind the other arguments, which it returns. Asked for help, it prints that.
func parse(flags *flag.FlagSet, args []string, std streams) ([]string, error) {
	var others []string
	for {
		switch err := flags.Parse(args); {
		case errors.Is(err, flag.ErrHelp):
			flags.SetOutput(std.out)
			flags.Usage()
			return nil, err
		case err != nil:
			return nil, usageError{fmt.Errorf("%s: %w: see podknock-agent %s -help", flags.Name(), err, flags.Name())}
		case flags.NArg() == 0:
			return others, nil
		}
		others = append(others, flags.Arg(0))
		args = flags.Args()[1:]
	}
}

// parseNone reads flags alone.
func parseNone(flags *flag.FlagSet, args []string, std streams) error {
	others, err := parse(flags, args, std)
	if err == nil && len(others) > 0 {
		err = usageError{fmt.Errorf("%s: unexpected argument %q: it takes flags alone, see podknock-agent %s -help", flags.Name(), others[0], flags.Name())}
	}
	return err
}
