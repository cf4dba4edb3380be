package probe

import (
	"time"

	"golang.org/x/sys/unix"
)

// tcpStates are the states of enum in include/net/tcp_states.h, from 1.
var tcpStates = [...]string{
	"", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK",
	"LISTEN", "CLOSING", "NEW_SYN_RECV",
}

// newTCPInfo keeps of the kernel's figures those that are evidence. It returns nil for nil.
func newTCPInfo(info *unix.TCPInfo) *TCPInfo {
	if info == nil {
		return nil
	}
	kept := &TCPInfo{
		Retransmits: int(info.Retransmits), TotalRetrans: int(info.Total_retrans), Unacked: int(info.Unacked),
		RTT: time.Duration(info.Rtt) * time.Microsecond, PathMTU: int(info.Pmtu), BytesAcked: info.Bytes_acked,
	}
	if int(info.State) < len(tcpStates) {
		kept.State = tcpStates[info.State]
	}
	return kept
}
