//go:build linux && wire

package probe_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/probe/internal/wirebed"
)

// zone is what a test's name server knows: names with addresses, and names with a behaviour of their own.
type zone struct {
	addresses map[string][]netip.Addr
	rcodes    map[string]byte
	// truncated names are cut over UDP; mute names get no answer over UDP; garbled ones get no DNS.
	truncated, mute, garbled string
}

const dnsHeaderBytes = 12

// answer builds the reply to a query with one question (RFC 1035).
func (z zone) answer(query []byte, udp bool) []byte {
	name, typ, end := question(query)
	if name == z.mute && udp {
		return nil
	}
	if name == z.garbled {
		return append(append([]byte{}, query[:2]...), 0x81, 0x80, 0, 1, 0, 9, 0, 0, 0, 0, 3)
	}
	reply := append([]byte{}, query[:end]...)
	reply[2], reply[3] = 0x81, 0x80
	binary.BigEndian.PutUint16(reply[6:], 0)
	binary.BigEndian.PutUint16(reply[10:], 0)
	addresses, known := z.addresses[name]
	switch rcode, special := z.rcodes[name]; {
	case name == z.truncated && udp:
		reply[2] |= 0x02
		return reply
	case special:
		reply[3] |= rcode
		return reply
	case !known:
		reply[3] |= 3 // NXDOMAIN
		return reply
	}
	var records uint16
	for _, address := range addresses {
		if address.Is4() != (typ == 1) {
			continue
		}
		records++
		reply = append(reply, 0xc0, dnsHeaderBytes, 0, byte(typ), 0, 1, 0, 0, 0, 30, 0, byte(address.BitLen()/8))
		reply = append(reply, address.AsSlice()...)
	}
	binary.BigEndian.PutUint16(reply[6:], records)
	return reply
}

func question(query []byte) (name string, typ uint16, end int) {
	var labels []string
	at := dnsHeaderBytes
	for query[at] != 0 {
		n := int(query[at])
		labels = append(labels, string(query[at+1:at+1+n]))
		at += 1 + n
	}
	return strings.Join(labels, "."), binary.BigEndian.Uint16(query[at+1:]), at + 5
}

// serveDNS answers for the zone at the server's addresses, over UDP and, if asked for, over TCP.
func (n *network) serveDNS(z zone, overTCP bool) {
	n.t.Helper()
	for _, address := range []string{"10.77.3.2:53", "[fd77:3::2]:53"} {
		var socket net.PacketConn
		var err error
		n.In(wirebed.Server, func() { socket, err = net.ListenPacket("udp", address) })
		n.must(err)
		n.t.Cleanup(func() { socket.Close() })
		go func() {
			for b := make([]byte, 2048); ; {
				size, from, err := socket.ReadFrom(b)
				if err != nil {
					return
				}
				if reply := z.answer(b[:size], true); reply != nil {
					socket.WriteTo(reply, from)
				}
			}
		}()
	}
	if !overTCP {
		return
	}
	n.accept(wirebed.Server, 53, func(c *net.TCPConn) {
		var length [2]byte
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(c, query); err != nil {
			return
		}
		reply := z.answer(query, false)
		c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
	})
}

// resolvConf has the prober read this text.
func (n *network) resolvConf(text string) {
	n.t.Helper()
	directory, err := os.MkdirTemp("", "podknock-wire-")
	n.must(err)
	n.t.Cleanup(func() { os.RemoveAll(directory) })
	n.must(os.Chmod(directory, 0o755))
	path := filepath.Join(directory, "resolv.conf")
	n.must(os.WriteFile(path, []byte(text), 0o644))
	n.prober.ResolvConf = path
}

var wireZone = zone{
	addresses: map[string][]netip.Addr{
		"server.app.svc.cluster.local": {wirebed.Server4, wirebed.Server6},
		"server.test":                  {wirebed.Server4, wirebed.Server6},
		"four.test":                    {wirebed.Server4},
		"six.test":                     {wirebed.Server6},
		"empty.test":                   {},
		"large.test":                   {wirebed.Server4},
		"mute.test":                    {wirebed.Server4},
		"garbled.test":                 {},
	},
	rcodes:    map[string]byte{"trouble.test": 2, "refused.test": 5, "odd.test": 9},
	truncated: "large.test", mute: "mute.test", garbled: "garbled.test",
}

