package probe

import (
	"net/netip"
	"time"
)

// Result is the answer to one Attempt: what was seen, and what it means. It travels as one line of JSON, flat, with
// durations in nanoseconds.
type Result struct {
	// ID is that of the Attempt.
	ID string `json:"id,omitempty"`
	Reading
	Observation
}

// Reading is what an Observation means. [Classify] makes it.
type Reading struct {
	Outcome Outcome `json:"outcome"`
	// Where is set for Timeout.
	Where Where `json:"where,omitempty"`
	// Origin is set for Refused and Rejected.
	Origin Origin `json:"origin,omitempty"`
	// Reason is one line for a human.
	Reason string `json:"reason"`
	// ErrorProbability is the chance q^k that loss alone made this silence. Set for Timeout and Stalled.
	ErrorProbability float64 `json:"errorProbability,omitempty"`
	// Inconclusive says that the outcome is the best reading of too little evidence, and must decide no verdict.
	Inconclusive bool `json:"inconclusive,omitempty"`
}

// Phase is a stage of an attempt.
type Phase string

// The phases, in order.
const (
	PhaseLookup   Phase = "lookup"   // asking for the address of a name
	PhaseConnect  Phase = "connect"  // UDP has no such phase
	PhaseExchange Phase = "exchange" // waiting for our nonce, the HTTP status or the DNS answer
	PhaseDone     Phase = "done"     // the answer came, whoever gave it
)

// Observation is the raw record of one attempt. It states facts only; absent facts are zero.
type Observation struct {
	// Start is when the attempt began, in UTC, before the lookup.
	Start time.Time `json:"start"`
	// Elapsed is the whole duration of the attempt, with lookup and confirmation.
	Elapsed time.Duration `json:"elapsedNs"`
	// Phase is the furthest phase that any socket reached.
	Phase Phase `json:"phase"`
	// Failure says why we could not ask, in words (cancelled, out of descriptors, bad attempt); empty otherwise.
	Failure string `json:"failure,omitempty"`

	Nonce Nonce `json:"nonce,omitzero"`
	// Remote is the address asked, Local that of the deciding socket (of the first one after silence).
	Remote netip.AddrPort `json:"remote,omitzero"`
	Local  netip.AddrPort `json:"local,omitzero"`
	// Ports are the local ports of all sockets, in the order of opening, for finding them in the destination's log.
	Ports []uint16 `json:"ports,omitempty"`

	// Tries counts the packets that asked and stayed unanswered or were answered last: SYNs, INITs or datagrams, with
	// the kernel's retransmissions.
	Tries int `json:"tries,omitempty"`
	// DataTries counts transmissions of the request on connected sockets.
	DataTries int `json:"dataTries,omitempty"`
	// Rounds counts rounds begun: 2 means that silence was confirmed.
	Rounds int `json:"rounds,omitempty"`
	// Waited is the time from the first packet to the end of the waiting.
	Waited time.Duration `json:"waitedNs,omitempty"`

	// Connect is the time of the handshake, Exchange that from the request to the whole answer, both of the deciding
	// socket. For UDP Exchange is the round trip.
	Connect  time.Duration `json:"connectNs,omitempty"`
	Exchange time.Duration `json:"exchangeNs,omitempty"`

	// Held says that the connection was answered once and then held: all that follows concerns its later fate.
	Held bool `json:"held,omitempty"`

	// Errno is the name of the deciding error, such as ECONNREFUSED, and Call where it came from.
	Errno string `json:"errno,omitempty"`
	Call  Call   `json:"call,omitempty"`
	// ICMP is the message from the error queue that came with it.
	ICMP *ICMP `json:"icmp,omitempty"`
	// EOF says that the peer closed the connection before it had answered.
	EOF bool `json:"eof,omitempty"`
	// ResetHops compares who reset with who answers elsewhere on the host, where Attempt.OpenPort asked for it.
	ResetHops *HopLimit `json:"resetHops,omitempty"`
	// ICMPLimited says that the budget of ICMP errors of the destination or of a box on the way was used up while this
	// attempt stayed silent, so that a refusal may have been suppressed.
	ICMPLimited bool `json:"icmpLimited,omitempty"`

	// TCPInfo is that of the deciding socket (of the first one after silence).
	TCPInfo *TCPInfo `json:"tcpInfo,omitempty"`

	// Identity is what the responder said, whoever it was.
	Identity *Identity `json:"identity,omitempty"`
	// Unsigned says that the prober has a token and that the answer was not signed with it.
	Unsigned bool `json:"unsigned,omitempty"`
	// ForeignAnswer holds the first bytes of an answer that is none of our responder's, at most 64.
	ForeignAnswer string `json:"foreignAnswer,omitempty"`
	// HTTPStatus is the status code of an HTTP attempt.
	HTTPStatus int `json:"httpStatus,omitempty"`

	// Queries are the DNS questions that were asked, for a name or by a DNS attempt.
	Queries []Query `json:"queries,omitempty"`
}

