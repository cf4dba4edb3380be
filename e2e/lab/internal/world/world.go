// Package world answers for the hosts outside a lab's cluster, as an external
// API, a database or a name server would: on a few well-known ports, over TCP
// and UDP, to whoever asks. Its answer tells which address was asked and which
// source was seen, so that address translation on the way shows.
package world

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

// Ports are where every host answers, over TCP and UDP alike.
var Ports = []int{53, 80, 443, 5432, 8080}

// answerTimeout bounds one TCP conversation.
const answerTimeout = 5 * time.Second

// Serve answers on every port of every host until ctx is done.
func Serve(ctx context.Context, hosts []string) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, host := range hosts {
		for _, port := range Ports {
			address := net.JoinHostPort(host, strconv.Itoa(port))
			listener, err := net.Listen("tcp", address)
			if err != nil {
				return fmt.Errorf("listen for the world: %w", err)
			}
			packets, err := net.ListenPacket("udp", address)
			if err != nil {
				return fmt.Errorf("listen for the world: %w", err)
			}
			context.AfterFunc(ctx, func() {
				listener.Close()
				packets.Close()
			})
			group.Go(func() error { return serveTCP(ctx, listener) })
			group.Go(func() error { return serveUDP(ctx, packets) })
		}
	}
	return group.Wait()
}

// answer is one line: who was asked, and by whom as seen here.
func answer(asked, source net.Addr) []byte {
	return fmt.Appendf(nil, "world %s saw %s\n", asked, source)
}

func serveTCP(ctx context.Context, listener net.Listener) error {
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(answerTimeout))
			_, _ = conn.Write(answer(conn.LocalAddr(), conn.RemoteAddr()))
			// Reading to the end lets the client close first: an unread request
			// would turn the close into a reset.
			_ = conn.(*net.TCPConn).CloseWrite()
			_, _ = conn.Read(make([]byte, 4096))
		}()
	}
}

func serveUDP(ctx context.Context, packets net.PacketConn) error {
	buffer := make([]byte, 64<<10)
	for {
		_, source, err := packets.ReadFrom(buffer)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		_, _ = packets.WriteTo(answer(packets.LocalAddr(), source), source)
	}
}
