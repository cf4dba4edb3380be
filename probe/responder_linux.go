package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ResponderOptions say where a Responder listens and what it answers. The zero value listens nowhere.
type ResponderOptions struct {
	// Ports are those to listen on.
	Ports []Port
	// Addresses are those to listen on. None means every address of both families, or of IPv4 alone where the kernel
	// has no IPv6.
	Addresses []netip.Addr
	// Identity is what the responder says about itself.
	Identity Identity
	// Token is the run's. Who signs a hello with it gets a signed reply, over UDP also one that is longer than the
	// hello, and may hold his connection.
	Token Token
	// Arrivals is the log to write. Nil writes none.
	Arrivals *ArrivalLog
	// Connections bounds the connections that are served at once; more of them wait in the kernel's accept queue. Zero
	// means 1,024, which take about 12 MiB.
	Connections int
}

// How long a responder waits. A stranger can occupy a connection for two seconds at most.
const (
	// firstBytesWait is how long the other side may think before it is greeted with a line of text.
	firstBytesWait = 300 * time.Millisecond
	// speechWait bounds the rest of a request, writing the answer, and waiting for the other side to close.
	speechWait = time.Second
	// heldWait is how long a connection whose hello was signed may rest between two hellos.
	heldWait = 2 * time.Minute

	defaultConnections = 1024
)

// Responder answers on any set of TCP, UDP and SCTP ports and logs what arrives. It greets each visitor in his own
// language: a hello gets a reply, HTTP gets JSON, silence and everything else get one line of text. Over UDP only hellos
// are answered, from the address that was asked, and never with more bytes than were received unless the hello is
// signed.
type Responder struct {
	options     ResponderOptions
	slots       chan struct{}
	streams     []stream
	datagrams   []*datagrams
	unsupported []Port
}

// stream is a listener for connections.
type stream struct {
	net.Listener
	protocol Protocol
}

// Listen opens all ports. It fails if one of them cannot be opened, except that a protocol which the kernel lacks is
// reported by Unsupported. Nothing is answered before Serve.
func Listen(ctx context.Context, options ResponderOptions) (*Responder, error) {
	connections := options.Connections
	if connections <= 0 {
		connections = defaultConnections
	}
	r := &Responder{options: options, slots: make(chan struct{}, connections)}
	for _, port := range options.Ports {
		if err := r.listen(ctx, port); err != nil {
			r.close()
			return nil, err
		}
	}
	return r, nil
}

func (r *Responder) listen(ctx context.Context, port Port) error {
	addresses, all := r.options.Addresses, len(r.options.Addresses) == 0
	if all {
		addresses = []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
	}
	for _, address := range addresses {
		err := r.listenOn(ctx, port.Protocol, netip.AddrPortFrom(address, port.Number))
		switch {
		case port.Protocol == SCTP && lacksProtocol(err):
			r.unsupported = append(r.unsupported, port)
			return nil
		case all && address.Is6() && lacksFamily(err):
			continue
		case errors.Is(err, fs.ErrPermission):
			return fmt.Errorf("listen on %s: %w: the kernel allows ports from %s on (net.ipv4.ip_unprivileged_port_start): choose a higher port or lower that sysctl for the pod",
				port, err, lowestUnprivilegedPort())
		case err != nil:
			return fmt.Errorf("listen on %s: %w", port, err)
		}
	}
	return nil
}

func (r *Responder) listenOn(ctx context.Context, protocol Protocol, address netip.AddrPort) error {
	family := "4"
	if address.Addr().Is6() {
		family = "6" // without IPv4: each family has its own socket, so that the kernel's tables show both
	}
	var config net.ListenConfig
	switch protocol {
	case TCP:
		l, err := config.Listen(ctx, "tcp"+family, address.String())
		if err != nil {
			return err
		}
		r.streams = append(r.streams, stream{l, TCP})
	case UDP:
		d, err := listenDatagrams(ctx, "udp"+family, address)
		if err != nil {
			return err
		}
		r.datagrams = append(r.datagrams, d)
	case SCTP:
		l, err := listenSCTP(address)
		if err != nil {
			return err
		}
		r.streams = append(r.streams, stream{l, SCTP})
	default:
		return fmt.Errorf("protocol %q has no ports", protocol)
	}
	return nil
}

// Unsupported returns the ports whose protocol this kernel lacks.
func (r *Responder) Unsupported() []Port { return slices.Clone(r.unsupported) }

// Listening returns the address of each socket that is open, with the port that the kernel chose where 0 was asked for.
func (r *Responder) Listening() []netip.AddrPort {
	var addresses []netip.AddrPort
	for _, s := range r.streams {
		addresses = append(addresses, s.Addr().(*net.TCPAddr).AddrPort())
	}
	for _, d := range r.datagrams {
		addresses = append(addresses, d.address)
	}
	return addresses
}

// Serve answers until ctx ends, closes all ports and returns when every connection is closed.
func (r *Responder) Serve(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	context.AfterFunc(ctx, r.close)

	var all sync.WaitGroup
	for _, s := range r.streams {
		all.Go(func() { r.serveStream(ctx, s) })
	}
	for _, d := range r.datagrams {
		all.Go(func() { r.serveDatagrams(ctx, d) })
	}
	all.Wait()
	<-ctx.Done()
}

func (r *Responder) close() {
	for _, s := range r.streams {
		s.Close()
	}
	for _, d := range r.datagrams {
		d.conn.Close()
	}
}

// lacksProtocol tells whether the kernel does not have the protocol at all.
func lacksProtocol(err error) bool {
	return errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.ESOCKTNOSUPPORT) || errors.Is(err, unix.EAFNOSUPPORT)
}

// lacksFamily tells whether IPv6 is not compiled in or switched off (disable_ipv6).
func lacksFamily(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL)
}

func lowestUnprivilegedPort() string {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil {
		return "1024"
	}
	return strings.TrimSpace(string(text))
}
