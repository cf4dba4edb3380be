package probe

import (
	"encoding/binary"
	"net/netip"
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"
)

// errorMessage builds the control message of IP_RECVERR or IPV6_RECVERR.
func errorMessage(level, kind int32, errno unix.Errno, origin, typ, code uint8, info uint32, offender []byte) []byte {
	var data []byte
	data = binary.NativeEndian.AppendUint32(data, uint32(errno))
	data = append(data, origin, typ, code, 0)
	data = binary.NativeEndian.AppendUint32(data, info)
	data = binary.NativeEndian.AppendUint32(data, 0)
	data = append(data, offender...)
	b := make([]byte, unix.CmsgSpace(len(data)))
	binary.NativeEndian.PutUint64(b, uint64(unix.CmsgLen(len(data))))
	binary.NativeEndian.PutUint32(b[8:], uint32(level))
	binary.NativeEndian.PutUint32(b[12:], uint32(kind))
	copy(b[unix.CmsgLen(0):], data)
	return b
}

func family(f uint16, rest ...byte) []byte {
	return append(binary.NativeEndian.AppendUint16(nil, f), rest...)
}

func TestParseErrorQueue(t *testing.T) {
	router := family(unix.AF_INET, 0, 0, 192, 0, 2, 11, 0, 0, 0, 0, 0, 0, 0, 0)
	router6 := append(family(unix.AF_INET6, 0, 0, 0, 0, 0, 0), append(netip.MustParseAddr("2001:db8::11").AsSlice(), 0, 0, 0, 0)...)
	timestamp := make([]byte, unix.CmsgSpace(16))
	binary.NativeEndian.PutUint64(timestamp, uint64(unix.CmsgLen(16)))
	binary.NativeEndian.PutUint32(timestamp[8:], unix.SOL_SOCKET)
	v4 := errorMessage(unix.IPPROTO_IP, unix.IP_RECVERR, unix.EHOSTUNREACH, unix.SO_EE_ORIGIN_ICMP, 3, 13, 0, router)

	for _, tc := range []struct {
		name string
		oob  []byte
		want ICMP
		ok   bool
	}{
		{"nothing", nil, ICMP{}, false},
		{"a header without data", make([]byte, unix.SizeofCmsghdr), ICMP{}, false},
		{"another control message", timestamp, ICMP{}, false},
		{"an error that is cut", v4[:unix.CmsgLen(0)+8], ICMP{}, false},
		{"the notice of a timestamp", errorMessage(unix.IPPROTO_IP, unix.IP_RECVERR, unix.ENOMSG, unix.SO_EE_ORIGIN_TIMESTAMPING, 0, 0, 0, router), ICMP{}, false},
		{"prohibited", v4, ICMP{Version: 4, Type: 3, Code: 13, Errno: "EHOSTUNREACH", Offender: netip.MustParseAddr("192.0.2.11")}, true},
		{"prohibited, behind another control message", append(timestamp, v4...),
			ICMP{Version: 4, Type: 3, Code: 13, Errno: "EHOSTUNREACH", Offender: netip.MustParseAddr("192.0.2.11")}, true},
		{"a packet too big", errorMessage(unix.IPPROTO_IP, unix.IP_RECVERR, unix.EMSGSIZE, unix.SO_EE_ORIGIN_ICMP, 3, 4, 1400, router),
			ICMP{Version: 4, Type: 3, Code: 4, Errno: "EMSGSIZE", MTU: 1400, Offender: netip.MustParseAddr("192.0.2.11")}, true},
		{"ICMPv6 port unreachable", errorMessage(unix.IPPROTO_IPV6, unix.IPV6_RECVERR, unix.ECONNREFUSED, unix.SO_EE_ORIGIN_ICMP6, 1, 4, 0, router6),
			ICMP{Version: 6, Type: 1, Code: 4, Errno: "ECONNREFUSED", Offender: netip.MustParseAddr("2001:db8::11")}, true},
		{"an error of this host", errorMessage(unix.IPPROTO_IP, unix.IP_RECVERR, unix.EACCES, unix.SO_EE_ORIGIN_LOCAL, 0, 0, 0, family(unix.AF_UNSPEC)),
			ICMP{Errno: "EACCES"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			got, ok := parseErrorQueue(tc.oob)
			g.Expect(ok).To(Equal(tc.ok))
			if ok {
				g.Expect(got).To(Equal(tc.want))
			}
		})
	}
}

func FuzzParseErrorQueue(f *testing.F) {
	f.Add(errorMessage(unix.IPPROTO_IP, unix.IP_RECVERR, unix.EHOSTUNREACH, unix.SO_EE_ORIGIN_ICMP, 3, 13, 0, family(unix.AF_INET, 0, 0, 192, 0, 2, 11)))
	f.Add(errorMessage(unix.IPPROTO_IPV6, unix.IPV6_RECVERR, unix.EACCES, unix.SO_EE_ORIGIN_ICMP6, 1, 1, 0, family(unix.AF_INET6, make([]byte, 26)...)))
	f.Fuzz(func(t *testing.T, oob []byte) {
		message, ok := parseErrorQueue(oob)
		if ok && (message.Errno == "" || message.Version != 0 && message.Version != 4 && message.Version != 6) {
			t.Fatalf("%x is %+v", oob, message)
		}
	})
}
