//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/podknock/podknock/probe"
)

const knockAbout = `Usage: podknock-agent knock [flags] URL...

Knocks on each target and says what the network answered, why that is concluded, and from what evidence.

  tcp://10.0.0.7:8080          the handshake; with -responder also an answer of podknock's own
  udp://10.0.0.7:53            a datagram; silence proves nothing unless -responder says who listens
  sctp://10.0.0.7:38412        the handshake of SCTP, where the kernel has it
  http://web.app:8080/healthz  a GET
  dns://web.app                addresses of a name; ?server=10.96.0.10 chooses the server, &tcp TCP, &absolute no
                               search domains

`

// knockOptions are the parsed flags and targets of knock.
type knockOptions struct {
	attempts []probe.Attempt
	targets  []string
	json     bool
	token    probe.Token
}

// knock makes the attempts and prints the results in the order of the targets.
func knock(ctx context.Context, args []string, std streams) (code int, err error) {
	o, err := parseKnock(args, std)
	if err != nil {
		return 0, err
	}
	results := make([]probe.Result, len(o.attempts))
	prober := probe.Prober{Token: o.token}
	prober.Run(ctx, o.attempts, func(r probe.Result) {
		index, _ := strconv.Atoi(r.ID) // given in parseKnock
		r.ID = o.targets[index]
		results[index] = r
	})
	for _, r := range results {
		if err := printResult(std.out, r, o.json); err != nil {
			return 0, fmt.Errorf("knock: print result: %w", err)
		}
	}
	return exitCode(results), nil
}

func printResult(w io.Writer, r probe.Result, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	return printText(w, r)
}

func parseKnock(args []string, std streams) (knockOptions, error) {
	flags := newFlags("knock", knockAbout+exitTable())
	output := flags.String("o", "text", "output `format`: text or json, one line for each target")
	timeout := flags.Duration("timeout", 0, "`duration` to wait for an answer in one round (default 800ms); silence is confirmed by a second round; 3.2s also tells an address that is gone")
	responder := flags.Bool("responder", false, "expect podknock's own responder, and its answer")
	uid := flags.String("uid", "", "expect the pod with this `UID` to answer; means -responder")
	payload := flags.Int("payload", 0, "`bytes` that the responder has to echo, such as 4096 to find a too small MTU; means -responder")
	family := flags.String("family", "", "address `family` that names are resolved to: IPv4 or IPv6")
	tokenFile := flags.String("token-file", "", "`file` that holds the run's token, for -responder; "+tokenVariable+" may hold it too")

	var o knockOptions
	targets, err := parse(flags, args, std)
	if err != nil {
		return o, err
	}
	mistake := func(format string, args ...any) (knockOptions, error) {
		return knockOptions{}, usageError{fmt.Errorf("knock: "+format, args...)}
	}
	switch {
	case len(targets) == 0:
		return mistake("no target: name one such as tcp://10.0.0.7:8080")
	case *output != "text" && *output != "json":
		return mistake("-o %q: use text or json", *output)
	case *timeout < 0 || *timeout > time.Hour:
		return mistake("-timeout %v: use a duration up to 1h, such as 800ms", *timeout)
	case *payload < 0 || *payload > probe.MaxPayload:
		return mistake("-payload %d: use 0 to %d bytes", *payload, probe.MaxPayload)
	case *family != "" && *family != string(probe.IPv4) && *family != string(probe.IPv6):
		return mistake("-family %q: use IPv4 or IPv6", *family)
	}
	o.targets, o.json = targets, *output == "json"
	ours := *responder || *uid != "" || *payload > 0
	if ours {
		if o.token, err = readToken(*tokenFile); err != nil {
			return knockOptions{}, err
		}
	} else if *tokenFile != "" {
		return mistake("-token-file is for -responder: add that or leave it out")
	}
	for i, target := range targets {
		a, err := parseTarget(target)
		if err != nil {
			return knockOptions{}, fmt.Errorf("knock: %w", err)
		}
		a.ID = strconv.Itoa(i)
		a.Foreign, a.UID, a.Payload = !ours, *uid, *payload
		a.Family, a.Timeout = probe.Family(*family), *timeout
		o.attempts = append(o.attempts, a)
	}
	return o, nil
}
