package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// datagrams is one UDP socket.
type datagrams struct {
	conn    *net.UDPConn
	address netip.AddrPort
}

// maxDatagram is the longest UDP datagram there is.
const maxDatagram = 64 << 10

// listenDatagrams opens a UDP socket that learns to which address each datagram was sent (IP_PKTINFO in ip(7),
// IPV6_RECVPKTINFO in ipv6(7)).
func listenDatagrams(ctx context.Context, network string, address netip.AddrPort) (*datagrams, error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if controlErr := raw.Control(func(fd uintptr) {
			if address.Addr().Is4() {
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
			} else {
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
			}
		}); controlErr != nil {
			return controlErr
		}
		return err
	}}
	conn, err := config.ListenPacket(ctx, network, address.String())
	if err != nil {
		return nil, err
	}
	udp := conn.(*net.UDPConn)
	return &datagrams{conn: udp, address: udp.LocalAddr().(*net.UDPAddr).AddrPort()}, nil
}

// serveDatagrams answers hellos until the socket is closed.
func (r *Responder) serveDatagrams(ctx context.Context, d *datagrams) {
	var (
		buffer  = make([]byte, maxDatagram)
		control = make([]byte, unix.CmsgSpace(unix.SizeofInet6Pktinfo))
		answer  []byte
	)
	for {
		n, nControl, _, remote, err := d.conn.ReadMsgUDPAddrPort(buffer, control)
		if err != nil {
			if passes(ctx, err) {
				continue
			}
			return
		}
		remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
		local, sendFrom, err := parsePacketInfo(control[:nControl])
		if err != nil {
			continue // sent to a group: answering would multiply the packet
		}
		if answer, err = r.answerDatagram(answer[:0], buffer[:n], Arrival{
			Time: time.Now().UTC(), Protocol: UDP, Remote: remote, Local: netip.AddrPortFrom(local, d.address.Port()),
		}); err == nil {
			// The answer may fail like any packet; the log has the arrival.
			d.conn.WriteMsgUDPAddrPort(answer, sendFrom, remote)
		}
	}
}

// answerDatagram appends the answer to b, or fails if there is to be none.
func (r *Responder) answerDatagram(b, datagram []byte, a Arrival) ([]byte, error) {
	hello, err := ParseHello(datagram)
	if err != nil {
		a.Speech = SpeechUnknown
		r.log(a)
		return b, err
	}
	a.Speech, a.Nonce = SpeechHello, hello.Nonce
	r.log(a)
	reply := hello.Reply(r.options.Identity, a.Remote)
	if hello.SignedBy(r.options.Token) {
		return reply.Append(b, r.options.Token)
	}
	return reply.AppendWithin(b, len(datagram))
}

// parsePacketInfo returns the address that a datagram was sent to and the control message that sends the answer from
// there. It fails for a broadcast or multicast address.
func parsePacketInfo(control []byte) (local netip.Addr, sendFrom []byte, err error) {
	header, data, _, err := unix.ParseOneSocketControlMessage(control)
	if err != nil {
		return netip.Addr{}, nil, fmt.Errorf("parse control message: %w", err)
	}
	switch {
	case header.Level == unix.IPPROTO_IP && header.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
		info := (*unix.Inet4Pktinfo)(unsafe.Pointer(&data[0]))
		if info.Addr != info.Spec_dst { // the kernel's own address in place of a group
			return netip.Addr{}, nil, fmt.Errorf("datagram to a group, %v", info.Addr)
		}
		return netip.AddrFrom4(info.Addr), unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: info.Addr}), nil
	case header.Level == unix.IPPROTO_IPV6 && header.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
		info := (*unix.Inet6Pktinfo)(unsafe.Pointer(&data[0]))
		address := netip.AddrFrom16(info.Addr)
		if address.IsMulticast() {
			return netip.Addr{}, nil, fmt.Errorf("datagram to a group, %v", address)
		}
		from := unix.Inet6Pktinfo{Addr: info.Addr}
		if address.IsLinkLocalUnicast() {
			from.Ifindex = info.Ifindex // means nothing without its link
		}
		return address, unix.PktInfo6(&from), nil
	}
	return netip.Addr{}, nil, fmt.Errorf("control message %d of level %d", header.Type, header.Level)
}
