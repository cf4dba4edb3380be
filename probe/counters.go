package probe

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Counters are figures of one network namespace since it was made, both families added up. The names are those of the
// Linux MIB tables (/proc/net/snmp, snmp6, netstat, sctp/snmp). All traffic of the namespace counts, so a difference
// proves something about one attempt only if nothing else happened meanwhile.
type Counters struct {
	Time time.Time `json:"time"`

	// InSegs counts TCP segments received, OutRsts resets sent, PassiveOpens handshakes that the other side began.
	InSegs       uint64 `json:"inSegs"`
	OutRsts      uint64 `json:"outRsts"`
	PassiveOpens uint64 `json:"passiveOpens"`
	// ListenOverflows counts connections lost because an accept queue was full, ListenDrops those and all other SYNs
	// that a listener could not take.
	ListenOverflows uint64 `json:"listenOverflows"`
	ListenDrops     uint64 `json:"listenDrops"`
	// LockDroppedIcmps counts ICMP errors that came while the socket was in use and were lost to it.
	LockDroppedIcmps uint64 `json:"lockDroppedIcmps"`
	// TCPSynRetrans counts SYNs and SYN-ACKs sent again.
	TCPSynRetrans uint64 `json:"tcpSynRetrans"`

	// InDatagrams counts UDP datagrams delivered, NoPorts those to a port where nothing listened, InErrors those lost
	// for another reason, such as a full buffer.
	InDatagrams uint64 `json:"inDatagrams"`
	NoPorts     uint64 `json:"noPorts"`
	InErrors    uint64 `json:"inErrors"`

	// OutDestUnreachs and InDestUnreachs count the ICMP messages "destination unreachable".
	OutDestUnreachs uint64 `json:"outDestUnreachs"`
	InDestUnreachs  uint64 `json:"inDestUnreachs"`
	// OutRateLimit counts ICMP messages that were not sent because of a rate limit (IPv4, newer kernels).
	OutRateLimit uint64 `json:"outRateLimit"`

	// SctpOutOfBlues counts SCTP packets that belonged to no association, such as an INIT to a closed port.
	SctpOutOfBlues uint64 `json:"sctpOutOfBlues"`
}

// fields maps the names of the MIB tables to the figures that they add to.
func (c *Counters) fields() map[string]*uint64 {
	return map[string]*uint64{
		"TcpInSegs":              &c.InSegs,
		"TcpOutRsts":             &c.OutRsts,
		"TcpPassiveOpens":        &c.PassiveOpens,
		"TcpExtListenOverflows":  &c.ListenOverflows,
		"TcpExtListenDrops":      &c.ListenDrops,
		"TcpExtLockDroppedIcmps": &c.LockDroppedIcmps,
		"TcpExtTCPSynRetrans":    &c.TCPSynRetrans,
		"UdpInDatagrams":         &c.InDatagrams,
		"Udp6InDatagrams":        &c.InDatagrams,
		"UdpNoPorts":             &c.NoPorts,
		"Udp6NoPorts":            &c.NoPorts,
		"UdpInErrors":            &c.InErrors,
		"Udp6InErrors":           &c.InErrors,
		"IcmpOutDestUnreachs":    &c.OutDestUnreachs,
		"Icmp6OutDestUnreachs":   &c.OutDestUnreachs,
		"IcmpInDestUnreachs":     &c.InDestUnreachs,
		"Icmp6InDestUnreachs":    &c.InDestUnreachs,
		"IcmpOutRateLimitGlobal": &c.OutRateLimit,
		"IcmpOutRateLimitHost":   &c.OutRateLimit,
		"SctpOutOfBlues":         &c.SctpOutOfBlues,
	}
}

// Since returns what was added after before was read. A counter that shrank, because the two are not of one
// namespace, adds nothing.
func (c Counters) Since(before Counters) Counters {
	now, then := c.fields(), before.fields()
	for name, value := range now {
		*value -= min(*value, *then[name])
		*then[name] = 0 // several names share one figure, from which to subtract once
	}
	return c
}

// readCounters reads the tables in dir, /proc/net or alike. The tables of IPv6 and SCTP are missing where the kernel
// lacks those.
func readCounters(dir string) (Counters, error) {
	c := Counters{Time: time.Now().UTC()}
	for _, table := range [...]struct {
		name     string
		optional bool
		parse    func(string, map[string]*uint64) error
	}{
		{"snmp", false, parsePairedTable},
		{"netstat", false, parsePairedTable},
		{"snmp6", true, parseListTable},
		{"sctp/snmp", true, parseListTable},
	} {
		path := filepath.Join(dir, table.name)
		text, err := os.ReadFile(path)
		if err != nil && table.optional && os.IsNotExist(err) {
			continue
		}
		if err == nil {
			err = table.parse(string(text), c.fields())
		}
		if err != nil {
			return Counters{}, fmt.Errorf("read counters %q: %w", path, err)
		}
	}
	return c, nil
}

// parsePairedTable adds up a table of the format of /proc/net/snmp and netstat: a line of names, and under it a line of
// values, both beginning with "Group:".
func parsePairedTable(text string, fields map[string]*uint64) error {
	var names []string
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if names == nil {
			names = words
			continue
		}
		if words[0] != names[0] || len(words) != len(names) {
			return fmt.Errorf("group %q has %d names, and under them are %d values of %q", names[0], len(names)-1, len(words)-1, words[0])
		}
		group := strings.TrimSuffix(names[0], ":")
		for i, name := range names[1:] {
			if err := addCounter(fields[group+name], words[i+1]); err != nil {
				return fmt.Errorf("counter %q of group %q: %w", name, group, err)
			}
		}
		names = nil
	}
	if names != nil {
		return fmt.Errorf("group %q has names and no values", names[0])
	}
	return nil
}

// parseListTable adds up a table of the format of /proc/net/snmp6: a name and a value in each line.
func parseListTable(text string, fields map[string]*uint64) error {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) != 2 {
			return fmt.Errorf("line %q is no name and value", strings.TrimSpace(line))
		}
		if err := addCounter(fields[words[0]], words[1]); err != nil {
			return fmt.Errorf("counter %q: %w", words[0], err)
		}
	}
	return nil
}

// addCounter adds the number to the field, if anybody wants it. Unwanted values may be negative (Tcp MaxConn is -1).
func addCounter(field *uint64, number string) error {
	if field == nil {
		return nil
	}
	value, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return err
	}
	*field += value
	return nil
}
