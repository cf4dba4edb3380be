//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/podknock/podknock/probe"
)

const serveAbout = `Usage: podknock-agent serve -listen PORT[/PROTOCOL],...

Answers on TCP, UDP and SCTP ports, and lets a runner that knows the token make attempts and ask for evidence over the
control port. The token comes from ` + tokenVariable + ` or -token-file, and what the agent says about its pod from
POD_NAME, POD_NAMESPACE, POD_UID and NODE_NAME. SIGTERM ends it.`

// defaultControl is where the agent is controlled: on loopback, where no network policy applies and nobody but the pod
// and its kubelet get to.
const defaultControl = "127.0.0.1:7665"

// serveOptions are the parsed flags of serve.
type serveOptions struct {
	ports   []probe.Port
	control netip.AddrPort // zero: none
	token   probe.Token
	results io.Writer
}

func serve(ctx context.Context, args []string, std streams) error {
	options, err := parseServe(args, std)
	if err != nil {
		return err
	}
	// A probe pod gets half a CPU. Go reckons with two at least, whose threads would wake each other for nothing.
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
	witness := &probe.Witness{Arrivals: &probe.ArrivalLog{}}
	responder, err := probe.Listen(ctx, probe.ResponderOptions{
		Ports: options.ports, Identity: identity(), Token: options.token, Arrivals: witness.Arrivals,
	})
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	listeners, err := listenControl(ctx, options.control)
	if err != nil {
		return fmt.Errorf("serve: listen on control address %q: %w: choose another with -control", options.control, err)
	}
	unsupported := responder.Unsupported()
	listening := slices.DeleteFunc(slices.Clone(options.ports), func(p probe.Port) bool { return slices.Contains(unsupported, p) })
	server := probe.NewControlServer(probe.ControlOptions{
		Token: options.token, Prober: &probe.Prober{Token: options.token}, Witness: witness, Results: options.results,
		Agent: probe.Agent{Version: version(), Identity: identity(), Listening: listening, Unsupported: unsupported},
	})
	fmt.Fprintf(std.err, "podknock-agent %s: answers on %s; unsupported by this kernel: %s; controlled on %s\n",
		version(), list(listening), list(unsupported), controlName(options.control))

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failures := make([]error, len(listeners))
	var all sync.WaitGroup
	all.Go(func() { responder.Serve(ctx) })
	for i, listener := range listeners {
		all.Go(func() {
			defer cancel()
			failures[i] = server.Serve(ctx, listener)
		})
	}
	all.Wait()
	return errors.Join(failures...)
}

func parseServe(args []string, std streams) (serveOptions, error) {
	flags := newFlags("serve", serveAbout)
	listen := flags.String("listen", "", "`ports` to answer on, such as 8080/TCP,53/UDP,38412/SCTP")
	control := flags.String("control", defaultControl, "loopback `address` of the control port, or none")
	tokenFile := flags.String("token-file", "", "`file` that holds the run's token")
	results := flags.Bool("results", false, "write each result to standard output too, as a line of JSON")
	if err := parseNone(flags, args, std); err != nil {
		return serveOptions{}, err
	}
	var o serveOptions
	mistake := func(format string, args ...any) (serveOptions, error) {
		return serveOptions{}, usageError{fmt.Errorf("serve: "+format, args...)}
	}
	for text := range strings.SplitSeq(*listen, ",") {
		if text == "" {
			continue
		}
		port, err := probe.ParsePort(strings.TrimSpace(text))
		if err != nil {
			return mistake("-listen: %w: write ports such as 8080/TCP,53/UDP", err)
		}
		if slices.Contains(o.ports, port) {
			return mistake("-listen: port %s is named twice: name it once", port)
		}
		o.ports = append(o.ports, port)
	}
	var err error
	if o.token, err = readToken(*tokenFile); err != nil {
		return serveOptions{}, err
	}
	if *results {
		o.results = std.out
	}
	if *control == "none" {
		if len(o.ports) == 0 {
			return mistake("there is nothing to serve: name ports with -listen or a control address with -control")
		}
		return o, nil
	}
	o.control, err = netip.ParseAddrPort(*control)
	switch {
	case err != nil:
		return mistake("-control: %w: write an address such as %s", err, defaultControl)
	case !o.control.Addr().IsLoopback():
		return mistake("-control: %s is no loopback address: the control port must not be reachable from the pod network, use %s", o.control, defaultControl)
	case slices.Contains(o.ports, probe.Port{Number: o.control.Port(), Protocol: probe.TCP}):
		return mistake("-control: port %d is in -listen too: choose another with -control", o.control.Port())
	case o.token == "":
		return mistake("the control port needs a token: set %s, name a file with -token-file, or switch it off with -control=none", tokenVariable)
	}
	return o, nil
}

// listenControl opens the control port. Under the default address it is open on the loopback address of IPv6 too,
// because a forwarder may try that alone; a pod without IPv6 does without.
func listenControl(ctx context.Context, control netip.AddrPort) ([]net.Listener, error) {
	if !control.IsValid() {
		return nil, nil
	}
	var config net.ListenConfig
	first, err := config.Listen(ctx, "tcp", control.String())
	if err != nil {
		return nil, err
	}
	listeners := []net.Listener{first}
	if control.Addr() == netip.MustParseAddrPort(defaultControl).Addr() {
		if second, err := config.Listen(ctx, "tcp", netip.AddrPortFrom(netip.IPv6Loopback(), control.Port()).String()); err == nil {
			listeners = append(listeners, second)
		}
	}
	return listeners, nil
}

func list(ports []probe.Port) string {
	if len(ports) == 0 {
		return "none"
	}
	words := make([]string, len(ports))
	for i, p := range ports {
		words[i] = p.String()
	}
	return strings.Join(words, ",")
}

func controlName(control netip.AddrPort) string {
	if !control.IsValid() {
		return "none"
	}
	return control.String()
}
