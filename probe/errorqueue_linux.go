package probe

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// extendedErrSize is the size of struct sock_extended_err, see ip(7); the offender's address follows it.
const extendedErrSize = 16

// parseErrorQueue reads the control messages of recvmsg(2) with MSG_ERRQUEUE. It reports false if they hold no network
// error.
func parseErrorQueue(oob []byte) (ICMP, bool) {
	for len(oob) >= unix.SizeofCmsghdr {
		header, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			break
		}
		oob = rest
		v4 := header.Level == unix.IPPROTO_IP && header.Type == unix.IP_RECVERR
		v6 := header.Level == unix.IPPROTO_IPV6 && header.Type == unix.IPV6_RECVERR
		if (v4 || v6) && len(data) >= extendedErrSize {
			return parseExtendedErr(data)
		}
	}
	return ICMP{}, false
}

func parseExtendedErr(data []byte) (ICMP, bool) {
	message := ICMP{
		Type: data[5], Code: data[6],
		Errno:    errnoName(unix.Errno(binary.NativeEndian.Uint32(data))),
		Offender: offender(data[extendedErrSize:]),
	}
	switch origin := data[4]; origin {
	case unix.SO_EE_ORIGIN_ICMP:
		message.Version = 4
	case unix.SO_EE_ORIGIN_ICMP6:
		message.Version = 6
	case unix.SO_EE_ORIGIN_LOCAL:
	default: // timestamps and notices of sent buffers
		return ICMP{}, false
	}
	if message.aboutSize() {
		message.MTU = binary.NativeEndian.Uint32(data[8:])
	}
	return message, message.Errno != ""
}

// offender reads a struct sockaddr_in or sockaddr_in6; the family is AF_UNSPEC if nobody is known.
func offender(b []byte) netip.Addr {
	if len(b) < 2 {
		return netip.Addr{}
	}
	switch family := binary.NativeEndian.Uint16(b); {
	case family == unix.AF_INET && len(b) >= 8:
		return netip.AddrFrom4([4]byte(b[4:8]))
	case family == unix.AF_INET6 && len(b) >= 24:
		return netip.AddrFrom16([16]byte(b[8:24])).Unmap()
	}
	return netip.Addr{}
}

// aboutSize tells messages that only say that a packet was too big: the kernel sends smaller ones.
func (m *ICMP) aboutSize() bool {
	switch m.Version {
	case 4:
		return m.Type == icmpUnreachable && m.Code == 4
	case 6:
		return m.Type == 2
	}
	return m.Errno == "EMSGSIZE"
}