// Call is the operation that an errno came from.
type Call string

// The calls.
const (
	CallSocket  Call = "socket"   // creating the socket or setting it up
	CallConnect Call = "connect"  // returned by connect(2) itself: no packet left
	CallSend    Call = "send"     // returned by send(2)
	CallReceive Call = "receive"  // returned by recv(2)
	CallPending Call = "SO_ERROR" // found pending on the socket after connect
	CallSoft    Call = "deadline" // found by SO_ERROR at the deadline: a soft error (tcp_v4_err in Linux)
)

// ICMP is one message of the error queue, see IP_RECVERR in ip(7) and IPV6_RECVERR in ipv6(7).
type ICMP struct {
	// Version is 4 or 6; 0 says that the error was made by this host without a message (SO_EE_ORIGIN_LOCAL).
	Version int   `json:"version"`
	Type    uint8 `json:"type"`
	Code    uint8 `json:"code"`
	// Offender is the address that sent the message.
	Offender netip.Addr `json:"offender,omitzero"`
	// Errno is the kernel's translation.
	Errno string `json:"errno,omitempty"`
	// MTU of the next hop, where the message says one.
	MTU uint32 `json:"mtu,omitempty"`
}

// HopLimit compares the hop limit (TTL) with which resets arrive with that of the answers of the same address. It is
// learnt with IP_MINTTL and IPV6_MINHOPCOUNT, which drop packets that travelled too far. Zero means not learnt.
type HopLimit struct {
	Reset  int `json:"reset,omitempty"`
	Answer int `json:"answer,omitempty"`
}

// TCPInfo are the figures of TCP_INFO that evidence needs, see tcp(7).
type TCPInfo struct {
	State        string        `json:"state,omitempty"`
	Retransmits  int           `json:"retransmits,omitempty"`
	TotalRetrans int           `json:"totalRetrans,omitempty"`
	Unacked      int           `json:"unacked,omitempty"`
	RTT          time.Duration `json:"rttNs,omitempty"`
	PathMTU      int           `json:"pathMtu,omitempty"`
	BytesAcked   uint64        `json:"bytesAcked,omitempty"`
}

// Query is one DNS question to one server and its answer.
type Query struct {
	Name   string         `json:"name"`
	Type   string         `json:"type"` // A or AAAA
	Server netip.AddrPort `json:"server"`
	TCP    bool           `json:"tcp,omitempty"`
	// Code is what came back.
	Code DNSCode `json:"code"`
	// Errno and ICMP tell why nothing came, where the network said so.
	Errno string `json:"errno,omitempty"`
	ICMP  *ICMP  `json:"icmp,omitempty"`
	// Tries counts datagrams or connects.
	Tries     int           `json:"tries,omitempty"`
	Elapsed   time.Duration `json:"elapsedNs"`
	Addresses []netip.Addr  `json:"addresses,omitempty"`
	// Truncated says that the UDP answer was cut, so that TCP followed.
	Truncated bool `json:"truncated,omitempty"`
}

// DNSCode is the answer to a Query, or what came instead.
type DNSCode string

// The codes.
const (
	DNSNoError     DNSCode = "noerror"
	DNSNoData      DNSCode = "nodata" // the name exists, without an address of the type
	DNSNXDomain    DNSCode = "nxdomain"
	DNSServFail    DNSCode = "servfail"
	DNSRefused     DNSCode = "refused"
	DNSOther       DNSCode = "other-rcode"
	DNSMalformed   DNSCode = "malformed"
	DNSTimeout     DNSCode = "timeout"
	DNSUnreachable DNSCode = "unreachable" // ICMP, RST or a local error: see Errno
)
