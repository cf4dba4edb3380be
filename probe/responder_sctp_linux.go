package probe

import (
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// listenSCTP listens with a one-to-one style socket (RFC 6458, section 4). Such a socket behaves like one of TCP, so the
// net package serves it as one. It fails with EPROTONOSUPPORT where the kernel has no SCTP.
func listenSCTP(address netip.AddrPort) (net.Listener, error) {
	domain := unix.AF_INET
	if address.Addr().Is6() {
		domain = unix.AF_INET6
	}
	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	// The listener works on a duplicate of the descriptor.
	file := os.NewFile(uintptr(fd), "sctp")
	defer file.Close()

	var to unix.Sockaddr
	if domain == unix.AF_INET {
		to = &unix.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().As4()}
	} else {
		to = &unix.SockaddrInet6{Port: int(address.Port()), Addr: address.Addr().As16()}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return nil, os.NewSyscallError("setsockopt", err)
		}
	}
	if err := unix.Bind(fd, to); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(fd, unix.SOMAXCONN); err != nil {
		return nil, os.NewSyscallError("listen", err)
	}
	return net.FileListener(file)
}