// askedDNS is what matters of a query. An empty name matches any.
type askedDNS struct {
	Name string
	TCP  bool
	Code probe.DNSCode
}

func (a askedDNS) matches(q probe.Query) bool {
	return (a.Name == "" || a.Name == q.Name) && a.TCP == q.TCP && a.Code == q.Code
}

const clusterConf = "nameserver 10.77.3.2\nsearch wire.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"

func TestNamesOnTheWire(t *testing.T) {
	t.Parallel()
	server := netip.MustParseAddrPort("10.77.3.2:53")
	for _, tc := range []struct {
		name    string
		conf    string
		noTCP   bool
		apply   func(*network)
		attempt probe.Attempt
		want    probe.Outcome
		reason  string
		// asked is one of the questions that were asked.
		asked askedDNS
	}{
		{name: "nxdomain", attempt: probe.Attempt{Protocol: probe.TCP, Host: "nobody.test.", Port: testedPort},
			want: probe.DNSFailure, reason: "nxdomain from 10.77.3.2:53 for nobody.test"},
		{name: "servfail", attempt: probe.Attempt{Protocol: probe.TCP, Host: "trouble.test.", Port: testedPort},
			want: probe.DNSFailure, reason: "servfail"},
		{name: "refused", attempt: probe.Attempt{Protocol: probe.UDP, Host: "refused.test.", Port: testedPort},
			want: probe.DNSFailure, reason: "refused from"},
		{name: "another rcode", attempt: probe.Attempt{Protocol: probe.HTTP, Host: "odd.test.", Port: testedPort},
			want: probe.DNSFailure, reason: "other-rcode"},
		{name: "a name without addresses", attempt: probe.Attempt{Protocol: probe.TCP, Host: "empty.test.", Port: testedPort},
			want: probe.DNSFailure, reason: "nodata"},
		{name: "a name without IPv6", attempt: probe.Attempt{Protocol: probe.TCP, Host: "four.test.", Family: probe.IPv6, Port: testedPort},
			want: probe.DNSFailure, reason: "nodata"},
		{name: "an answer that is no DNS", attempt: probe.Attempt{Protocol: probe.TCP, Host: "garbled.test.", Port: testedPort},
			want: probe.DNSFailure, reason: "malformed"},
		{name: "a server that drops", attempt: probe.Attempt{Protocol: probe.TCP, Host: "mute.test.", Port: testedPort},
			want: probe.DNSFailure, reason: "timeout: 10.77.3.2:53 did not answer"},
		{name: "a server that nobody runs", conf: "nameserver 10.77.3.1\n", attempt: probe.Attempt{Protocol: probe.TCP, Host: "server.test", Port: testedPort},
			want: probe.DNSFailure, reason: "unreachable: ICMP port unreachable (3/3) from 10.77.3.1"},
		{name: "a policy that rejects DNS", apply: func(n *network) { n.Forward(wirebed.Node1, "udp dport 53 reject with icmpx type admin-prohibited") },
			attempt: probe.Attempt{Protocol: probe.TCP, Host: "server.test", Port: testedPort},
			want:    probe.DNSFailure, reason: "administratively prohibited (3/13) from 10.77.1.1"},
		{name: "a large answer while DNS over TCP is blocked", apply: func(n *network) { n.Forward(wirebed.Node1, "tcp dport 53 drop") },
			attempt: probe.Attempt{Protocol: probe.TCP, Host: "large.test.", Port: testedPort},
			want:    probe.DNSFailure, reason: "timeout: 10.77.3.2:53 did not answer", asked: askedDNS{TCP: true, Code: probe.DNSTimeout}},

		{name: "a short name, through the search list", attempt: probe.Attempt{Protocol: probe.TCP, Host: "server.app", Port: testedPort},
			want: probe.Connected, asked: askedDNS{Name: "server.app.svc.cluster.local", Code: probe.DNSNoError}},
		{name: "a name as it is, after the search list", attempt: probe.Attempt{Protocol: probe.UDP, Host: "server.test", Port: testedPort},
			want: probe.Connected, asked: askedDNS{Name: "server.test", Code: probe.DNSNoError}},
		{name: "a name with IPv6 only", attempt: probe.Attempt{Protocol: probe.TCP, Host: "six.test.", Port: testedPort},
			want: probe.Connected, asked: askedDNS{Code: probe.DNSNoError}},
		{name: "a large answer, over TCP", attempt: probe.Attempt{Protocol: probe.TCP, Host: "large.test.", Port: testedPort},
			want: probe.Connected, asked: askedDNS{TCP: true, Code: probe.DNSNoError}},
		{name: "a server over IPv6", conf: "nameserver fd77:3::2\n", attempt: probe.Attempt{Protocol: probe.TCP, Host: "server.test", Port: testedPort},
			want: probe.Connected},
		{name: "the second server where the first drops", conf: "nameserver 10.77.3.99\nnameserver 10.77.3.2\n",
			apply:   func(n *network) { n.Forward(wirebed.Node1, "ip daddr 10.77.3.99 drop") },
			attempt: probe.Attempt{Protocol: probe.TCP, Host: "server.test", Port: testedPort}, want: probe.Connected},

		{name: "DNS attempt: nxdomain", attempt: probe.Attempt{Protocol: probe.DNS, Host: "nobody.test."}, want: probe.DNSFailure, reason: "nxdomain"},
		{name: "DNS attempt: each server of resolv.conf", conf: "nameserver 10.77.3.1\nnameserver 10.77.3.2\n",
			attempt: probe.Attempt{Protocol: probe.DNS, Host: "server.test."}, want: probe.Connected, reason: "2 of 4 questions failed"},
		{name: "DNS attempt: a chosen server", conf: "nameserver 10.77.3.1\n", want: probe.Connected, reason: "2 address records",
			attempt: probe.Attempt{Protocol: probe.DNS, Host: "server.test.", DNS: &probe.DNSQuestion{Servers: []netip.AddrPort{server}}}},
		{name: "DNS attempt: TCP forced", want: probe.Connected, asked: askedDNS{TCP: true, Code: probe.DNSNoError},
			attempt: probe.Attempt{Protocol: probe.DNS, Host: "server.test.", DNS: &probe.DNSQuestion{TCP: true}}},
		{name: "DNS attempt: TCP forced where nothing listens", noTCP: true, want: probe.DNSFailure, reason: "unreachable: ECONNREFUSED",
			attempt: probe.Attempt{Protocol: probe.DNS, Host: "server.test.", DNS: &probe.DNSQuestion{TCP: true}}},
		{name: "DNS attempt: absolute, without the search list", want: probe.DNSFailure, reason: "nxdomain from 10.77.3.2:53 for server.app",
			attempt: probe.Attempt{Protocol: probe.DNS, Host: "server.app", DNS: &probe.DNSQuestion{Absolute: true}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			n := newNetwork(t)
			n.serveDNS(wireZone, !tc.noTCP)
			if tc.conf == "" {
				tc.conf = clusterConf
			}
			n.resolvConf(tc.conf)
			if tc.apply != nil {
				tc.apply(n)
			}
			for _, r := range n.knock(slices.Repeat([]probe.Attempt{tc.attempt}, *repeat)...) {
				g.Expect(r.Outcome).To(Equal(tc.want), "%s\n%+v", r.Reason, r.Queries)
				g.Expect(r.Reason).To(ContainSubstring(tc.reason))
				g.Expect(r.Inconclusive).To(BeFalse(), r.Reason)
				if tc.asked.Code != "" {
					g.Expect(r.Queries).To(ContainElement(Satisfy(tc.asked.matches)), "%+v", r.Queries)
				}
				if r.Outcome == probe.DNSFailure {
					g.Expect(r.Phase).To(Equal(probe.PhaseLookup))
				}
			}
		})
	}
}
