//go:build linux && wire

package probe_test

import (
	"net"
	"net/netip"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/probe/internal/wirebed"
)

// accept listens at the place and gives every connection to handle, which closes it by returning.
func (n *network) accept(place wirebed.Place, port uint16, handle func(*net.TCPConn)) {
	n.t.Helper()
	var listener net.Listener
	var err error
	n.In(place, func() { listener, err = net.Listen("tcp", ":"+strconv.Itoa(int(port))) })
	if err != nil {
		n.t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				handle(c.(*net.TCPConn))
			})
		}
	})
	n.t.Cleanup(func() {
		listener.Close()
		all.Wait()
	})
}

// readRequest takes the whole of a request, so that a close after it sends no reset.
func readRequest(c *net.TCPConn) {
	c.Read(make([]byte, probe.MaxPayload))
}

// receive listens for UDP datagrams at the place and answers none.
func (n *network) receive(place wirebed.Place, port uint16) {
	n.t.Helper()
	for _, family := range []string{"udp4", "udp6"} {
		var socket net.PacketConn
		var err error
		n.In(place, func() { socket, err = net.ListenPacket(family, ":"+strconv.Itoa(int(port))) })
		if err != nil {
			n.t.Fatal(err)
		}
		n.t.Cleanup(func() { socket.Close() })
		go func() {
			for b := make([]byte, 2048); err == nil; {
				_, _, err = socket.ReadFrom(b)
			}
		}()
	}
}

// fillBacklog listens at the place on both families, accepts nothing and fills the queue.
func (n *network) fillBacklog(place wirebed.Place, port uint16) {
	n.t.Helper()
	for _, remote := range []unix.Sockaddr{
		&unix.SockaddrInet4{Port: int(port), Addr: [4]byte{127, 0, 0, 1}},
		&unix.SockaddrInet6{Port: int(port), Addr: netip.IPv6Loopback().As16()},
	} {
		n.In(place, func() {
			family, local := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: int(port)})
			if _, ok := remote.(*unix.SockaddrInet6); ok {
				family, local = unix.AF_INET6, &unix.SockaddrInet6{Port: int(port)}
			}
			listener := n.socket(family)
			n.must(unix.SetsockoptInt(listener, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
			if family == unix.AF_INET6 {
				n.must(unix.SetsockoptInt(listener, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1))
			}
			n.must(unix.Bind(listener, local))
			n.must(unix.Listen(listener, 0))
			for i := range 3 { // one fits the queue; the kernel takes one more than the backlog
				fd := n.socket(family)
				if err := unix.Connect(fd, remote); err != unix.EINPROGRESS {
					n.must(err)
				}
				if i == 0 {
					n.awaitConnected(fd)
				}
			}
		})
	}
}

// awaitConnected waits until the handshake of a socket that connects has ended.
func (n *network) awaitConnected(fd int) {
	ready, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 5000)
	n.must(err)
	if ready == 0 {
		n.t.Fatal("the backlog's first connection was not accepted by the kernel")
	}
}

func (n *network) socket(family int) int {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	n.must(err)
	n.t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func (n *network) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Error(err)
	}
}
