package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// The DNS message of RFC 1035, as far as a stub resolver needs it to ask for addresses.

// dnsType is a type of resource record.
type dnsType uint16

const (
	dnsA     dnsType = 1
	dnsCNAME dnsType = 5
	dnsAAAA  dnsType = 28
)

func (t dnsType) String() string {
	if t == dnsAAAA {
		return "AAAA"
	}
	return "A"
}

const (
	dnsHeaderSize      = 12
	dnsClassINET       = 1
	dnsFlagResponse    = 1 << 15
	dnsFlagTruncated   = 1 << 9
	dnsFlagRecursion   = 1 << 8
	dnsMaxName         = 255 // RFC 1035 2.3.4, with length octets
	dnsMaxLabel        = 63
	dnsMaxMessage      = 1<<16 - 1
	dnsRcodeMask       = 0xf
	dnsRcodeServFail   = 2
	dnsRcodeNXDomain   = 3
	dnsRcodeRefused    = 5
	dnsMaxIndirections = 64
)

// errNotOurs says that a message is well formed and answers another question.
var errNotOurs = errors.New("answer to another question")

// dnsQuestion is one question for addresses.
type dnsQuestion struct {
	id   uint16
	name string // without trailing dot
	typ  dnsType
}

// dnsAnswer is what a server said to a dnsQuestion.
type dnsAnswer struct {
	code      DNSCode
	truncated bool
	addresses []netip.Addr
}

// append appends the message of the question to b.
func (q dnsQuestion) append(b []byte) ([]byte, error) {
	b = binary.BigEndian.AppendUint16(b, q.id)
	b = binary.BigEndian.AppendUint16(b, dnsFlagRecursion)
	b = append(b, 0, 1, 0, 0, 0, 0, 0, 0) // one question, no records
	if len(q.name)+2 > dnsMaxName {
		return nil, fmt.Errorf("encode DNS name %q: longer than %d bytes", q.name, dnsMaxName-2)
	}
	for label := range strings.SplitSeq(q.name, ".") {
		if label == "" || len(label) > dnsMaxLabel {
			return nil, fmt.Errorf("encode DNS name %q: label %q is empty or longer than %d bytes", q.name, label, dnsMaxLabel)
		}
		b = append(b, byte(len(label)))
		b = append(b, label...)
	}
	b = append(b, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(q.typ))
	return binary.BigEndian.AppendUint16(b, dnsClassINET), nil
}

// parse reads the answer to the question. It fails with errNotOurs if the message answers another one.
func (q dnsQuestion) parse(b []byte) (dnsAnswer, error) {
	if len(b) < dnsHeaderSize {
		return dnsAnswer{}, errors.New("parse DNS answer: it ends inside the header")
	}
	flags := binary.BigEndian.Uint16(b[2:])
	if binary.BigEndian.Uint16(b) != q.id || flags&dnsFlagResponse == 0 {
		return dnsAnswer{}, errNotOurs
	}
	answer := dnsAnswer{truncated: flags&dnsFlagTruncated != 0, code: dnsCode(flags & dnsRcodeMask)}
	questions, records := binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
	switch {
	case questions == 0 && answer.code != DNSNoError:
		return answer, nil // servers in trouble may leave the question out
	case questions != 1:
		return dnsAnswer{}, fmt.Errorf("parse DNS answer: %d questions", questions)
	}
	name, next, err := dnsName(b, dnsHeaderSize)
	if err != nil {
		return dnsAnswer{}, err
	}
	if len(b) < next+4 {
		return dnsAnswer{}, errors.New("parse DNS answer: it ends inside the question")
	}
	if !strings.EqualFold(name, q.name) || dnsType(binary.BigEndian.Uint16(b[next:])) != q.typ ||
		binary.BigEndian.Uint16(b[next+2:]) != dnsClassINET {
		return dnsAnswer{}, errNotOurs
	}
	if answer.code != DNSNoError || answer.truncated {
		return answer, nil
	}
	answer.addresses, err = q.addresses(b, next+4, int(records))
	if err == nil && len(answer.addresses) == 0 {
		answer.code = DNSNoData
	}
	return answer, err
}

// addresses follows the chain of CNAME records that starts at the question's name and returns the addresses at its end.
func (q dnsQuestion) addresses(b []byte, at, records int) ([]netip.Addr, error) {
	var addresses []netip.Addr
	owner := q.name
	for range records {
		name, next, err := dnsName(b, at)
		if err != nil {
			return nil, err
		}
		if len(b) < next+10 {
			return nil, errors.New("parse DNS answer: it ends inside a record")
		}
		typ, class := dnsType(binary.BigEndian.Uint16(b[next:])), binary.BigEndian.Uint16(b[next+2:])
		data := next + 10
		at = data + int(binary.BigEndian.Uint16(b[next+8:]))
		if len(b) < at {
			return nil, errors.New("parse DNS answer: it ends inside a record's data")
		}
		if class != dnsClassINET || !strings.EqualFold(name, owner) {
			continue
		}
		switch typ {
		case q.typ:
			address, ok := netip.AddrFromSlice(b[data:at])
			if !ok || address.Is4() != (q.typ == dnsA) {
				return nil, fmt.Errorf("parse DNS answer: %s record of %d bytes", q.typ, at-data)
			}
			addresses = append(addresses, address)
		case dnsCNAME:
			if owner, _, err = dnsName(b, data); err != nil {
				return nil, err
			}
		}
	}
	return addresses, nil
}

// dnsName reads the possibly compressed name at offset at of message b, and returns the offset behind it.
func dnsName(b []byte, at int) (name string, next int, err error) {
	var labels []byte
	next = -1
	for range dnsMaxIndirections + dnsMaxName {
		if at >= len(b) {
			break
		}
		length := int(b[at])
		switch {
		case length == 0:
			if next < 0 {
				next = at + 1
			}
			return string(labels), next, nil
		case length&0xc0 == 0xc0: // a pointer
			if at+1 >= len(b) {
				return "", 0, errors.New("parse DNS name: it ends inside a pointer")
			}
			if next < 0 {
				next = at + 2
			}
			at = length&0x3f<<8 | int(b[at+1])
		case length > dnsMaxLabel:
			return "", 0, fmt.Errorf("parse DNS name: unknown label type %#x", length)
		default:
			if at+1+length > len(b) || len(labels)+length+2 > dnsMaxName {
				return "", 0, errors.New("parse DNS name: a label is cut or the name too long")
			}
			if len(labels) > 0 {
				labels = append(labels, '.')
			}
			labels = append(labels, b[at+1:at+1+length]...)
			at += 1 + length
		}
	}
	return "", 0, errors.New("parse DNS name: it has no end")
}

func dnsCode(rcode uint16) DNSCode {
	switch rcode {
	case 0:
		return DNSNoError
	case dnsRcodeServFail:
		return DNSServFail
	case dnsRcodeNXDomain:
		return DNSNXDomain
	case dnsRcodeRefused:
		return DNSRefused
	default:
		return DNSOther
	}
}
