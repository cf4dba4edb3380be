package probe

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

var dnsTestQuestion = dnsQuestion{id: 0x1234, name: "db.app.svc", typ: dnsA}

// dnsReply builds an answer to dnsTestQuestion out of resource records.
func dnsReply(flags uint16, records ...[]byte) []byte {
	b, err := dnsTestQuestion.append(nil)
	if err != nil {
		panic(err)
	}
	binary.BigEndian.PutUint16(b[2:], dnsFlagResponse|flags)
	binary.BigEndian.PutUint16(b[6:], uint16(len(records)))
	for _, r := range records {
		b = append(b, r...)
	}
	return b
}

// dnsRecord builds a record whose owner is the name at the offset.
func dnsRecord(owner uint16, typ dnsType, data ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, 0xc000|owner)
	b = binary.BigEndian.AppendUint16(b, uint16(typ))
	b = append(b, 0, 1, 0, 0, 0, 30, 0, byte(len(data)))
	return append(b, data...)
}

func TestParseDNSAnswer(t *testing.T) {
	const question = dnsHeaderSize
	// The first record of a reply starts behind the header and the question.
	first := uint16(len(dnsReply(0)))
	alias := dnsRecord(question, dnsCNAME, 1, 'x', 0)
	for _, tc := range []struct {
		name string
		b    []byte
		want dnsAnswer
		err  string
	}{
		{name: "a header that ends early", b: dnsReply(0)[:11], err: "ends inside the header"},
		{name: "a question that ends early", b: dnsReply(0)[:first-1], err: "ends inside the question"},
		{name: "another id", b: append([]byte{0}, dnsReply(0)[1:]...), err: errNotOurs.Error()},
		{name: "a query", b: func() []byte { b := dnsReply(0); b[2] = 1; return b }(), err: errNotOurs.Error()},
		{name: "another name", b: []byte(strings.Replace(string(dnsReply(0)), "db", "xx", 1)), err: errNotOurs.Error()},
		{name: "two questions", b: func() []byte { b := dnsReply(0); b[5] = 2; return b }(), err: "2 questions"},
		{name: "a record that ends early", b: dnsReply(0, dnsRecord(question, dnsA, 10, 0, 0, 7)[:11]), err: "ends inside a record"},
		{name: "data that end early", b: dnsReply(0, dnsRecord(question, dnsA, 10, 0, 0, 7)[:15]), err: "ends inside a record's data"},
		{name: "an address of three bytes", b: dnsReply(0, dnsRecord(question, dnsA, 10, 0, 0)), err: "A record of 3 bytes"},
		{name: "an IPv6 address in an A record", b: dnsReply(0, dnsRecord(question, dnsA, make([]byte, 16)...)), err: "A record of 16 bytes"},
		{name: "a name that points at itself", b: dnsReply(0, dnsRecord(first, dnsA, 10, 0, 0, 7)), err: "has no end"},
		{name: "a label of an unknown type", b: dnsReply(0, []byte{0x80, 0}), err: "unknown label type"},

		{name: "a truncated answer", b: dnsReply(dnsFlagTruncated), want: dnsAnswer{code: DNSNoError, truncated: true}},
		{name: "servfail without the question", b: []byte{0x12, 0x34, 0x81, 0x82, 0, 0, 0, 0, 0, 0, 0, 0}, want: dnsAnswer{code: DNSServFail}},
		{name: "nxdomain", b: dnsReply(3), want: dnsAnswer{code: DNSNXDomain}},
		{name: "refused", b: dnsReply(5), want: dnsAnswer{code: DNSRefused}},
		{name: "not implemented", b: dnsReply(4), want: dnsAnswer{code: DNSOther}},
		{name: "no address", b: dnsReply(0), want: dnsAnswer{code: DNSNoData}},
		{name: "an alias without address", b: dnsReply(0, alias), want: dnsAnswer{code: DNSNoData}},
		{name: "somebody else's address", b: dnsReply(0, alias, dnsRecord(question, dnsA, 10, 0, 0, 7)), want: dnsAnswer{code: DNSNoData}},
		{name: "two addresses", b: dnsReply(0, dnsRecord(question, dnsA, 10, 0, 0, 7), dnsRecord(question, dnsA, 10, 0, 0, 8)),
			want: dnsAnswer{code: DNSNoError, addresses: []netip.Addr{netip.MustParseAddr("10.0.0.7"), netip.MustParseAddr("10.0.0.8")}}},
		{name: "an address behind an alias", b: dnsReply(0, alias, dnsRecord(first+12, dnsA, 10, 0, 0, 7)),
			want: dnsAnswer{code: DNSNoError, addresses: []netip.Addr{netip.MustParseAddr("10.0.0.7")}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			got, err := dnsTestQuestion.parse(tc.b)
			if tc.err != "" {
				g.Expect(err).To(MatchError(ContainSubstring(tc.err)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestDNSNamesThatCannotBeAsked(t *testing.T) {
	for _, name := range []string{"", ".", "a..b", ".a", strings.Repeat("x", 64), strings.Repeat("a.", 127) + "ab"} {
		_, err := dnsQuestion{name: name}.append(nil)
		NewWithT(t).Expect(err).To(MatchError(ContainSubstring("encode DNS name")), "%q", name)
	}
}

func FuzzParseDNSAnswer(f *testing.F) {
	f.Add(dnsReply(0, dnsRecord(dnsHeaderSize, dnsCNAME, 1, 'x', 0), dnsRecord(40, dnsA, 10, 0, 0, 7)))
	f.Add(dnsReply(dnsFlagTruncated))
	f.Add([]byte{0x12, 0x34, 0x81, 0x82, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		answer, err := dnsTestQuestion.parse(b)
		if err != nil {
			return
		}
		if len(answer.addresses) > 0 && answer.code != DNSNoError {
			t.Fatalf("%x: addresses although %s", b, answer.code)
		}
		for _, address := range answer.addresses {
			if !address.Is4() {
				t.Fatalf("%x: %s in an A record", b, address)
			}
		}
		if len(answer.addresses) > len(b)/4 {
			t.Fatalf("%x: %d addresses in %d bytes", b, len(answer.addresses), len(b))
		}
	})
}
