package probe

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// openError is an error of opening a socket.
type openError struct {
	call  Call
	errno unix.Errno
}

func (e *openError) Error() string { return fmt.Sprintf("%s: %s", e.call, errnoName(e.errno)) }

// dial opens a socket for the flight and starts to connect it. The error is an *openError or one of a bad address.
func dial(f *flight) (*conn, error) {
	address, err := sockaddr(f.remote)
	if err != nil {
		return nil, err
	}
	family := unix.AF_INET
	if f.remote.Addr().Is6() {
		family = unix.AF_INET6
	}
	kind, protocol := unix.SOCK_STREAM, unix.IPPROTO_TCP
	switch f.protocol {
	case UDP:
		kind, protocol = unix.SOCK_DGRAM, unix.IPPROTO_UDP
	case SCTP:
		protocol = unix.IPPROTO_SCTP
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, newOpenError(CallSocket, err)
	}
	if err := prepare(fd, family, f.minHops); err != nil {
		unix.Close(fd)
		return nil, newOpenError(CallSocket, err)
	}
	c := &conn{flight: f, fd: fd, opened: time.Now()}
	if err := unix.Connect(fd, address); err != nil && err != unix.EINPROGRESS {
		c.local = localAddress(fd)
		if f.o.ICMP == nil {
			f.o.ICMP = c.drain()
		}
		unix.Close(fd)
		return nil, newOpenError(CallConnect, err)
	}
	c.local = localAddress(fd)
	return c, nil
}

func newOpenError(call Call, err error) *openError {
	errno, _ := err.(unix.Errno)
	return &openError{call, errno}
}

// prepare asks for all ICMP errors. IPv6 delays them by a second without that, and later kernels may do the same for
// IPv4.
func prepare(fd, family, minHops int) error {
	level, recvErr, minimum := unix.IPPROTO_IP, unix.IP_RECVERR, unix.IP_MINTTL
	if family == unix.AF_INET6 {
		level, recvErr, minimum = unix.IPPROTO_IPV6, unix.IPV6_RECVERR, unix.IPV6_MINHOPCOUNT
	}
	if err := unix.SetsockoptInt(fd, level, recvErr, 1); err != nil {
		return err
	}
	if minHops > 0 {
		return unix.SetsockoptInt(fd, level, minimum, minHops)
	}
	return nil
}

func sockaddr(remote netip.AddrPort) (unix.Sockaddr, error) {
	address := remote.Addr()
	if address.Is4() {
		return &unix.SockaddrInet4{Port: int(remote.Port()), Addr: address.As4()}, nil
	}
	zone, err := zoneIndex(address.Zone())
	if err != nil {
		return nil, fmt.Errorf("find the zone of %q: %w", address, err)
	}
	return &unix.SockaddrInet6{Port: int(remote.Port()), Addr: address.As16(), ZoneId: zone}, nil
}

func zoneIndex(zone string) (uint32, error) {
	if zone == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n), nil
	}
	link, err := net.InterfaceByName(zone)
	if err != nil {
		return 0, err
	}
	return uint32(link.Index), nil
}

func localAddress(fd int) netip.AddrPort {
	switch address, _ := unix.Getsockname(fd); address := address.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(address.Addr), uint16(address.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(address.Addr), uint16(address.Port))
	}
	return netip.AddrPort{}
}

func errnoName(errno unix.Errno) string {
	if errno == 0 {
		return ""
	}
	if name := unix.ErrnoName(errno); name != "" {
		return name
	}
	return "errno " + strconv.Itoa(int(errno))
}
