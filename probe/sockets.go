package probe

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// SocketState is the state of a socket in the kernel's tables, of those that are evidence.
type SocketState string

// The states, numbered as in the kernel's include/net/tcp_states.h.
const (
	// SocketSYNReceived: a SYN came and our SYN-ACK is not acknowledged: either it is under way or the return path
	// drops it.
	SocketSYNReceived SocketState = "syn-received"
	// SocketListening: connections (TCP) or datagrams from anywhere (UDP) are taken.
	SocketListening SocketState = "listening"
)

// SocketRow is one row of /proc/net/tcp, tcp6, udp or udp6.
type SocketRow struct {
	Protocol Protocol       `json:"protocol"`
	State    SocketState    `json:"state"`
	Local    netip.AddrPort `json:"local"`
	Remote   netip.AddrPort `json:"remote,omitzero"`
}

// The states of the kernel that mean something to us, in hexadecimal. An unconnected UDP socket is in state CLOSE.
const (
	stateTCPSYNReceived = "03"
	stateTCPListening   = "0A"
	stateUDPUnconnected = "07"
)

// readSockets returns the rows of the tables in dir (/proc/net or alike) that keep wants, at most limit. It is complete
// unless limit left one out. The tables of IPv6 are missing where the kernel lacks it.
func readSockets(dir string, limit int, keep func(SocketRow) bool) (rows []SocketRow, complete bool, err error) {
	complete = true
	collect := func(row SocketRow) {
		if !keep(row) {
			return
		}
		if len(rows) == limit {
			complete = false
			return
		}
		rows = append(rows, row)
	}
	for _, table := range [...]struct {
		name     string
		optional bool
		protocol Protocol
	}{
		{"tcp", false, TCP}, {"tcp6", true, TCP}, {"udp", false, UDP}, {"udp6", true, UDP},
	} {
		path := filepath.Join(dir, table.name)
		text, err := os.ReadFile(path)
		if err != nil && table.optional && os.IsNotExist(err) {
			continue
		}
		if err == nil {
			err = parseSockets(string(text), table.protocol, collect)
		}
		if err != nil {
			return nil, false, fmt.Errorf("read sockets %q: %w", path, err)
		}
	}
	return rows, complete, nil
}

// parseSockets calls row for each row of a table that is in one of our states. The format is that of tcp4_seq_show and
// its siblings in the kernel: a heading, then rows whose second to fourth words are local address, remote address and
// state.
func parseSockets(text string, protocol Protocol, row func(SocketRow)) error {
	_, text, _ = strings.Cut(text, "\n")
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 4 {
			return fmt.Errorf("row %q has no state", strings.TrimSpace(line))
		}
		state := socketState(protocol, words[3])
		if state == "" {
			continue
		}
		local, err := parseKernelAddress(words[1])
		if err != nil {
			return fmt.Errorf("local address %q: %w", words[1], err)
		}
		remote, err := parseKernelAddress(words[2])
		if err != nil {
			return fmt.Errorf("remote address %q: %w", words[2], err)
		}
		if state == SocketListening {
			remote = netip.AddrPort{}
		}
		row(SocketRow{Protocol: protocol, State: state, Local: local, Remote: remote})
	}
	return nil
}

func socketState(protocol Protocol, hexadecimal string) SocketState {
	switch {
	case protocol == TCP && hexadecimal == stateTCPSYNReceived:
		return SocketSYNReceived
	case protocol == TCP && hexadecimal == stateTCPListening, protocol == UDP && hexadecimal == stateUDPUnconnected:
		return SocketListening
	}
	return ""
}

// parseKernelAddress reads an address and port such as 0100007F:1F90. The kernel prints the address as words of 32 bits
// in the machine's byte order, and the port as a number.
func parseKernelAddress(text string) (netip.AddrPort, error) {
	address, port, found := strings.Cut(text, ":")
	if !found {
		return netip.AddrPort{}, errors.New("it has no port")
	}
	bytes, err := hex.DecodeString(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if len(bytes) != 4 && len(bytes) != 16 {
		return netip.AddrPort{}, fmt.Errorf("it has %d bytes", len(bytes))
	}
	for i := 0; i < len(bytes); i += 4 {
		binary.NativeEndian.PutUint32(bytes[i:], binary.BigEndian.Uint32(bytes[i:]))
	}
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	ip, _ := netip.AddrFromSlice(bytes)
	return netip.AddrPortFrom(ip.Unmap(), uint16(number)), nil
}
